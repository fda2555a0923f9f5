"""Compares two checkpoints: configuration, metadata, metrics and policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.checkpoints import layout, manifest, metadata
from trainer.checkpoints.errors import CheckpointError
from trainer.checkpoints.manifest import Manifest
from trainer.checkpoints.safe_io import safe_json, safe_yaml
from trainer.checkpoints.safe_io.plain_values import flatten

Pair = tuple[Any, Any]  # the values in the first and in the second; None where there is none
_OF_THE_SAVE = ("iteration", "timestamp", "timestamp_unix", "checkpoint_path", "segment")
_WEIGHTS, _SPEC = layout.POLICY_FILES


@dataclass(frozen=True)
class Comparison:
    """The differences of two checkpoints.

    Attributes:
        config: differing values of config.yaml by dotted key.
        metadata: of metadata.json, without metrics.
        metrics: of metadata.json, the metrics alone.
        policies: for each policy one of the texts of `policy_states`.
    """

    config: dict[str, Pair]
    metadata: dict[str, Pair]
    metrics: dict[str, Pair]
    policies: dict[str, str]


def compare(first: Path, second: Path) -> Comparison:
    """Compares two checkpoints by what their files say; nothing is hashed or loaded.

    Raises:
        CheckpointCorrupted: a manifest is not usable.
        CheckpointError: another file is not readable.
    """
    manifests = _read(first, manifest.read), _read(second, manifest.read)
    records = _read(first, metadata.read), _read(second, metadata.read)
    left_out = {*_OF_THE_SAVE, *(() if _of_different_runs(*records) else ("parent",))}
    own, other = (_without(record, left_out) for record in records)
    changed = differing(
        _read(first, lambda _: flatten(own)), _read(second, lambda _: flatten(other))
    )
    metrics = {key: pair for key, pair in changed.items() if _is_metric(key, pair)}
    return Comparison(
        differing(_config(first), _config(second)),
        {key: pair for key, pair in changed.items() if key not in metrics},
        metrics,
        policy_states(*manifests),
    )


def policy_states(first: Manifest, second: Manifest) -> dict[str, str]:
    """By policy: same, weights differ, network differs, only in the first, only in the second."""
    return {
        policy: _policy_state(policy, first, second)
        for policy in sorted({*first.policies, *second.policies})
    }


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Pair]:
    """The keys whose values differ, with both values, in the order of the first; True is not 1."""
    pairs = {key: (first.get(key), second.get(key)) for key in {**first, **second}}
    return {
        key: (a, b)
        for key, (a, b) in pairs.items()
        if a != b or isinstance(a, bool) is not isinstance(b, bool)
    }


def _read(folder: Path, read: Any) -> Any:
    try:
        return read(folder)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{folder} is not readable: {safe_json.first_line(error)}\n"
            f"Check it with: python -m trainer.checkpoints verify {folder}"
        ) from None


def _config(folder: Path) -> dict[str, Any]:
    """config.yaml by dotted key; nothing if there is none."""
    if not (folder / layout.CONFIG).exists():
        return {}
    return dict(_read(folder, _read_config))


def _read_config(folder: Path) -> dict[str, Any]:
    values = safe_yaml.read(folder / layout.CONFIG)
    if not isinstance(values, dict):
        raise ValueError(f"{layout.CONFIG} is no mapping")
    return flatten(values)


def _without(record: Mapping[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in keys}


def _of_different_runs(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two checkpoints come from different runs; a resumed run stays the same run."""

    def run(record: Mapping[str, Any]) -> tuple[Any, bool]:
        parent = record.get("parent")
        mode = parent.get("mode") if isinstance(parent, Mapping) else None
        return record.get("run_name"), mode in (None, "resume")

    return run(first) != run(second)


def _is_metric(key: str, pair: Pair) -> bool:
    known = {*metadata.REWARD_KEYS, *metadata.COUNT_KEYS}
    numbers = all(value is None or metadata.is_number(value) for value in pair)
    return key in known or (key not in metadata.KEYS and "." not in key and numbers)


def _policy_state(policy: str, first: Manifest, second: Manifest) -> str:
    for one, name in ((second, "only in the first"), (first, "only in the second")):
        if policy not in one.policies:
            return name
    files = f"{layout.POLICIES}/{policy}/"
    if first.files.get(files + _SPEC) != second.files.get(files + _SPEC):
        return "network differs"
    if first.files.get(files + _WEIGHTS) != second.files.get(files + _WEIGHTS):
        return "weights differ"
    return "same"
