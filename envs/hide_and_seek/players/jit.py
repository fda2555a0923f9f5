"""`kernel`: numba's njit as the game's `bare` kernels have it, for the players' code."""

from __future__ import annotations

from pathlib import Path

from envs.hide_and_seek.kernels.jit import OPTIONS
from envs.hide_and_seek.kernels.jit import SOURCES as GAME_SOURCES
from envs.jit import compiler

SOURCES = (*GAME_SOURCES, *Path(__file__).parent.glob("*.py"))

# Nothing may be allocated: that saves most of the time to compile, see the game's own `bare`.
kernel = compiler(SOURCES, **OPTIONS, _nrt=False)
