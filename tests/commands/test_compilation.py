"""The user is told of kernels that are compiled, not of those from the cache."""

from __future__ import annotations

from pathlib import Path

import numba
import pytest
from numba.core import dispatcher

from trainer.commands.compilation import compilation_told

SOURCE = """
import numba

@numba.njit(cache=True)
def one():
    return 1

@numba.njit(cache=True)
def two():
    return one() + 1
"""


def kernel(file: Path) -> dispatcher.Dispatcher:
    """`two` of `SOURCE`, as a new process would import it."""
    values: dict[str, object] = {"__name__": "kernels", "__file__": str(file)}
    exec(compile(file.read_text(), str(file), "exec"), values)
    found = values["two"]
    assert isinstance(found, dispatcher.Dispatcher)
    return found


def test_only_what_is_compiled_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    file = tmp_path / "kernels.py"
    file.write_text(SOURCE)
    told: list[int] = []
    with compilation_told(told.append):
        assert kernel(file)() == 2
        assert told == [1, 2]  # the second is compiled within the first
        assert kernel(file)() == 2  # from the cache
    assert told == [1, 2]
    file.write_text(SOURCE + "\n# changed\n")
    with compilation_told(told.append):
        pass
    kernel(file)()
    assert told == [1, 2]
