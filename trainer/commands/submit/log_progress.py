"""How far a training is, from what it has printed.

Ray keeps the metadata of a job as it was submitted: there is no public call that changes it while
the job runs. So its progress is read from the end of its log, which
`trainer.reporting.console.line_console` has written.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass

from trainer.checkpoints import layout

_LINE = re.compile(r"^\s*(?:(\d+)\s+)?(\d+)/(\d+) \| ")
_SAVED = re.compile(r"^saved (.+?)  iteration (\d+)  ")
_RESTORED = re.compile(r"^RESTORING from checkpoint: (.+)$")
_LAST = re.compile(r"; the last (?:good )?checkpoint is (.+?); resume with: ")
_STARTED = re.compile(r"^(?:Training|Resuming with) iterations? (\d+)(?: to (\d+))?$")
_SPEED = "agent-steps/s"


@dataclass(frozen=True)
class LogProgress:
    """What the log tells; None for what it does not.

    Attributes:
        iteration: the last one that is done.
        of: the last one that is planned; with a budget it is counted in `unit`.
        done: how much of a budget is spent, in `unit`.
        unit: iteration, or what the budget counts.
        score: of the last evaluation.
        agent_steps_per_s: of the last iteration, as shown.
        checkpoint: path or URL of the last one that was saved.
        checkpoint_iteration: its iteration.
        restored: path or URL of the one that the run was resumed from.
        error: the last one that was told.
        next: the commands that may follow, where it has ended by itself.
    """

    iteration: int | None = None
    done: int | None = None
    of: int | None = None
    unit: str = "iteration"
    score: float | None = None
    agent_steps_per_s: str | None = None
    checkpoint: str | None = None
    checkpoint_iteration: int | None = None
    restored: str | None = None
    error: str | None = None
    next: tuple[str, ...] = ()


def read_progress(log: str) -> LogProgress:
    """The progress that a job's log tells."""
    found: dict[str, object] = {}
    headings, following = "", False
    for line in log.splitlines():
        if following and line.startswith("  "):
            found["next"] = (*found.get("next", ()), line.strip())  # type: ignore[misc]
            continue
        following = line == "next:"
        if line.endswith(" ETA") and _SPEED in line:
            headings = line
        elif row := _LINE.match(line):
            found |= _of_row(row, headings, line)
        elif saved := _SAVED.match(line):
            found |= {"checkpoint": saved[1], "checkpoint_iteration": int(saved[2])}
            found["iteration"] = max(int(saved[2]), int(str(found.get("iteration", 0))))
        elif restored := _RESTORED.match(line):
            found["restored"] = restored[1]
        elif line.startswith("error: "):
            found |= _of_error(line.removeprefix("error: "), found)
        elif (started := _STARTED.match(line)) and "of" not in found:
            found["of"] = int(started[2] or started[1])
    return LogProgress(**found)  # type: ignore[arg-type]


def _of_error(text: str, before: dict[str, object]) -> dict[str, object]:
    """What an error tells; it may name a checkpoint that was only resumed from.

    It may also be the only one to name the newest: who is killed tells no more.
    """
    last = _LAST.search(text)
    if last is None:
        return {"error": text}
    found: dict[str, object] = {"error": text[: last.start()]}
    iteration = layout.iteration_of(last[1].rpartition("/")[2])
    known = before.get("checkpoint_iteration")
    if known is None or (iteration or 0) > int(str(known)):
        found |= {"checkpoint": last[1], "checkpoint_iteration": iteration}
    return found


def _of_row(row: re.Match[str], headings: str, line: str) -> dict[str, object]:
    """What a line tells; its columns end where their headings do."""
    done = int(row[2])
    found: dict[str, object] = {"done": done, "of": int(row[3])}
    found["iteration"] = done if row[1] is None else int(row[1])
    if row[1] is not None and headings:
        found["unit"] = headings.partition(" | ")[0].replace("iteration", "").strip()
    if (speed := _cell(_SPEED, headings, line)) not in ("", "-"):
        found["agent_steps_per_s"] = speed
    with contextlib.suppress(ValueError):
        found["score"] = float(_cell("score", headings, line))
    return found


def _cell(heading: str, headings: str, line: str) -> str:
    place = headings.find(f" {heading}")
    words = line[: place + 1 + len(heading)].split()
    return words[-1] if place >= 0 and words else ""
