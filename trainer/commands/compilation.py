"""Notices that kernels are compiled, which takes long and happens once on a machine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

COMPILING = "compiling kernels, once on this machine"


def compiling_so_far(kernels: int) -> str:
    """A progress line that says why nothing else happens yet."""
    return f"{COMPILING}: {kernels} kernels so far ..."


@contextlib.contextmanager
def compilation_told(tell: Callable[[int], None]) -> Iterator[None]:
    """Calls `tell` whenever a kernel of this process begins to be compiled.

    Nothing is told of kernels that come from the cache on disk.

    Args:
        tell: gets the kernel's number, from 1; it is called in the thread that compiles.
    """
    # Here and not above: numba takes a while to import, and a mistake is told without it.
    from numba.core import event

    class Told(event.Listener):
        kernels = 0  # one at a time: numba compiles under a lock

        def on_start(self, event: Any) -> None:
            self.kernels += 1
            tell(self.kernels)

        def on_end(self, event: Any) -> None:
            pass

    with event.install_listener("numba:compile", Told()):
        yield
