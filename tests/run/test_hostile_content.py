"""Content that the manifest vouches for but that no training has written is refused."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import math
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.hide_and_seek.config import HideAndSeekConfig
from tests.checkpoints.hostile import NASTY, places, replaced
from tests.golden_checkpoint import GOLDEN, golden_in, vouch_for
from trainer.config.schema import Config
from trainer.errors import InvalidState
from trainer.ppo.policy_files import PolicyFileError, load_policy, read_spec
from trainer.run.saved_run import SavedRun
from trainer.run.saved_state import plain_arrays
from trainer.run.saved_state.resume_state import read_resume_state
from trainer.run.saved_state.safe_pickle import UnsafePickle
from trainer.run.saved_state.training_state import TrainingState, read_values
from trainer.run.saved_state.training_state_checks import check_training_state

LEARNER = "learner_group/learner/state.pkl"
MODULE = "learner_group/learner/rl_module/hider_policy/module_state.pkl"
LIFETIME = "env_runners--num_env_steps_sampled_lifetime"
HIDER = "hider_policy_default_optimizer"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return golden_in(tmp_path / "checkpoints")


def refusal(checkpoint: Path) -> str:
    """The message with which a checkpoint is refused that has a manifest that fits."""
    vouch_for(checkpoint)
    specs = {p: read_spec(GOLDEN / "policies" / p) for p in ("seeker_policy", "hider_policy")}
    with pytest.raises(InvalidState) as caught:
        read_resume_state(SavedRun.open(checkpoint), specs, Config())
    message = str(caught.value)
    assert str(checkpoint) in message
    assert len(message.splitlines()) == 1
    return message.removeprefix(str(checkpoint))


def change_pickle(checkpoint: Path, name: str, change: Callable[[Any], Any]) -> None:
    state = pickle.loads((checkpoint / name).read_bytes())
    changed = change(state)
    state = state if changed is None else changed
    (checkpoint / name).write_bytes(pickle.dumps(state, 5))


def put(*path: Any) -> Callable[[Any], None]:
    """A change: the last of `path` at the place that the others lead to."""
    *way, key, value = path

    def change(state: Any) -> None:
        for step in way:
            state = state[step]
        if value is None:
            del state[key]
        else:
            state[key] = value

    return change


MOMENTS = ("optimizer", HIDER, "state", "state")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (LEARNER, lambda _: {}, "the optimizers is None, not a group"),
        (LEARNER, lambda _: [], "the state is [], not a group of values"),
        (LEARNER, put("optimizer", {}), "the optimizer of seeker_policy is missing"),
        (LEARNER, put("optimizer", HIDER, None), "the optimizer of hider_policy is missing"),
        (LEARNER, put(*MOMENTS, {}), "the optimizer of hider_policy has not made its 8 steps"),
        (LEARNER, put(*MOMENTS, 0, None), "has buffers for other parameters"),
        (LEARNER, put(*MOMENTS, 0, "step", math.nan), "step holds a number that is not finite"),
        (LEARNER, put(*MOMENTS, 0, "step", -1.0), "step = -1.0"),
        (LEARNER, put(*MOMENTS, 0, "step", 1.0), "has not made its 8 steps"),
        (LEARNER, put(*MOMENTS, 0, "exp_avg", np.zeros((8, 157), np.float32)), "has the shape"),
        (LEARNER, put(*MOMENTS, 0, "exp_avg", np.zeros((8, 158), np.int32)), "of int32, not"),
        (LEARNER, put(*MOMENTS, 1, "exp_avg_sq", -np.ones(8, np.float32)), "is negative"),
        (LEARNER, put("weights_seq_no", -1), "weights_seq_no = -1, not a whole number"),
        (LEARNER, put("metrics_logger", "stats", "x", {}), "x is no statistic"),
        (MODULE, lambda _: {}, "the weights lacks 'net.normalizer.mean'"),
        (MODULE, put("net.actor.0.bias", None), "the weights lacks 'net.actor.0.bias'"),
        (MODULE, put("net.x", 1.0), "'net.x', which is unknown"),
        (MODULE, put("net.actor.0.bias", np.full(8, np.nan, np.float32)), "not finite"),
        (MODULE, put("net.actor.0.bias", np.zeros(9, np.float32)), "has the shape (9,)"),
        (MODULE, put("net.actor.0.bias", "x"), "net.actor.0.bias is no array of numbers"),
        (MODULE, put("net.normalizer.var", -np.ones(158, np.float32)), "var is negative"),
        ("algorithm_state.pkl", put("training_iteration", 4), "RLlib's state is of iteration 4"),
        ("algorithm_state.pkl", put("training_iteration", math.nan), "training_iteration = nan"),
        ("algorithm_state.pkl", put("training_iteration", True), "training_iteration = True"),
        ("algorithm_state.pkl", put("metrics_logger", {}), "metrics_logger lacks 'stats'"),
        (
            "algorithm_state.pkl",
            put("metrics_logger", "stats", LIFETIME, "lifetime_sum", -1.0),
            "lifetime_sum = -1.0, not a number of at least 0.0",
        ),
        ("env_runner/state.pkl", lambda _: {1, 2}, "uses the operation EMPTY_SET"),
    ],
)  # fmt: skip
def test_a_state_of_rllib(
    checkpoint: Path, name: str, change: Callable[[Any], Any], message: str
) -> None:
    change_pickle(checkpoint, name, change)
    assert message in refusal(checkpoint)


def test_files_that_lack_or_are_swapped(checkpoint: Path) -> None:
    (checkpoint / LEARNER).write_bytes((GOLDEN / MODULE).read_bytes())
    assert "the optimizers is None" in refusal(checkpoint)
    (checkpoint / LEARNER).unlink()
    assert "cannot be read: No such file" in refusal(checkpoint)


def test_what_is_watched_is_what_goes_on(checkpoint: Path) -> None:
    change_pickle(checkpoint, MODULE, put("net.actor.0.bias", np.ones(8, np.float32)))
    assert "hider_policy has other weights in policies/ than in RLlib's files" in refusal(
        checkpoint
    )


SCHEDULE = ("schedules", "running", "seeker/lr")
PROMOTION = ("schedules", "promotion")
CRITERION = {"metric": "seen_fraction", "bound": 0.5, "above": True, "iterations": 3}
STAGE: dict[str, Any] = {"level": "L1", "stage": 1, "streak": 2, "criterion": CRITERION}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("progress", "iteration", 4), "schedules.iteration = 3, and not 4"),
        (("progress", "iteration", -1), "iteration = -1, not a whole number of at least 0"),
        (("progress", "iteration", 3.0), "iteration = 3.0, not a whole number"),
        (("progress", "env_steps", 10**400), "env_steps = 1000000"),
        (("progress", "env_steps", 481), "says env_steps 480, the training state 481"),
        (("progress", "time_total_s", math.nan), "time_total_s = nan"),
        (("progress", "agent_steps", None), "agent_steps = None"),
        (("schedules", "total", 0), "schedules.total = 0"),
        (("schedules", "taken", "seeker", "updates", -1), "schedules.taken.seeker.updates = -1"),
        (("schedules", "taken", "seeker", "updates", 99), "has not made its 99 steps"),
        (("schedules", "alternation", "team", "nobody"), "alternation.team = nobody, not seeker"),
        (("schedules", "alternation", "done", 99), "alternation.done = 99, not a whole number"),
        (("schedules", "plain", "seeker/lr", math.inf), "seeker/lr = inf"),
        ((*SCHEDULE, "course", "origin", 300.0), "course.origin = 300.0, not a number from 0.0 to"),
        ((*SCHEDULE, "course", "more", 1), "'more', which is unknown"),
        ((*SCHEDULE, "schedule", "type", "sinus"), "seeker/lr: no schedule"),
        ((*SCHEDULE, "schedule", "value", "x"), "seeker/lr: value = x, not a number"),
        (("schedules", "running", "x/lr", {}), "schedules of x/lr, which is no setting"),
        ((*PROMOTION, {"level": "L1"}), "promotion lacks 'stage'"),
        ((*PROMOTION, STAGE | {"level": "x\x1b[2J"}), "promotion.level = "),
        ((*PROMOTION, STAGE | {"level": 3}), "promotion.level = 3, not a name"),
        ((*PROMOTION, STAGE | {"stage": -1}), "promotion.stage = -1, not a whole number"),
        ((*PROMOTION, STAGE | {"streak": 4}), "streak = 4, not a whole number from 0 to 3"),
        ((*PROMOTION, STAGE | {"criterion": {}}), "promotion.criterion lacks 'metric'"),
        ((*PROMOTION, STAGE | {"criterion": CRITERION | {"bound": math.nan}}), "bound = nan"),
        ((*PROMOTION, STAGE | {"criterion": CRITERION | {"above": 1}}), "above = 1, neither true"),
        ((*PROMOTION, STAGE | {"criterion": CRITERION | {"iterations": 0}}), "iterations = 0"),
        (("runners_with_worlds", 0, "../../x"), "worlds of an unknown runner ../../x"),
        (("runners", "0", "random", "state", "inc", 2), "inc is even"),
        (("runners", "0", "random", "bit_generator", "MT19937"), "is of MT19937, not of PCG64"),
        (("runners", "0", "random", None), "random is None, not a group of values"),
        (("runners", "0", "started", 1), "started = 1, neither true nor false"),
        (("runners", "0", "env_parameters", {"num_seekers": 3.0}), "cannot change while playing"),
        (("runners", "0", "env_parameters", {"vision_angle": 1e9}), "less than or equal to 360"),
        (("learners", []), "there is no learner"),
        (("learners", 0, "kl_coeffs", "seeker", -1.0), "kl_coeffs.seeker = -1.0, not a number"),
        (("learners", 0, "kl_coeffs", "seeker", math.nan), "kl_coeffs.seeker = nan"),
        (("learners", 0, "generators", "hider", "00ff"), "generator of the hiders: "),
        (("learners", 0, "generators", "hider", "zz"), "generator of the hiders: non-hexadecimal"),
        (("learners", 0, "generators", "hider", "ff" * 5056), "generator of the hiders: "),
        (("format", 2), "format 2; this version reads 1"),
    ],
)  # fmt: skip
def test_a_training_state(checkpoint: Path, path: tuple[Any, ...], message: str) -> None:
    file = checkpoint / "training_state" / "state.json"
    state = json.loads(file.read_text())
    put(*path)(state)
    file.write_text(json.dumps(state))
    assert message in refusal(checkpoint)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ([], "history.json: not a JSON object"),
        ({"rows": 3}, "history.json: the record lacks 'sha256'"),
        ({"rows": -1, "sha256": "0" * 64}, "history.json: rows = -1, not a whole number"),
        ({"rows": 3, "sha256": "0" * 63}, "history.json: sha256 ="),
        ({"rows": 3, "sha256": 3}, "history.json: sha256 = 3 is none"),
        ({"rows": 3, "sha256": "0" * 64, "x": 1}, "history.json: the record has 'x', which is"),
    ],
)
def test_a_record_of_the_history(checkpoint: Path, record: object, message: str) -> None:
    (checkpoint / "training_state" / "history.json").write_text(json.dumps(record))
    assert message in refusal(checkpoint)


def read_training(folder: Path) -> None:
    """Only a refusal may come out."""
    game = HideAndSeekConfig().resolved()
    with contextlib.suppress(ValueError):
        check_training_state(TrainingState.read(folder, read_values(folder)), game)


def fuzz_training_state(folder: Path, every: int) -> None:
    document = json.loads((folder / "state.json").read_text())
    cases = [(place, nasty) for place in places(document) for nasty in range(len(NASTY))]
    random.Random(0).shuffle(cases)
    for place, nasty in cases[::every]:
        changed = json.dumps(replaced(document, place, NASTY[nasty]))
        (folder / "state.json").write_text(changed)
        read_training(folder)


def test_the_worst_values_here_and_there(checkpoint: Path) -> None:
    fuzz_training_state(checkpoint / "training_state", every=20)


@pytest.mark.slow
def test_the_worst_values_everywhere(checkpoint: Path) -> None:
    fuzz_training_state(checkpoint / "training_state", every=1)


# --- arrays ---------------------------------------------------------------------------------------

WORLDS = "training_state/worlds_0.npz"


def arrays_of(checkpoint: Path) -> dict[str, np.ndarray]:
    with np.load(checkpoint / WORLDS) as archive:
        return dict(archive)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("heading", np.int32(32), "'heading' must be from 0 to 31"),
        ("layout", np.int32(64), "'layout' must be from 0 to"),
        ("pos", np.float32(1e9), "'pos' must be from 0 to 12"),
        ("time", np.int32(-1), "'time' must be from 0"),
    ],
)
def test_worlds_that_would_lead_a_kernel_astray(
    checkpoint: Path, name: str, value: Any, message: str
) -> None:
    arrays = arrays_of(checkpoint)
    arrays[name].flat[-1] = value
    np.savez(checkpoint / WORLDS, **arrays)  # type: ignore[arg-type]
    assert f"worlds of runner 0: state array {message}" in refusal(checkpoint)


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    "content",
    [
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"\x80\x04N."),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
        npy("{'descr': '|V99999999', 'fortran_order': False, 'shape': (1,), }"),
        npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytes(4)),
        npy("(" * 9000),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
        b"",
    ],
)
def test_an_array_that_is_none(checkpoint: Path, content: bytes) -> None:
    with zipfile.ZipFile(checkpoint / WORLDS, "w") as archive:
        archive.writestr("time.npy", content)
    assert "worlds_0.npz: " in refusal(checkpoint)


def test_arrays_that_unfold(checkpoint: Path) -> None:
    zeros = io.BytesIO()
    np.save(zeros, np.zeros(10**7))
    with zipfile.ZipFile(checkpoint / WORLDS, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("time.npy", zeros.getvalue())
    assert (checkpoint / WORLDS).stat().st_size < 200_000
    assert "worlds_0.npz: its arrays are packed" in refusal(checkpoint)


def test_truth_values_that_are_neither(checkpoint: Path) -> None:
    arrays = arrays_of(checkpoint)
    arrays["sees"] = np.full(arrays["sees"].shape, 2, np.uint8).view(np.bool_)
    np.savez(checkpoint / WORLDS, **arrays)  # type: ignore[arg-type]
    assert "truth values that are neither 0 nor 1" in refusal(checkpoint)


def test_array_files_with_something_changed(checkpoint: Path) -> None:
    folder = checkpoint / "training_state"
    rng = random.Random(0)
    for path in (checkpoint / WORLDS, folder / "episodes.npz"):
        original = path.read_bytes()
        for _ in range(300):
            content = bytearray(original)
            for _ in range(rng.choice((1, 1, 2, 8))):
                # Most of a file is numbers; what describes them is of more interest.
                header = rng.choice((range(200), range(-200, 0), range(len(content))))
                at = rng.choice(header)
                content[at] = rng.randrange(256)
            path.write_bytes(bytes(content))
            read_training(folder)
        path.write_bytes(original)


# --- policies and configuration -------------------------------------------------------------------


def test_a_policy_that_asks_for_more_than_its_file_has(checkpoint: Path) -> None:
    folder = checkpoint / "policies" / "hider_policy"
    spec = json.loads((folder / "spec.json").read_text())
    (folder / "spec.json").write_text(json.dumps({**spec, "hiddens": [16384] * 64}))
    with pytest.raises(PolicyFileError, match=r"is missing|has the shape"):
        load_policy(folder)
    (folder / "spec.json").write_text(json.dumps({**spec, "hiddens": [10**6]}))
    assert "no readable policy: hiddens = 1000000" in refusal(checkpoint)


WORDS = [f"x{number}" for number in range(25)]
LAUGHS = "x0: &x0 [1, 1]\n" + "".join(
    f"{word}: &{word} [*{before}, *{before}]\n" for before, word in itertools.pairwise(WORDS)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("env: &x {level: L0}\n<<: [" + "*x, " * 50 + "*x]", "has a merge key (<<)"),
        (LAUGHS, "means more than 20000 values"),
        ("[" * 3000, "config.yaml: nested too deeply"),
        ("env: !!python/object/apply:os.system [true]", "has the tag"),
        ("env: {level: L9}\ntrain: {seed: 0}", "level"),
        ("env: 3\ntrain: {seed: 0}", "env is 3, not a group of values"),
        ("", "config.yaml is None, not a group of values"),
    ],
)  # fmt: skip
def test_a_configuration(checkpoint: Path, text: str, message: str) -> None:
    (checkpoint / "config.yaml").write_text(text)
    assert message in refusal(checkpoint)


def test_an_operation_that_is_not_known_is_named(checkpoint: Path) -> None:
    change_pickle(checkpoint, LEARNER, lambda state: [state, frozenset({1})])
    message = refusal(checkpoint)
    assert f"/{LEARNER}: refused, it uses the operation FROZENSET" in message
    assert issubclass(UnsafePickle, InvalidState)


# --- more of it than any training writes ----------------------------------------------------------


def state_of(checkpoint: Path, **values: Any) -> None:
    file = checkpoint / "training_state" / "state.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_the_same_worlds_again_and_again(checkpoint: Path) -> None:
    state_of(checkpoint, runners_with_worlds=["0"] * 50_000)
    assert "state.json: worlds of runner 0 twice" in refusal(checkpoint)
    state_of(checkpoint, runners_with_worlds=["0"] * 200_000)
    assert "state.json: more than 100000 values" in refusal(checkpoint)


def test_more_runners_than_there_can_be(checkpoint: Path) -> None:
    state_of(checkpoint, runners={str(number): {} for number in range(2000)})
    assert "state.json: 2000 runners are more than 1025" in refusal(checkpoint)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        *((name, 2**24) for name in ("algorithm_state.pkl", LEARNER, MODULE)),
        ("env_runner/state.pkl", 2**24),
        (WORLDS, plain_arrays.MAX_FILE),
    ],
)
def test_files_full_of_holes(checkpoint: Path, name: str, limit: int) -> None:
    """They take no room, and would take all memory if they were larger."""
    size = limit + 1
    with (checkpoint / name).open("r+b") as file:
        file.truncate(size)
    assert f"has {size} bytes, more than " in refusal(checkpoint)


def test_names_that_share_the_same_weights(checkpoint: Path) -> None:
    folder = checkpoint / "policies" / "hider_policy"
    header = json.dumps(
        {f"a{n}": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for n in range(900)}
    ).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(8)
    (folder / "weights.safetensors").write_bytes(content)
    with pytest.raises(PolicyFileError, match="a1 does not begin where the one before ends"):
        load_policy(folder)


def test_the_network_of_a_spec_is_not_made_before_its_file_fits(checkpoint: Path) -> None:
    folder = checkpoint / "policies" / "hider_policy"
    with (folder / "weights.safetensors").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(PolicyFileError, match=f"{2**40} bytes are more than {2**28}"):
        load_policy(folder)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("mean", {"window": 2**53 - 1}, "window = 9007199254740991, not a whole number from 1 to"),
        ("mean", {"values": [2**64] * 5}, "values = 18446744073709551616, too large a number"),
        ("mean", {"values": [math.inf]}, "values = inf, too large a number"),
        ("mean", {"values": [1e301]}, "values = 1e+301, too large a number"),
        ("mean", {"values": [None]}, "values = None, not a number"),
        ("mean", {"values": [True]}, "values = True, not a number"),
        ("mean", {"values": 1.0}, "values is 1.0, not a list"),
        ("mean", {"values": [np.ones(2)]}, "values = [1. 1.], not a number"),
        ("mean", {"latest_merged": 1.0}, "latest_merged is 1.0, not a list"),
        ("mean", {"more": [1.0]}, "more = [1.0], not a number"),
        ("ema", {"value": [1, 2]}, "value = [1, 2], not a number"),
        ("ema", {"values_to_merge": [None]}, "values_to_merge = None, not a number"),
        ("lifetime_sum", {"lifetime_sum": 1e301}, "lifetime_sum = 1e+301, too large a number"),
    ],
)  # fmt: skip
def test_a_statistic_that_nothing_can_be_added_to(
    checkpoint: Path, kind: str, values: dict[str, Any], message: str
) -> None:
    def change(state: Any) -> None:
        statistics = state["metrics_logger"]["stats"].values()
        next(s for s in statistics if s["stats_cls_identifier"] == kind).update(values)

    change_pickle(checkpoint, "algorithm_state.pkl", change)
    assert message in refusal(checkpoint)


def test_yaml_that_goes_on_and_on(checkpoint: Path) -> None:
    (checkpoint / "config.yaml").write_text("x: [" + "a," * 11_000 + "]")
    assert "config.yaml: has more than 10000 words and signs" in refusal(checkpoint)
    (checkpoint / "config.yaml").write_text("x: [" + "a," * 40_000 + "]")
    assert "config.yaml has 80005 bytes, more than 65536" in refusal(checkpoint)
