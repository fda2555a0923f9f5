"""A checkpoint of a stranger never runs anything, in whichever of its files the trap lies."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.golden_checkpoint import GOLDEN, golden_in, vouch_for
from trainer.config.loading import load_config
from trainer.errors import InvalidState
from trainer.ppo.policy_files import load_policy
from trainer.ppo_trainer import create_ppo_trainer
from trainer.run.saved_state.safe_pickle import UnsafePickle

PICKLES = sorted(str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*.pkl"))
ARRAYS = sorted(str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*.npz"))


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.flag),)


@pytest.fixture
def flag(tmp_path: Path) -> Path:
    path = tmp_path / "it_ran"
    pickle.loads(pickle.dumps(Trap(path)))
    assert path.exists()  # the trap works
    path.rmdir()
    return path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return golden_in(tmp_path / "checkpoints")


def restore(checkpoint: Path) -> None:
    trainer, _ = create_ppo_trainer(load_config(checkpoint / "config.yaml"), checkpoint)
    trainer.train()
    trainer.stop()


@pytest.mark.parametrize("name", [name for name in PICKLES if "ctor" not in name])
def test_a_state_runs_nothing(checkpoint: Path, flag: Path, name: str) -> None:
    path = checkpoint / name
    path.write_bytes(pickle.dumps([pickle.loads(path.read_bytes()), Trap(flag)]))
    vouch_for(checkpoint)
    with pytest.raises(UnsafePickle, match=f"{path.name}: refused, it asks for posix.mkdir"):
        restore(checkpoint)
    assert not flag.exists()


def test_constructor_arguments_are_never_read(checkpoint: Path, flag: Path) -> None:
    names = [name for name in PICKLES if "ctor" in name]
    assert len(names) >= 6
    for name in names:
        (checkpoint / name).write_bytes(pickle.dumps(Trap(flag)))
    vouch_for(checkpoint)
    restore(checkpoint)
    assert not flag.exists()


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_file_runs_nothing(checkpoint: Path, flag: Path, name: str) -> None:
    array = np.empty(1, object)
    array[0] = Trap(flag)
    with (checkpoint / name).open("wb") as file:
        np.savez(file, episodes=array, time=array)
    vouch_for(checkpoint)
    with pytest.raises(InvalidState, match="is no array of plain numbers"):
        restore(checkpoint)
    assert not flag.exists()


def test_policy_files_run_nothing(checkpoint: Path, flag: Path) -> None:
    folder = checkpoint / "policies" / "hider_policy"
    (folder / "weights.safetensors").write_bytes(pickle.dumps(Trap(flag)))
    vouch_for(checkpoint)
    with pytest.raises(ValueError, match="not a readable policy"):
        load_policy(folder)
    assert not flag.exists()


@pytest.mark.parametrize("suffix", [".msgpack", ".msgpck"])
def test_a_state_in_another_format_is_not_preferred(
    checkpoint: Path, flag: Path, suffix: str
) -> None:
    (checkpoint / f"algorithm_state{suffix}").write_bytes(pickle.dumps(Trap(flag)))
    vouch_for(checkpoint)
    with pytest.raises(UnsafePickle, match="msgpack cannot be checked"):
        restore(checkpoint)
    assert not flag.exists()
