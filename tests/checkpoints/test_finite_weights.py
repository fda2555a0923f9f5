"""Weights that have blown up are never committed, and an older checkpoint of them is damaged."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as encode

from tests.checkpoints.fakes import WRITERS, FakeAlgorithm, open_past_damage, save
from trainer.checkpoints import finite_weights
from trainer.checkpoints.errors import CheckpointCorrupted, CheckpointError
from trainer.checkpoints.manager import CheckpointManager

BAD = {
    "critic.bias": torch.tensor([1.0, math.nan]),
    "head": torch.tensor([[math.inf]], dtype=torch.float64),
    "low": torch.tensor([-math.inf]),
}
FINE = {
    "actor.weight": torch.full((3, 5), 3.4e38),
    "count": torch.tensor(7.0, dtype=torch.float64),
    "steps": torch.tensor([2**31 - 1], dtype=torch.int32),  # the bits of a NaN, if they were one
    "nothing": torch.zeros(0),
}


def weights(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    path.write_bytes(encode(tensors))
    return path


def test_the_tensors_that_are_not_finite_are_named(tmp_path: Path) -> None:
    path = weights(tmp_path / "w.safetensors", FINE | BAD)
    assert sorted(finite_weights.not_finite(path)) == sorted(BAD)
    assert finite_weights.not_finite(weights(path, FINE)) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        b"seeker_policy" * 20,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"{]{]",
    ],
)
def test_what_is_no_such_file_is_for_its_loader_to_refuse(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    assert finite_weights.not_finite(path) == []


def entry(start: int = 0, end: int = 8, **values: object) -> dict[str, object]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [start, end], **values}


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ({"a": None}, "a is described in another way"),
        ({"a": []}, "a is described in another way"),
        ({"a": {"dtype": "F32"}}, "a is described in another way"),
        ({"a": entry(dtype=["F32"])}, "a is described in another way"),
        ({"a": entry(dtype="F31")}, "a is described in another way"),
        ({"a": entry(data_offsets=[0])}, "a is described in another way"),
        ({"a": entry(data_offsets=["0", "8"])}, "a has sizes that are none"),
        ({"a": entry(-8, 0)}, "a has sizes that are none"),
        ({"a": entry(10**30, 10**30 + 8)}, "a has sizes that are none"),
        ({"a": entry(shape=[-1, -2])}, "a has sizes that are none"),
        ({"a": entry(shape=[1] * 9)}, "a has no shape"),
        ({"a": entry(shape=2)}, "a has no shape"),
        ({"a": entry(0, 7)}, "a has another size than its shape"),
        ({"a": entry(), "b": entry()}, "b does not begin where the one before ends"),
        ({"a": entry(0, 4, shape=[1])}, "has 8 bytes of data, its tensors 4"),
        ({"a": entry(4, 8, shape=[1])}, "a does not begin where the one before ends"),
        ({"a": entry(8, 16)}, "a does not begin where the one before ends"),
        ({"a": entry(), "b": entry(8, 16)}, "has 8 bytes of data, its tensors 16"),
        ({f"a{n}": entry() for n in range(1001)}, "1001 tensors are more than 1000"),
        ({"a" * 140_000: entry()}, "a header of 14"),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fill_their_file_are_refused(
    tmp_path: Path, header: dict[str, object], problem: str
) -> None:
    """Not only damage: names that share the same data are worked on once for each."""
    path = tmp_path / "w.safetensors"
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))
    with pytest.raises(ValueError, match=problem):
        finite_weights.not_finite(path)


def test_a_file_larger_than_any_policy_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match=f"{2**40} bytes are more than {2**28}"):
        finite_weights.not_finite(path)


def test_a_finite_sum_is_not_needed(tmp_path: Path) -> None:
    """The sum is only a short cut: these are numbers, and it overflows."""
    large = {"a": torch.full((5,), 1.7e308, dtype=torch.float64)}
    assert finite_weights.not_finite(weights(tmp_path / "w.safetensors", large)) == []


def test_the_last_of_many_pieces_is_looked_at(tmp_path: Path) -> None:
    values = torch.zeros(2**19 + 3)
    values[-1] = math.nan
    assert finite_weights.not_finite(weights(tmp_path / "w.safetensors", {"a": values})) == ["a"]


def blown_up(folder: Path) -> None:
    WRITERS["policies"](folder)
    weights(folder / "hider_policy/weights.safetensors", FINE | BAD)


def save_blown_up(manager: CheckpointManager, iteration: int) -> Path:
    return manager.save(
        FakeAlgorithm(),
        iteration=iteration,
        metadata={},
        writers={**WRITERS, "policies": blown_up},
    )


NAMED = r"policies/hider_policy/weights\.safetensors: \S+ is not finite"


def test_they_are_not_committed_and_push_nothing_out(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path, keep_last_n=1)
    good = save(manager, 10)
    with pytest.raises(CheckpointError, match=f"cannot save: {NAMED}"):
        save_blown_up(manager, 11)
    assert manager.listing().iterations == [10]
    assert manager.get_best_checkpoint() == str(good)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [good.name]


def test_an_older_checkpoint_that_holds_them_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = CheckpointManager(tmp_path)
    good = save(manager, 10)
    with monkeypatch.context() as patched:  # as it was written before anybody looked
        patched.setattr(finite_weights, "not_finite", lambda path: [])
        bad = save_blown_up(manager, 12)
    with pytest.raises(CheckpointCorrupted, match=NAMED):
        manager.verify(bad)
    for selector in ("latest", "best"):
        path, aside = open_past_damage(manager, selector)
        assert path == good
        assert len(aside) == (selector == "latest")
    (moved,) = tmp_path.glob("broken_checkpoint_000012_*")
    assert moved.is_dir()
