"""`main.py` and `continue_training.py` in real processes: what they write, refuse and resume."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tests.scripts.conftest import SMALL, Desk, copy_of

Trained = tuple[Desk, str]


def test_a_run_leaves_what_the_layout_promises(trained: Trained) -> None:
    desk, printed = trained
    folder = desk.work / "checkpoints"
    assert desk.checkpoints() == ["checkpoint_000002", "checkpoint_000004"]
    for iteration in (2, 4):
        assert (folder / f"training_metrics_iter_{iteration}.png").stat().st_size > 10_000
        rows = json.loads((folder / f"metrics_iter_{iteration}.json").read_text())
        assert [row["iteration"] for row in rows] == list(range(1, iteration + 1))
    saved = folder / "checkpoint_000004"
    for part in (
        "algorithm_state.pkl",
        "rllib_checkpoint.json",
        "learner_group",
        "env_runner",
        "policies/seeker_policy/weights.safetensors",
        "policies/hider_policy/spec.json",
        "training_state/state.json",
        "config.yaml",
        "manifest.json",
    ):
        assert (saved / part).exists(), part
    metadata = json.loads((saved / "metadata.json").read_text())
    assert metadata["iteration"] == 4
    assert metadata["env_steps"] == 4 * 64 * 32
    assert metadata["agent_steps"] == 2 * metadata["env_steps"]
    assert metadata["seeker_reward"] == -metadata["hider_reward"]
    assert metadata["tags"] == ["final"]
    assert metadata["parent"] is None
    assert metadata["versions"]["ray"] == "2.60.0"
    assert "next:" in printed
    assert "continue_training.py ./checkpoints/checkpoint_000004\n" in printed  # to its plan


def test_the_guides_snippet_reads_every_checkpoint(trained: Trained) -> None:
    """Also the one of iteration 2, before any episode has ended."""
    rewards = []
    for folder in sorted((trained[0].work / "checkpoints").glob("checkpoint_*")):
        if (folder / "metadata.json").exists():
            data = json.loads((folder / "metadata.json").read_text())
            rewards.append({"iteration": data["iteration"], "reward": data["reward_mean"]})
    assert rewards[0] == {"iteration": 2, "reward": 0.0}
    best = max(rewards, key=lambda x: x["reward"])
    assert f"{best['reward']:.2f}" == f"{trained[0].history()[-1]['reward_mean']:.2f}"


def test_one_aligned_line_per_iteration(trained: Trained) -> None:
    _, printed = trained
    lines = [line for line in printed.splitlines() if "/4 |" in line]
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    assert "\x1b" not in printed


def test_nothing_is_written_outside_the_working_folder(trained: Trained) -> None:
    desk, _ = trained
    assert list((desk.folder / "home").rglob("*")) == []
    assert list((desk.folder / "tmp").rglob("*")) == []
    assert sorted(p.name for p in desk.work.iterdir()) == ["checkpoints", "runs"]


def test_resuming_continues_to_the_same_bits(trained: Trained, tmp_path: Path, desk: Desk) -> None:
    resumed = copy_of(trained[0], tmp_path / "copy")
    done = resumed.run("continue_training.py", "--yes", "--iterations", "3", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "configuration: as in the checkpoint" in done.stdout
    assert "learner and runners hold the same weights" in done.stdout
    straight = desk.run("main.py", "--until", "7", *SMALL)
    assert straight.returncode == 0, straight.stderr
    last = "checkpoints/checkpoint_000007"
    assert resumed.weights(last) == desk.weights(last)
    assert resumed.history() == desk.history()
    for name in ("worlds_0.npz", "episodes.npz"):
        part = f"{last}/training_state/{name}"
        assert (resumed.work / part).read_bytes() == (desk.work / part).read_bytes()
    assert len(list((resumed.work / "runs").iterdir())) == 1  # the curves of one run


def test_going_on_from_an_older_checkpoint_loses_nothing(trained: Trained, tmp_path: Path) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    before = desk.weights("checkpoints/checkpoint_000004")
    done = desk.run("main.py", "./checkpoints/checkpoint_000002", "--iterations", "2", *SMALL)
    assert done.returncode == 0, done.stderr
    (branch,) = (desk.work / "checkpoints").glob("branch_after_000002_*")
    assert f"newer files moved to ./checkpoints/{branch.name}" in done.stdout.replace("\n", "")
    assert desk.weights(f"checkpoints/{branch.name}/checkpoint_000004") == before
    # The same seed and state: the second time is the first time again.
    assert desk.weights("checkpoints/checkpoint_000004") == before
    assert [row["iteration"] for row in desk.history()] == [1, 2, 3, 4]


def test_a_changed_setting_is_named_and_used(trained: Trained, tmp_path: Path) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    done = desk.run(
        *("main.py", "--resume", "latest", "--iterations", "1", *SMALL),
        *("--set", "ppo.lr=0.002", "--set", "ray.num_envs_per_env_runner=32"),
    )
    assert done.returncode == 0, done.stderr
    assert "ppo.lr" in done.stdout
    assert "0.001 -> 0.002" in done.stdout
    assert "worlds of runner 0 start fresh: 64 worlds in the checkpoint, 32 now" in done.stdout
    saved = yaml.safe_load((desk.work / "checkpoints/checkpoint_000005/config.yaml").read_text())
    assert saved["ppo"]["lr"] == 0.002
    assert desk.history()[-1]["env_steps"] == 4 * 64 * 32 + 32 * 32


def test_another_level_goes_on_with_the_weights_but_in_new_worlds(
    trained: Trained, tmp_path: Path
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    words = ("main.py", "--resume", "4", "--iterations", "2", *SMALL, "--set", "env.level=L1")
    done = desk.run(*words)
    assert done.returncode == 0, done.stderr
    assert "worlds start fresh, the game has changed: env.level L0 -> L1" in done.stdout
    row = desk.history()[-1]
    assert row["iteration"] == 6
    assert row["episodes_completed"] == trained[0].history()[-1]["episodes_completed"]
    assert row["reward_mean"] is None  # no game of the new level has ended yet
    # What the new level has is measured from now on, beside rows that do not know it.
    assert "sealed" not in desk.history()[3]
    assert row["sealed"] is None
    metadata = json.loads((desk.work / "checkpoints/checkpoint_000006/metadata.json").read_text())
    assert metadata["door_blocked"] is None
    plain, taller = (desk.work / f"checkpoints/training_metrics_iter_{k}.png" for k in (4, 6))
    with Image.open(plain) as before, Image.open(taller) as after:
        assert before.height < after.height


@pytest.mark.slow
def test_another_seed_draws_from_new_streams(trained: Trained, tmp_path: Path) -> None:
    weights = set()
    for seed in ("1", "2"):
        desk = copy_of(trained[0], tmp_path / seed)
        words = ("main.py", "--resume", "latest", "--iterations", "1", "--seed", seed)
        done = desk.run(*words, *SMALL)
        assert done.returncode == 0, done.stderr
        assert f"random streams start anew from seed {seed}" in done.stdout
        weights.add(tuple(desk.weights("checkpoints/checkpoint_000005")))
    assert len(weights) == 2


def test_a_folder_of_another_run_is_not_mixed_with_this_one(
    trained: Trained, tmp_path: Path
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    shutil.copytree(desk.work / "checkpoints", desk.work / "other")
    words = ("main.py", "./checkpoints/checkpoint_000002", "--checkpoint-dir", "other", *SMALL)
    done = desk.run(*words)
    assert done.returncode == 2
    assert "other already holds 2 checkpoint(s)" in done.stderr
    assert desk.checkpoints("other") == ["checkpoint_000002", "checkpoint_000004"]
    shutil.rmtree(desk.work / "other")
    done = desk.run(*words, "--iterations", "1")
    assert done.returncode == 0, done.stderr
    assert desk.checkpoints("other") == ["checkpoint_000003"]
    assert [row["iteration"] for row in desk.history("other")] == [1, 2, 3]
    assert len(list((desk.work / "runs").iterdir())) == 2  # the first run's curves stay


def test_the_environment_variable_names_the_checkpoint(trained: Trained, tmp_path: Path) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    desk.variables["RESTORE_CHECKPOINT"] = "./checkpoints/checkpoint_000004"
    done = desk.run("main.py", "--iterations", "1", *SMALL)
    assert done.returncode == 0, done.stderr
    assert desk.checkpoints()[-1] == "checkpoint_000005"
    desk.variables["RESTORE_CHECKPOINT"] = "./checkpoints/checkpoint_000099"
    done = desk.run("main.py", "--iterations", "1", *SMALL)
    assert done.returncode == 3
    assert "RESTORE_CHECKPOINT: Checkpoint path does not exist: " in done.stderr
    assert "no checkpoint for iteration 99" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("main.py",), 2, "already holds 2 checkpoint(s), up to iteration 4"),
        (("main.py", "--fresh"), 2, "main.py --resume latest\n"),
        (("main.py", "--resume", "latest", "--until", "4"), 2, "at iteration 4 already"),
        (("main.py", "7"), 3, "error: no checkpoint for iteration 7 in ./checkpoints; nearest: 4"),
        (("main.py", "checkpoints/best"), 3, "Checkpoint path does not exist: "),
        (("main.py", "./chekpoints/checkpoint_000004"), 3, "/checkpoints/checkpoint_000004?"),
        (("main.py", "--set", "ppo.lrr=1"), 2, "unknown key 'ppo.lrr'; nearest: ppo.lr"),
        (("main.py", "--config", "confg.yaml"), 2, "confg.yaml: no such file"),
        (("main.py", "--resume", "latest", "--fresh"), 2, "not allowed with"),
        (("main.py", "4", "--resume", "latest"), 2, "exclude each other"),
        (("main.py", "--iterations", "0"), 2, "must be at least 1"),
        (("main.py", ""), 2, "the checkpoint is empty"),
        (("main.py", "--set", "ppo.lr=.inf"), 2, "ppo.lr = inf"),
        (("continue_training.py", *SMALL), 2, "no terminal to ask on; add --yes"),
        (("continue_training.py", "--checkpoint-dir", "x"), 3, "no such directory: x; there are"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_or_two(
    trained: Trained, words: tuple[str, ...], code: int, message: str
) -> None:
    desk, _ = trained
    before = sorted(desk.work.rglob("*"))
    done = desk.run(*words)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if not line.startswith("usage")]) <= 6
    assert sorted(desk.work.rglob("*")) == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("flip", "learner_group/learner/state.pkl"),
        pytest.param("policy", "policies/hider_policy", marks=pytest.mark.slow),
    ],
)
def test_a_damaged_checkpoint_gives_way_to_an_older_one(
    trained: Trained, tmp_path: Path, damage: str, message: str
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    folder = desk.work / "checkpoints"
    harm(folder / "checkpoint_000004", damage)
    done = desk.run("continue_training.py", "4", "--yes", "--iterations", "2", *SMALL)
    assert done.returncode == 0, done.stderr
    (aside,) = folder.glob("broken_checkpoint_000004_*")
    assert message in done.stderr
    assert f"moved to {aside.name}" in done.stdout
    assert "resuming from ./checkpoints/checkpoint_000002 instead" in done.stderr
    assert "Traceback" not in done.stderr
    # The same iterations again, to the same bits.
    last = "checkpoints/checkpoint_000004"
    assert desk.weights(last) == trained[0].weights(last)
    assert desk.history() == trained[0].history()


def test_without_any_whole_checkpoint_nothing_is_loaded(trained: Trained, tmp_path: Path) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    for name in desk.checkpoints():
        harm(desk.work / "checkpoints" / name, "flip")
    done = desk.run("main.py", "--resume", "latest", *SMALL)
    assert done.returncode == 3
    assert "no usable checkpoint" in done.stderr
    assert "starting" not in done.stdout


def harm(checkpoint: Path, damage: str) -> None:
    if damage == "policy":
        shutil.rmtree(checkpoint / "policies/hider_policy")
        return
    path = checkpoint / "learner_group/learner/state.pkl"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_another_network_is_refused_before_loading(trained: Trained, tmp_path: Path) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    changed = ("--set", "ppo.hiddens=[32]")
    done = desk.run("continue_training.py", "4", "--yes", "--iterations", "1", *SMALL, *changed)
    assert done.returncode == 2, done.stderr
    assert "ppo.hiddens  [64, 64] -> [32]  REFUSED" in done.stdout
    assert "starting: loading torch" not in done.stdout
    keep, begin = (line for line in done.stderr.splitlines() if ".py" in line)
    assert "continue_training.py ./checkpoints/checkpoint_000004" in keep
    assert "hiddens" not in keep
    assert "main.py --fresh" in begin
    assert keep.endswith(" --iterations 1")
    assert begin.endswith("'ppo.hiddens=[32]' --iterations 1 --checkpoint-dir ./checkpoints_2")
    assert desk.checkpoints() == ["checkpoint_000002", "checkpoint_000004"]


def test_a_hostile_pickle_is_refused_and_never_runs(trained: Trained, tmp_path: Path) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    saved = desk.work / "checkpoints/checkpoint_000004"
    flag = tmp_path / "it_ran"
    hostile = f"cos\nsystem\n(S'touch {flag}'\ntR.".encode()
    (saved / "algorithm_state.pkl").write_bytes(hostile)
    from trainer.checkpoints import manifest

    (saved / "manifest.json").unlink()
    manifest.write(saved)  # also with a matching manifest
    done = desk.run("main.py", "--resume", "4", "--iterations", "1", *SMALL)
    assert done.returncode == 3
    assert "algorithm_state.pkl: refused, it asks for os.system" in done.stderr
    assert not flag.exists()
