"""What the tools print: tables, JSON, a progress bar where it takes long; and what they ask."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO

from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.retention import Retention
from trainer.checkpoints.safe_io.safe_output import drawing
from trainer.reporting.terminal import can_ask

EXIT_OK, EXIT_PROBLEM = 0, 1
EXIT_CODES = "exit codes: 0 ok, 1 problems found or error, 2 usage, 3 no usable checkpoint"
_BAR_AFTER_S = 2.0


class Misuse(Exception):  # noqa: N818
    """A command line that cannot be carried out as given."""

    exit_code = 2


def print_json(document: Any) -> None:
    """One strict JSON document on standard output."""
    print(json.dumps(document, indent=2, allow_nan=False))


def progress(
    items: Sequence[Any],
    name: Callable[[Any], str],
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Any]:
    """The items one by one, with a bar on a terminal as soon as it has taken two seconds."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield from items
        return
    began, bar, task = clock(), None, None
    try:
        for count, item in enumerate(items):
            if bar is None and clock() - began > _BAR_AFTER_S:
                bar = _bar(stream)
                task = bar.add_task("", total=len(items))
                bar.start()
            if bar is not None:
                bar.update(task, completed=count, description=name(item))
            yield item
    finally:
        if bar is not None:
            bar.stop()


def checkpoints(count: int) -> str:
    """A number of checkpoints in words."""
    return f"{count} checkpoint{'' if count == 1 else 's'}"


def confirmed(question: str) -> bool:
    """Ask on a terminal; anything but yes is no. Misuse if there is nobody to ask."""
    if not can_ask():
        raise Misuse("there is no terminal to ask on: give --yes to do it, --dry-run to look")
    print(f"{question} [y/N] ", end="", flush=True)
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:
        return False


def manager_of(args: Any, retention: Retention | None = None) -> CheckpointManager:
    """The checkpoints that a command is about. Misuse if their URL is not understood."""
    try:
        return CheckpointManager(args.checkpoint_dir, retention=retention)
    except ValueError as error:
        raise Misuse(str(error)) from None


def _bar(stream: TextIO) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=Console(file=drawing(stream)), transient=True)
