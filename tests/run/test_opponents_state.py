"""Earlier policies in a checkpoint: they go on to the same bits, and foreign ones are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.golden_checkpoint import vouch_for
from trainer.config.schema import Config
from trainer.errors import InvalidState
from trainer.ppo.algorithm_config import network_specs
from trainer.ppo_trainer import create_ppo_trainer, train
from trainer.run.identity import RunOrigin
from trainer.run.saved_run import SavedRun
from trainer.run.saved_state.resume_state import ResumeState, read_resume_state
from trainer.run.warmstart_pools import load_pools

TEAMS = ("seeker", "hider")


def config(folder: Path, **groups: dict[str, Any]) -> Config:
    """A tiny run of 5 iterations that is saved after the third; episodes outlast a rollout."""
    values: dict[str, dict[str, Any]] = {
        "env": {"num_layouts": 3, "episode_steps": 12, "prep_steps": 3},
        "ppo": {
            **{"rollout_length": 8, "minibatch_size": 32, "hiddens": [8], "normalize_obs": True},
            **{"num_iterations": 5, "checkpoint_freq": 3, "checkpoint_dir": str(folder)},
        },
        "ray": {"num_envs_per_env_runner": 12},
        "train": {"torch_threads": 2},
        "opponents": {"share": 0.5, "every": 1, "pool": 3, "draw": "hard"},
        "evaluation": {"every": None},
        "tracking": {"tensorboard_dir": None},
    }
    for group, own in groups.items():
        values[group] = {**values.get(group, {}), **own}
    return Config.from_dict(values)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of iteration 3."""
    folder = tmp_path_factory.mktemp("run") / "checkpoints"
    train(config(folder), until=3)
    return folder / "checkpoint_000003"


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "checkpoints" / checkpoint.name))


def read(checkpoint: Path) -> ResumeState:
    now = config(checkpoint.parent)
    return read_resume_state(
        SavedRun.open(checkpoint), network_specs(now, now.played.spec.teams), now
    )


def told(folder: Path) -> dict[str, Any]:
    """What a checkpoint holds but times, and the schedules, which note where a run was resumed."""
    state = json.loads((folder / "training_state/state.json").read_text())
    state["progress"].pop("time_total_s")
    state.pop("schedules")
    arrays: dict[str, bytes] = {}
    for file in sorted((folder / "training_state").glob("*.npz")):
        with np.load(file) as loaded:
            arrays |= {f"{file.name} {name}": loaded[name].tobytes() for name in loaded.files}
    weights = [file.read_bytes() for file in sorted(folder.glob("policies/*/*"))]
    return {**state, **arrays, "weights": weights}


@pytest.mark.parametrize(
    ("engine", "every", "runners"),
    [
        ("fused", None, 0),
        ("fused", 2, 0),
        ("torch", 2, 0),
        pytest.param("fused", None, 2, marks=pytest.mark.slow),
        pytest.param("torch", None, 2, marks=pytest.mark.slow),
    ],
)
def test_a_resumed_run_has_the_same_opponents_to_the_bit(
    tmp_path: Path, engine: str, every: int | None, runners: int
) -> None:
    ray = {"num_env_runners": runners}
    plan = config(tmp_path, train={"engine": engine, "alternate": {"every": every}}, ray=ray)
    train(plan)
    straight = told(tmp_path / "checkpoint_000005")
    shutil.rmtree(tmp_path / "checkpoint_000005")
    train(plan, origin=RunOrigin(saved=SavedRun.open(tmp_path / "checkpoint_000003")))
    resumed = told(tmp_path / "checkpoint_000005")
    assert resumed["opponents"] == straight["opponents"]
    assert [m["iteration"] for m in straight["opponents"]["pools"]["seeker"]] == [0, 3, 4]
    assert f"worlds_{min(runners, 1)}.npz meetings_of_worlds" in straight
    assert resumed.keys() == straight.keys()
    assert [key for key in straight if straight[key] != resumed[key]] == []


LEVELS = {
    "levels": ["L0", "L1", "Q"],
    **{"earlier_share": 0.25, "promote": {"metric": "seen_fraction", "above": -1, "iterations": 2}},
}
EVALUATED = {"every": 2, "games": 8, "past": 2}


@pytest.mark.parametrize(
    "groups",
    [
        {"env": {"curriculum": LEVELS, "restart_share": 0.3}},
        {"env": {"level": "L1"}, "ppo": {"critic": "state"}},
        pytest.param(
            {"ray": {"num_env_runners": 2, "num_learners": 1}, "opponents": {"share": 0.2}},
            marks=pytest.mark.slow,
        ),
        pytest.param({"ray": {"num_env_runners": 1, "num_learners": 2}}, marks=pytest.mark.slow),
    ],
    ids=["curriculum", "state", "one learner", "two learners"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ray's data, which learners import
def test_so_do_runs_with_much_else_that_are_evaluated(
    tmp_path: Path, groups: dict[str, dict[str, Any]]
) -> None:
    plan = config(tmp_path, **groups, evaluation=EVALUATED)
    train(plan)
    straight = told(tmp_path / "checkpoint_000005")
    shutil.rmtree(tmp_path / "checkpoint_000005")
    train(plan, origin=RunOrigin(saved=SavedRun.open(tmp_path / "checkpoint_000003")))
    again = told(tmp_path / "checkpoint_000005")
    assert straight["ratings"].keys() == set(TEAMS)
    assert [m["iteration"] for m in straight["opponents"]["pools"]["hider"]] == [0, 3, 4]
    assert again.keys() == straight.keys()
    assert [key for key in straight if straight[key] != again[key]] == []


def resumed(checkpoint: Path, **groups: dict[str, Any]) -> tuple[Any, list[str]]:
    trainer, _ = create_ppo_trainer(config(checkpoint.parent, **groups), checkpoint)
    trainer.stop()
    return trainer, list(trainer.restore_notes)


def test_the_pool_may_be_smaller_and_drawn_otherwise(checkpoint: Path) -> None:
    trainer, _ = resumed(checkpoint, opponents={"pool": 2, "draw": "uniform", "share": 0.25})
    for team in TEAMS:
        assert [m.iteration for m in trainer.opponents[team].members] == [0, 2]


def test_without_opponents_the_pool_is_left_behind(checkpoint: Path) -> None:
    trainer, notes = resumed(checkpoint, opponents={"share": 0.0})
    assert trainer.opponents == {}
    assert any("earlier policies are left behind" in note for note in notes)


def test_an_older_checkpoint_resumes_with_an_empty_pool(tmp_path: Path) -> None:
    plan = {"opponents": {"share": 0.0}}
    train(config(tmp_path, **plan), until=3)
    assert not (tmp_path / "checkpoint_000003/training_state/opponents.npz").exists()
    state = json.loads((tmp_path / "checkpoint_000003/training_state/state.json").read_text())
    assert "opponents" not in state
    trainer, _ = create_ppo_trainer(config(tmp_path), tmp_path / "checkpoint_000003")
    assert [pool.members for pool in trainer.opponents.values()] == [[], []]
    trainer.train()
    assert [m.iteration for m in trainer.opponents["seeker"].members] == [3]
    trainer.stop()


@pytest.mark.parametrize("along", [False, True])
def test_a_warm_start_may_take_the_pools_along(
    checkpoint: Path, tmp_path: Path, along: bool
) -> None:
    plan = config(
        tmp_path,
        initialization={"warmstart": {"checkpoint": str(checkpoint), "opponents": along}},
    )
    sources = {"hider_policy": checkpoint}
    trainer, _ = create_ppo_trainer(plan, warmstart=sources)
    trainer.train()
    found = {team: [m.iteration for m in trainer.opponents[team].members] for team in TEAMS}
    assert found == {"seeker": [0], "hider": [-4, -2, 0] if along else [0]}
    told = "earlier policies as opponents: 3 of the hiders"
    assert (told in trainer.restore_notes) == along
    trainer.stop()


def test_members_too_old_to_be_numbered_are_not_taken_along(copy: Path) -> None:
    file = copy / "training_state/state.json"
    state = json.loads(file.read_text())
    state["opponents"]["pools"]["hider"][0]["iteration"] = -(2**53)
    file.write_text(json.dumps(state))
    vouch_for(copy)
    read(copy)  # it can be resumed
    with pytest.raises(InvalidState, match="opponents: iteration = -9007199254740996, not a whole"):
        load_pools({"hider_policy": copy}, TEAMS)


Change = Callable[[dict[str, Any]], Any]


def put(*path: Any) -> Change:
    """A change: the last of `path` at the place that the others lead to."""
    *way, key, value = path

    def change(state: dict[str, Any]) -> None:
        place: Any = state
        for step in way:
            place = place[step]
        place[key] = value

    return change


MEMBER = ("opponents", "pools", "seeker", 1)
MATCHES = ("opponents", "matches")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("opponents", []), "opponents is [], not a group"),
        (put("opponents", "pools", {}), "pools lacks 'seeker'"),
        (put("opponents", "pools", "hider", {}), "pools.hider is {}, not a list"),
        (put("opponents", "pools", "hider", [{}] * 65), "has 65 members, more than 64"),
        (put("opponents", "pools", "hider", []), "pool_1 has the shape (3, "),
        (put(*MEMBER, "iteration", 0), "the member of iteration 0 comes after that of 0"),
        (put(*MEMBER, "iteration", 3), "iteration = 3, not a whole number"),
        (put(*MEMBER, "iteration", 1.0), "iteration = 1.0, not a whole number"),
        (put(*MEMBER, "mu", float("nan")), "mu = nan"),
        (put(*MEMBER, "mu", 1001.0), "mu = 1001.0, not a number from -1000.0 to 1000.0"),
        (put(*MEMBER, "sigma", -1.0), "sigma = -1.0"),
        (put(*MEMBER, "sigma", 3e38), "sigma = 3e+38, not a number from 0.0 to 100.0"),
        (put("ratings", "hider", [3e38, 1.0]), "ratings.hider = 3e+38, not a number from"),
        (put(*MEMBER, "games", -1.0), "games = -1.0"),
        (put(*MEMBER, "wins", 1e9), "wins = 1000000000.0, not a number from 0.0 to"),
        (put(*MEMBER, "x", 1), "has 'x', which is unknown"),
        (put(*MATCHES, {}), "matches lacks 'random'"),
        (put(*MATCHES, "random", "bit_generator", "MT19937"), "is of MT19937, not of PCG64"),
        (put(*MATCHES, "slot", -1), "slot = -1"),
        (put(*MATCHES, "since", "x"), "since = x"),
        (put(*MATCHES, "drawn", "0", "seeker", [0.5]), "drawn.0.seeker = 0.5"),
        (put(*MATCHES, "drawn", "0", "seeker", [0] * 65), "drawn.0.seeker has 65 members"),
        (put(*MATCHES, "drawn", "0", {}), "drawn.0 lacks 'seeker'"),
    ],
)  # fmt: skip
def test_plain_values_that_no_training_has_written(
    copy: Path, change: Change, message: str
) -> None:
    file = copy / "training_state/state.json"
    state = json.loads(file.read_text())
    change(state)
    file.write_text(json.dumps(state))
    assert message in refusal(copy)


def refusal(checkpoint: Path) -> str:
    """The message with which a checkpoint is refused that has a manifest that fits."""
    vouch_for(checkpoint)
    with pytest.raises(InvalidState) as caught:
        read(checkpoint)
    (line,) = str(caught.value).splitlines()
    return line


def changed(arrays: dict[str, np.ndarray], **others: Any) -> dict[str, np.ndarray]:
    return {**arrays, **others}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: changed(a, pool_0=a["pool_0"][:2]), "pool_0 has the shape (2, "),
        (lambda a: changed(a, pool_0=a["pool_0"][:, 1:]), "pool_0 has the shape (3, "),
        (lambda a: changed(a, pool_1=a["pool_1"].astype("f8")), "of float64"),
        (
            lambda a: changed(a, pool_1=np.full_like(a["pool_1"], np.inf)),
            "pool_1 holds a number that is not",
        ),
        (lambda a: changed(a, pool_1=-np.ones_like(a["pool_1"])), "normalizer.var is negative"),
        (
            lambda a: changed(a, pool_0=np.full_like(a["pool_0"], 3e38)),
            "pool_0: actor.0.weight holds 3e+38, more than 1e+09",
        ),
        (lambda a: changed(a, x=np.zeros(1)), "'x', which is unknown"),
        (lambda a: {"pool_0": a["pool_0"]}, "lacks 'pool_1'"),
        (lambda a: changed(a, x=np.zeros(10**6)), "opponents.npz"),
    ],
)
def test_arrays_that_no_training_has_written(
    copy: Path, change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]], message: str
) -> None:
    file = copy / "training_state/opponents.npz"
    with np.load(file) as loaded:
        arrays = {name: loaded[name] for name in loaded.files}
    np.savez(file, **change(arrays))  # type: ignore[arg-type]
    assert message in refusal(copy)


def test_objects_are_not_unpickled_and_a_missing_file_is_named(copy: Path) -> None:
    file = copy / "training_state/opponents.npz"
    np.savez(file, pool_0=np.array([{}], object))
    assert "opponents.npz: pool_0 is no array of plain numbers" in refusal(copy)
    file.unlink()
    assert "opponents.npz" in refusal(copy)


def test_meetings_that_no_training_has_written(copy: Path) -> None:
    file = copy / "training_state/worlds_0.npz"
    with np.load(file) as loaded:
        arrays = {name: loaded[name] for name in loaded.files}
    for values, message in (
        (np.zeros(12), "of float64 are no meetings of 12 worlds"),
        (np.zeros(11, np.int64), "are no meetings of 12 worlds"),
        (np.full(12, 2**61), "holds a number that is no meeting"),
    ):
        np.savez(file, **{**arrays, "meetings_of_worlds": values})
        assert "worlds of runner 0: meetings_of_worlds: " in refusal(copy)
        assert message in refusal(copy)
