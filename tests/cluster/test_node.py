"""What a process does on its node before it serves a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import envs
from trainer.cluster.node import prepare_process, restarts_of_this_actor

NOWHERE = "/dev/null/folder"


def test_kernels_have_a_folder_even_where_nothing_usual_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", NOWHERE)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    prepare_process()
    chosen = Path(os.environ["NUMBA_CACHE_DIR"])
    assert chosen.parent == tmp_path
    assert chosen.stat().st_mode & 0o077 == 0
    prepare_process()  # the next process of this node takes the same one
    assert Path(os.environ["NUMBA_CACHE_DIR"]) == chosen
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr(envs, "__path__", [NOWHERE])
    monkeypatch.setenv("HOME", NOWHERE)
    prepare_process()
    assert Path(os.environ["NUMBA_CACHE_DIR"]) == chosen
    monkeypatch.delenv("NUMBA_CACHE_DIR")


def test_a_folder_that_can_be_written_is_left_to_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    prepare_process()
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_a_folder_that_somebody_else_could_have_filled_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tmp_path / "planted"
    planted.mkdir()
    (tmp_path / f"hide-and-seek-kernels-{os.getuid()}").symlink_to(planted)
    monkeypatch.setenv("NUMBA_CACHE_DIR", NOWHERE)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    prepare_process()
    assert Path(os.environ["NUMBA_CACHE_DIR"]).resolve() != planted


def test_outside_of_an_actor_nothing_was_restarted() -> None:
    assert restarts_of_this_actor() == 0
