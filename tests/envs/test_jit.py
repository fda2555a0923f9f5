"""Where compiled kernels are kept."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

from envs import compile_turn
from envs.jit import NoKernelCache, callback, compiler


def compiled(source: Path) -> Any:
    """The function `three` of a file, imported anew and compiled."""
    spec = importlib.util.spec_from_file_location("three", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return compiler([source])(module.three)


def test_without_a_folder_for_kernels_the_variable_is_named() -> None:
    values: dict[str, object] = {}
    exec("def one(): return 1", values)  # of no file, so numba knows no place either
    with pytest.raises(NoKernelCache, match="NUMBA_CACHE_DIR"):
        compiler([])(values["one"])  # type: ignore[arg-type]


def test_a_damaged_cache_is_compiled_anew(tmp_path: Path) -> None:
    source = tmp_path / "three.py"
    source.write_text("def three(): return 3")
    (tmp_path / "__pycache__").mkdir()

    assert compiled(source)() == 3
    files = list(tmp_path.rglob("*.nb*"))
    assert {path.suffix for path in files} == {".nbi", ".nbc"}
    for file in files:
        whole = file.read_bytes()
        for damaged in (b"", whole[:20], b"junk" * 30):
            file.write_bytes(damaged)
            assert compiled(source)() == 3
            again = compiled(source)
            assert again() == 3
            assert again.stats.cache_hits.total() == 1


@pytest.mark.parametrize("folder", ["", "kernels"])
def test_kernels_are_good_wherever_they_are_copied_to(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / folder) if folder else "")
    source = tmp_path / "here" / "game" / "three.py"
    source.parent.mkdir(parents=True)
    source.write_text("def three(): return 3")

    assert compiled(source)() == 3
    there = shutil.copytree(tmp_path / "here", tmp_path / "there") / "game" / "three.py"
    os.utime(there, (1, 1))
    again = compiled(there)
    assert again() == 3
    assert again.stats.cache_hits.total() == 1
    there.write_text("def three(): return 4")
    os.utime(there, (2, 2))  # Python itself goes by this
    assert compiled(there)() == 4


# Two kernels, the second within the first; prints how many functions were compiled, not loaded.
PROGRAM = """
from pathlib import Path
from envs.jit import compiler
from numba.core import event
import numpy as np

kernel = compiler([Path(__file__)])

@kernel
def inner(x):
    return np.sort(x)  # takes long to be compiled

@kernel
def outer(x):
    return inner(x)[0]

if __name__ == "__main__":
    print("ready", flush=True)
    input()
    with event.install_recorder("numba:compile") as compiled:
        assert outer(np.array([3, 1, 2])) == 1
    print(sum(1 for _, one in compiled.buffer if one.is_start))
"""


@pytest.mark.slow
def test_of_processes_that_begin_together_one_compiles(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    root = Path(__file__).resolve().parents[2]
    processes = [
        subprocess.Popen(
            [sys.executable, str(path)],
            env={**os.environ, "PYTHONPATH": str(root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    counts = [int(process.communicate(timeout=200)[0]) for process in processes]
    assert sorted(map(bool, counts)) == [False, False, True]


def test_a_process_that_keeps_the_turn_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile_turn, "_PATIENCE_S", 0.0)
    with (tmp_path / ".compiling").open("w") as held, compile_turn.compiling():
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not compile_turn.take(tmp_path)
        fcntl.flock(held, fcntl.LOCK_UN)
        monkeypatch.undo()
        assert compile_turn.take(tmp_path)
        assert not compile_turn.take(tmp_path)  # a function within has its turn already
    with compile_turn.compiling():
        assert compile_turn.take(tmp_path)


def test_a_callback_without_a_folder_says_the_same() -> None:
    values: dict[str, Any] = {}
    exec("def one(): return 1", values)
    with pytest.raises(NoKernelCache, match="NUMBA_CACHE_DIR"):
        callback(values["one"], (), numba.types.int64, [])
