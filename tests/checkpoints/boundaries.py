"""Stop a save at a chosen step: each write, flush, rename and delete counts as one.

As a script it is the subprocess of the kill test: `python -m tests.checkpoints.boundaries DIR`
forks one writer for each step, which kills itself there, and prints what each left behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

from tests.checkpoints.fakes import contents, names, save
from trainer.checkpoints.manager import CheckpointManager

STEPS = (
    (os, "fsync"),
    (os, "rename"),
    (os, "replace"),
    (shutil, "rmtree"),
    (Path, "mkdir"),
    (Path, "write_text"),
    (Path, "write_bytes"),
    (Path, "unlink"),
)


@contextlib.contextmanager
def stop_at(step: int, stop: Callable[[], None]) -> Iterator[list[str]]:
    """Calls `stop` instead of the step with that number; gives the names of the steps met."""
    met: list[str] = []
    patches = [
        mock.patch.object(owner, name, _counted(owner, name, met, step, stop))
        for owner, name in STEPS
    ]
    with contextlib.ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield met


def _counted(owner: Any, name: str, met: list[str], step: int, stop: Callable[[], None]) -> Any:
    real = getattr(owner, name)

    def counted(*args: Any, **kwargs: Any) -> Any:
        met.append(name)
        if len(met) == step + 1:
            stop()
        return real(*args, **kwargs)

    return counted


def prepare(directory: Path) -> None:
    """Checkpoint 10 with its plot: the state before the save that is stopped."""
    save(CheckpointManager(directory), 10, payload="before")
    (directory / "metrics_iter_10.json").write_text("10")


def interrupted_save(directory: Path) -> None:
    """Saves 20 and prunes 10."""
    save(CheckpointManager(directory, keep_last_n=1), 20, payload="after")


def examine(directory: Path) -> dict[str, Any]:
    """What a reader finds after the stop, and what the next save makes of it."""
    manager = CheckpointManager(directory, keep_last_n=1)
    found = manager.listing()
    for info in found.checkpoints:
        manager.verify(directory / info.name)
    state = {name: digest for name, digest in contents(directory).items() if "_000010/" in name}
    save(manager, 30)
    return {
        "listed": found.iterations,
        "skipped": [*found.skipped],
        "before": state,
        "after": names(directory),
    }


def main(root: Path) -> None:
    """Kills one writer at each step, until one gets through unharmed."""
    mock.patch.object(os, "fsync", os.fstat).start()  # a kill loses nothing that was written
    prepare(root / "start")
    for step in count():
        directory = root / str(step)
        shutil.copytree(root / "start", directory)
        child = os.fork()
        if child == 0:
            with stop_at(step, lambda: os.kill(os.getpid(), signal.SIGKILL)):
                interrupted_save(directory)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        print(json.dumps({"status": status, **examine(directory)}), flush=True)
        if status == 0:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
