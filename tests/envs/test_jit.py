"""Where compiled kernels are kept."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import numba
import pytest

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


def test_a_callback_without_a_folder_says_the_same() -> None:
    values: dict[str, Any] = {}
    exec("def one(): return 1", values)
    with pytest.raises(NoKernelCache, match="NUMBA_CACHE_DIR"):
        callback(values["one"], (), numba.types.int64, [])
