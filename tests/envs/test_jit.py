"""Kernels that can be kept nowhere."""

from __future__ import annotations

import pytest

from envs.jit import NoKernelCache, compiler


def test_without_a_folder_for_kernels_the_variable_is_named() -> None:
    values: dict[str, object] = {}
    exec("def one(): return 1", values)  # of no file, so numba knows no place either
    with pytest.raises(NoKernelCache, match="NUMBA_CACHE_DIR"):
        compiler([])(values["one"])  # type: ignore[arg-type]
