"""Reads RLlib's own files of a checkpoint as plain values and checks them before use.

RLlib itself loads none of them: the learners are given the checked values
(`TeamPPO.restore_state`), so nothing can change in between. Files of other names, above all
the constructor arguments, are never opened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trainer.checkpoints.safe_io import safe_json
from trainer.checkpoints.safe_io.plain_values import COUNT, finite, flag, mapping, sequence, whole
from trainer.errors import InvalidState
from trainer.ppo.exact_resume import RLlibState
from trainer.ppo.networks import PolicySpec
from trainer.ppo.policy_files import weight_shapes
from trainer.run.saved_state.safe_pickle import MAX_BYTES, UnsafePickle, read_pickle

ALGORITHM_FILE = "algorithm_state.pkl"
LEARNER_FILE = "learner_group/learner/state.pkl"
MODULE_FILE = "learner_group/learner/rl_module/{policy}/module_state.pkl"
# Not used, but checked: a foreign file is refused, not skipped.
_UNUSED_FILES = (
    "env_runner/state.pkl",
    "learner_group/state.pkl",
    "learner_group/learner/rl_module/module_state.pkl",
)
NETWORK = "net."
"""RLlib's prefix of the name of a weight."""
_WIDTH = 8  # bytes of the widest number
_ADAM = ("exp_avg", "exp_avg_sq")
# The keys that RLlib needs of each kind of statistic.
_STATISTICS = {
    "mean": ("values", "window"),
    "min": ("values", "window"),
    "max": ("values", "window"),
    "sum": ("values", "window", "track_throughput"),
    "lifetime_sum": ("lifetime_sum", "track_throughputs"),
    "ema": ("ema_coeff", "value"),
}
_MAX_STATISTICS = 2_000
_MAX_NAME = 300
_MAX_WINDOW = 100_000  # RLlib's own are at most some hundred
_LARGEST = 1e300


def read_rllib_state(folder: Path, specs: Mapping[str, PolicySpec]) -> RLlibState:
    """Reads and checks RLlib's files of the checkpoint at `folder`.

    Args:
        folder: the checkpoint.
        specs: the networks it must hold, by policy.

    Raises:
        UnsafePickle: a file asks for more than plain data.
        InvalidState: a file is missing, or RLlib cannot have written its values.
    """
    for path in sorted(folder.rglob("*.msgp*ck")):
        # RLlib's own tools would prefer it to the pickle beside it, and fall back to pickle.
        raise UnsafePickle(f"{path}: refused, states in msgpack cannot be checked")
    for name in _UNUSED_FILES:
        if (folder / name).exists():
            _read(folder / name)
    networks = {
        policy: {f"{NETWORK}{name}": shape for name, shape in weight_shapes(spec).items()}
        for policy, spec in specs.items()
    }
    # The limits: the bytes of the wanted networks, plus room for the metrics.
    sizes = {policy: _WIDTH * _count(shapes) for policy, shapes in networks.items()}
    algorithm = _read(folder / ALGORITHM_FILE)
    learner = _read(folder / LEARNER_FILE, MAX_BYTES + len(_ADAM) * sum(sizes.values()))
    weights, optimizers = {}, {}
    for policy, shapes in networks.items():
        path = folder / MODULE_FILE.format(policy=policy)
        state = _read(path, MAX_BYTES + sizes[policy])
        weights[policy] = _checked(path, _weights, state, shapes)
        # The running moments are not trained.
        trained = [shape for name, shape in shapes.items() if "normalizer." not in name]
        optimizers[policy] = _checked(folder / LEARNER_FILE, _optimizer, learner, policy, trained)
    return RLlibState(
        iteration=_checked(folder / ALGORITHM_FILE, _count_in, algorithm, "training_iteration"),
        metrics=_checked(folder / ALGORITHM_FILE, _metrics, algorithm),
        weights=weights,
        optimizers=optimizers,
        weights_seq_no=_checked(folder / LEARNER_FILE, _count_in, learner, "weights_seq_no"),
        learner_metrics=_checked(folder / LEARNER_FILE, _metrics, learner, needed=False),
    )


def _count(shapes: Mapping[str, tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


def _read(path: Path, limit: int = MAX_BYTES) -> Any:
    try:
        return read_pickle(path, limit)
    except OSError as error:
        raise InvalidState(f"{path}: cannot be read: {error.strerror}") from None


def _checked(path: Path, check: Any, *values: Any, **options: Any) -> Any:
    try:
        return check(*values, **options)
    except ValueError as error:
        raise InvalidState(f"{path}: {safe_json.first_line(error)}") from None


def _count_in(state: Any, name: str) -> int:
    return whole(mapping(state, "the state").get(name), name)


def _weights(state: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    mapping(state, "the weights", tuple(shapes))
    for name, shape in shapes.items():
        _check_numbers(state[name], name, shape)
        if name.endswith(("normalizer.var", "normalizer.count")) and np.any(state[name] < 0):
            raise ValueError(f"{name} is negative")
    return dict(state)


def _optimizer(
    learner: Any, policy: str, shapes: list[tuple[int, ...]]
) -> dict[int, dict[str, Any]]:
    """The buffers of Adam; its settings are the configuration's, whatever the file says."""
    name = f"{policy}_default_optimizer"
    optimizers = mapping(mapping(learner, "the state").get("optimizer"), "the optimizers")
    if name not in optimizers:
        raise ValueError(f"the optimizer of {policy} is missing")
    state = mapping(mapping(optimizers[name], name).get("state"), name)
    buffers = mapping(state.get("state"), name)
    if not buffers:
        return {}
    if set(buffers) != set(range(len(shapes))):
        raise ValueError(f"{name} has buffers for other parameters than the network's")
    for index, shape in enumerate(shapes):
        where = f"{name}, parameter {index}"
        own = mapping(buffers[index], where, ("step", *_ADAM))
        _check_numbers(own["step"], f"{where}: step", ())
        if not 1 <= own["step"] <= COUNT:
            raise ValueError(f"{where}: step = {own['step']}")
        for key in _ADAM:
            _check_numbers(own[key], f"{where}: {key}", shape)
        if np.any(own["exp_avg_sq"] < 0):
            raise ValueError(f"{where}: exp_avg_sq is negative")
    return dict(buffers)


def _check_numbers(value: Any, name: str, shape: tuple[int, ...]) -> None:
    """Finite floats of this shape; a single one may be a plain number."""
    if not isinstance(value, (np.ndarray, float)):
        raise ValueError(f"{name} is no array of numbers")
    array = np.asarray(value)
    if array.dtype.kind != "f" or array.shape != shape:
        raise ValueError(
            f"{name} has the shape {array.shape} of {array.dtype}, not {shape} of floats"
        )
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} holds a number that is not finite")


# --- metrics --------------------------------------------------------------------------------------


def _metrics(state: Any, *, needed: bool = True) -> dict[str, Any] | None:
    """The state of a metrics logger: flat names, and statistics of plain numbers."""
    logger = mapping(state, "the state").get("metrics_logger")
    if logger is None and not needed:
        return None
    found = mapping(mapping(logger, "metrics_logger", ("stats",))["stats"], "stats")
    if len(found) > _MAX_STATISTICS:
        raise ValueError(f"{len(found)} statistics are too many")
    for name, values in found.items():
        if type(name) is not str or len(name) > _MAX_NAME:
            raise ValueError(f"{safe_json.shown(name)} is no name of a statistic")
        _check_statistic(name, mapping(values, name))
    _check_names(list(found))
    return {"stats": found}


def _check_statistic(name: str, values: dict[Any, Any]) -> None:
    kind = values.get("stats_cls_identifier")
    if kind not in _STATISTICS:
        raise ValueError(f"{name} is no statistic")
    leaf = flag(values.get("is_leaf"), f"{name}: is_leaf")
    for key in ("is_root", *_STATISTICS[kind], *(() if leaf else ("latest_merged",))):
        if key not in values:
            raise ValueError(f"{name} lacks {key!r}")
    if kind != "lifetime_sum" and values.get("latest_merged") is not None:
        sequence(values["latest_merged"], f"{name}: latest_merged")
    for key, value in values.items():
        if key != "stats_cls_identifier":
            _check_statistic_value(value, f"{name}: {key}", key)


def _check_statistic_value(value: Any, where: str, key: Any) -> None:
    if key in ("is_root", "is_leaf", "track_throughput", "track_throughputs"):
        flag(value, where)
    elif key == "window":
        whole(1 if value is None else value, where, 1, _MAX_WINDOW)
    elif key == "ema_coeff":
        finite(value, where, 0.0, 1.0)
    elif key == "lifetime_sum":
        finite(value.item() if isinstance(value, np.generic) else value, where, 0.0)
        _check_number(value, where)
    elif key in ("values", "values_to_merge"):
        for item in sequence(value, where):
            _check_number(item, where)
    elif key == "latest_merged" and isinstance(value, list):
        for item in value:
            _check_number(item, where)
    elif value is not None:
        _check_number(value, where)


def _check_number(value: Any, where: str) -> None:
    """A single number, or the nan of a mean of nothing; none that numpy could not add up."""
    number = value.item() if isinstance(value, np.generic) else value
    if type(number) not in (int, float):
        raise ValueError(f"{where} = {safe_json.shown(value)}, not a number")
    if abs(number) > (COUNT if type(number) is int else _LARGEST):
        raise ValueError(f"{where} = {safe_json.shown(value)}, too large a number")


def _check_names(names: list[str]) -> None:
    """Checks that no name of a statistic is also a group of others."""
    groups = {
        name[:end] for name in names for end in range(1, len(name)) if name.startswith("--", end)
    }
    for name in names:
        if name in groups:
            raise ValueError(f"{safe_json.shown(name)} is a statistic and a group of others")
