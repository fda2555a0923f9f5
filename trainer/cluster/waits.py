"""Waits for other processes that say what they wait for, and end."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, NoReturn

import ray

from trainer.errors import ProcessDied

Tell = Callable[[str], None]
PATIENCE_S = 900.0
"""How long an actor may take for one call: kernels are compiled within the first one."""
TELL_EVERY_S = 60.0
INTERRUPT: int | None = getattr(signal, "SIGUSR2", None)
"""The signal that ends a wait in the main thread; Windows has none."""


def silent(text: str) -> None:
    """Tells nobody."""


def minutes(seconds: float) -> str:
    """`1 minute`, `2 minutes`; never none."""
    count = max(1, round(seconds / 60))
    return f"{count} minute{'s'[: count != 1]}"


def late_ones(
    asked: Mapping[Any, int], what: str, tell: Tell = silent, patience_s: float = PATIENCE_S
) -> list[int]:
    """Waits for answers, and fetches each as soon as it is there.

    Args:
        asked: the number of an actor by the reference of its answer.
        what: the actors, as a user knows them; to name one, its number follows.
        tell: gets a line for each minute that the wait lasts.
        patience_s: seconds until it gives up.

    Returns:
        The numbers of the actors that have not answered in time.
    """
    waiting, began = list(asked), time.monotonic()
    while waiting:
        waited = time.monotonic() - began
        if waited >= patience_s:
            break
        pause = min(TELL_EVERY_S - waited % TELL_EVERY_S, patience_s - waited)
        _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=pause)
        if waiting and (passed := round((time.monotonic() - began) / 60)):
            numbers = ", ".join(str(asked[reference]) for reference in waiting)
            tell(f"still waiting for {what} {numbers} after {passed} min ...")
    return [asked[reference] for reference in waiting]


@contextlib.contextmanager
def bounded_wait(what: str, tell: Tell = silent, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Ends a wait inside that lasts too long, and tells of it before.

    Only in the main thread of a program can it be ended; elsewhere it is told of.

    Args:
        what: what is waited for, as a user knows it.
        tell: gets a line for each minute that the wait lasts, in another thread.
        patience_s: seconds until the wait is ended.

    Raises:
        ProcessDied: it has lasted too long.
    """
    ended, late, waiting = threading.Event(), threading.Event(), threading.get_ident()
    in_main = threading.current_thread() is threading.main_thread()
    number = INTERRUPT if in_main else None

    def watch() -> None:
        began = time.monotonic()
        while not ended.wait(max(0.0, min(TELL_EVERY_S, began + patience_s - time.monotonic()))):
            waited = time.monotonic() - began
            if waited < patience_s or number is None:
                tell(f"still waiting for {what} after {max(1, round(waited / 60))} min ...")
                if waited >= patience_s:
                    ended.wait(TELL_EVERY_S)
                continue
            late.set()
            while not ended.is_set():
                # A real signal: Python's `interrupt_main` does not wake a waiting thread.
                signal.pthread_kill(waiting, number)
                ended.wait(1.0)

    previous = None if number is None else signal.signal(number, interrupt)
    watcher = threading.Thread(target=watch, name="wait-watch", daemon=True)
    watcher.start()
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if late.is_set():
            raise ProcessDied(f"{what} did not answer within {minutes(patience_s)}") from error
        raise
    finally:
        ended.set()
        watcher.join()
        if number is not None:
            signal.signal(number, previous)


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """A handler of signals that ends a wait."""
    raise KeyboardInterrupt  # all else that a handler raises is lost in Ray's waits
