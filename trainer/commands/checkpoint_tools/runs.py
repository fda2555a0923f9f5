"""An overview of several runs: the folders with checkpoints, and the progress of each.

A run is a folder with checkpoints in it, or one that somebody is writing to. No checkpoint
is loaded: the indexes of the folders and a few lines of the newest `config.yaml` are enough.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from trainer.checkpoints import index, layout, locks, metadata
from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.metadata import SCORE
from trainer.checkpoints.safe_io import safe_json
from trainer.commands.checkpoint_tools.metadata_text import count, fixed, percent, whole
from trainer.commands.tables import Column, aligned
from trainer.reporting import formatting
from trainer.reporting.formatting import UNKNOWN
from trainer.reporting.terminal import Style

DEPTH = 2  # of folders below the one that is searched
_MAX_CONFIG = 2**20
_RULE = 80


@dataclass(frozen=True)
class Run:
    """One folder of checkpoints.

    Attributes:
        path: relative to where it was searched for; "." for that folder itself.
        latest: its newest checkpoint; None if it has none yet.
        checkpoints: how many it has.
        size_bytes: of all of them.
        level, planned: of the game, of a curriculum the one it has come to, and the iterations the
            run is to have; None if not known.
        writer: the process that trains there now, in words; empty if none does.
    """

    path: str
    latest: CheckpointInfo | None
    checkpoints: int
    size_bytes: int
    level: str | None
    planned: int | None
    writer: str

    def known(self, key: str) -> Any:
        """A value of the newest checkpoint's metadata; None if there is none."""
        return None if self.latest is None else self.latest.metadata.get(key)

    def as_dict(self) -> dict[str, Any]:
        """Everything known about it, as strict JSON values."""
        numbers = ("timestamp_unix", "seen_fraction", "perfect_hide", "reward_mean", SCORE)
        return {
            "path": self.path,
            "run_name": self.known("run_name"),
            "level": self.level,
            "seed": self.known("seed"),
            "iteration": None if self.latest is None else self.latest.iteration,
            "planned_iterations": self.planned,
            "checkpoints": self.checkpoints,
            "timestamp": self.known("timestamp"),
            **{key: _finite(self.known(key)) for key in numbers},
            "agent_steps": metadata.as_count(self.known("agent_steps")),
            "size_bytes": self.size_bytes,
            "running": bool(self.writer),
        }


def find_runs(root: Path) -> list[Run]:
    """The runs in a folder and below it, by path.

    Raises:
        OSError: the folder itself cannot be read.
    """
    with os.scandir(root):
        pass
    return sorted(_search(root, root, DEPTH), key=lambda run: run.path)


def render(
    runs: Sequence[Run], style: Style, now: datetime, width: int, searched: str
) -> list[str]:
    """A line for each run if `width` is enough, else its path above its values.

    A run in the folder that was searched itself has the name `searched`.
    """
    names = [safe_json.shown_line(searched if run.path == "." else run.path) for run in runs]
    figures = aligned(_columns(now), runs)
    marks = [
        style.paint(f" [{safe_json.shown_line(run.writer)}]", "36") if run.writer else ""
        for run in runs
    ]
    path = max(map(len, ("Run", *names)))
    longest = max((len(run.writer) + 3 for run in runs if run.writer), default=0)
    if path + 2 + len(figures[0]) + longest <= width:
        rows = [
            f"{name:<{path}}  {line}{mark}"
            for name, line, mark in zip(names, figures[1:], marks, strict=True)
        ]
        head = f"{'Run':<{path}}  {figures[0]}"
    else:
        rows = [
            text
            for name, line, mark in zip(names, figures[1:], marks, strict=True)
            for text in (style.paint(name, "1") + mark, f"  {line}")
        ]
        head = f"  {figures[0]}"
    rule = "-" * min(width, max(_RULE, len(head)))
    return [head.rstrip(), rule, *(row.rstrip() for row in rows), rule]


def _search(folder: Path, root: Path, depth: int) -> Iterator[Run]:
    run = _read(folder, root)
    if run is not None:
        yield run
    if depth == 0 and run is None:
        return
    try:
        with os.scandir(folder) as entries:
            inside = [e.name for e in entries if e.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for name in inside:
        # The branch folders of a run belong to it, however deep it lies.
        own = layout.is_branch_name(name)
        if own or (depth > 0 and not name.startswith(".") and not layout.is_own_name(name)):
            yield from _search(folder / name, root, max(depth - 1, 0))


def _read(folder: Path, root: Path) -> Run | None:
    """The run in a folder; None if it holds none."""
    owner = locks.writer_of(folder)
    try:
        with os.scandir(folder) as entries:
            held = any(layout.iteration_of(entry.name) is not None for entry in entries)
        listing = index.load(folder) if held else index.Listing(())
    except OSError:
        return None
    if not listing.checkpoints and owner is None:
        return None
    latest = listing.latest
    level, planned = _configured(folder / latest.name) if latest else (None, None)
    reached = latest and latest.metadata.get("level")  # of a curriculum
    return Run(
        folder.relative_to(root).as_posix(),
        latest,
        len(listing.checkpoints),
        sum(info.size_bytes for info in listing.checkpoints),
        reached if isinstance(reached, str) else level,
        planned,
        "" if owner is None else f"training: {owner}",
    )


def _configured(checkpoint: Path) -> tuple[str | None, int | None]:
    """Level and planned iterations of a checkpoint, from the lines in which they are written.

    A YAML parser would take longer than everything else here, and would expand the aliases of a
    hostile file; training parses and checks the whole file.
    """
    try:
        text = safe_json.read_bytes(checkpoint / layout.CONFIG, _MAX_CONFIG).decode("utf-8")
    except (OSError, ValueError):
        return None, None
    level, planned = _line(text, "env", "level"), _line(text, "ppo", "num_iterations")
    budgets = (_line(text, "ppo", name) for name in ("num_episodes", "num_env_steps"))
    if any(budget not in (None, "null") for budget in budgets):
        planned = None  # it is the budget that ends the run
    return level, int(planned) if planned and planned.isdecimal() and len(planned) < 16 else None


def _line(text: str, group: str, key: str) -> str | None:
    block = re.search(rf"^{group}:[ ]*\n((?:[ #].*\n|\n)*)", text, re.MULTILINE)
    found = block and re.search(rf"^[ ]+{key}:[ ]*['\"]?([\w.-]+)", block[1], re.MULTILINE)
    return found[1] if found else None


def _columns(now: datetime) -> list[Column[Run]]:
    def age(run: Run) -> str:
        return formatting.age(now.timestamp() - metadata.as_float(run.known("timestamp_unix")))

    def done(run: Run) -> str:
        iteration = "0" if run.latest is None else str(run.latest.iteration)
        return f"{iteration}/{run.planned}" if run.planned is not None else iteration

    return [
        Column("Level", lambda run: safe_json.shown_line(run.level or UNKNOWN), text=True),
        Column("Seed", lambda run: whole(run.known("seed"))),
        Column("Iterations", done),
        Column("Kept", lambda run: str(run.checkpoints)),
        Column("Saved", age),
        Column("Seen", lambda run: fixed(run.known("seen_fraction"), 3), optional=True),
        Column("Hidden", lambda run: percent(run.known("perfect_hide")), optional=True),
        Column("Sealed", lambda run: percent(run.known("sealed")), optional=True),
        Column("Score", lambda run: fixed(run.known(SCORE), 3), optional=True),
        Column("Agent steps", lambda run: count(run.known("agent_steps"))),
        Column("Size", lambda run: formatting.size(run.size_bytes)),
    ]


def _finite(value: Any) -> float | None:
    number = metadata.as_float(value)
    return None if math.isnan(number) else number
