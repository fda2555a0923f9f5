"""Parts of the live panel of a training: see `trainer.reporting.console.live_console`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.table import Table
from rich.text import Text

from trainer.checkpoints.metadata import SCORE
from trainer.reporting.console.console import Row
from trainer.reporting.console.line_columns import divergence, fixed
from trainer.reporting.formatting import number, percent
from trainer.reporting.metrics import (
    DEFAULT_TEAMS,
    RANDOM_RATING,
    TEAM,
    team_color,
    teams_of,
    wins_key,
)

WIDEST, WIDER, WIDE, MEDIUM, NARROW = 112, 100, 92, 76, 50
"""Columns from which the panel shows more and more."""
LABEL = "gray62"
PHASES = {"sample": "#5AA469", "learn": "#C9A227", "other": "#8A94A0", "save": "#9D6FB0"}
EVALUATION_COLOR = "#5DA9A0"
_TICKS = "▁▂▃▄▅▆▇█"


def time_split(seconds_of: Sequence[Mapping[str, float]], width: int) -> Text:
    """Where the time of the last iterations went, as a bar and in percent.

    Args:
        seconds_of: of each iteration, seconds by phase.
        width: of the panel.
    """
    evaluates = any(math.isfinite(s.get("evaluation", math.nan)) for s in seconds_of)
    colors = PHASES | ({"evaluation": EVALUATION_COLOR} if evaluates else {})
    seconds = {
        phase: sum(s[phase] for s in seconds_of if math.isfinite(s[phase])) for phase in colors
    }
    total = sum(seconds.values())
    if total <= 0:
        return Text("-")
    text = Text()
    if width >= (WIDER if evaluates else MEDIUM):  # one phase more leaves less for the bar
        for phase, color in colors.items():
            text.append("━" * round(20 * seconds[phase] / total), style=color)
        text.append("  ")
    for phase, color in colors.items():
        text.append(f"{phase} {percent(seconds[phase] / total)}  ", style=color)
    return text


def team_table(row: Row, returns: Mapping[str, Iterable[float]], width: int) -> Table:
    """A line per team.

    Args:
        row: the last one.
        returns: the last mean returns of each team.
        width: of the panel.
    """

    def cells(team: str) -> dict[str, str]:
        def value(key: str) -> float:
            return float(row.get(f"{team}{key}", math.nan))

        medium = width >= MEDIUM
        columns = [
            (0, "reward", number(value("_reward"))),
            (WIDE, "trend", sparkline(list(returns[team]))),
            (0, "KL", divergence(row, team, 0, 6 if medium else 4)),
            (0, "entropy", fixed(value("/entropy"), 0, 4 if medium else 2)),
            *([(MEDIUM, "vs past", percent(row[key]))] if (key := wins_key(team)) in row else []),
            (NARROW, "lr", number(value("/lr"))),
            (MEDIUM, "π loss", number(value("/policy_loss"))),
            (MEDIUM, "V loss", number(value("/vf_loss"))),
            (WIDE, "grad", number(value("/grad_norm"))),
            (WIDER, "clipped", percent(value("/clip_fraction"))),
            (WIDEST, "explained", percent(value("/vf_explained_var"))),
        ]
        return {name: text for least, name, text in columns if width >= least}

    table = Table(box=None, padding=(0, 2, 0, 0), header_style=LABEL)
    table.add_column("", no_wrap=True, min_width=max(map(len, returns), default=0))
    rows = {team: cells(team) for team in returns}
    for name in next(iter(rows.values()), {}):
        table.add_column(name, justify="left" if name == "trend" else "right", no_wrap=True)
    for i, (team, texts) in enumerate(rows.items()):
        color = team_color(team, i)
        cell = (Text(text, style=color) for text in texts.values())
        table.add_row(Text(team, style=f"bold {color}"), *cell)
    return table


def objects(row: Row, width: int) -> dict[str, str]:
    """Label and text of what was done with boxes and ramps; empty where there are none."""
    plain = partial(fixed, width=0, digits=2)
    boxes = [
        ("hider_box_prep", lambda value: f"boxes {plain(value)} m"),
        ("hider_locks_prep", lambda value: f"locks {plain(value)}"),
        ("door_blocked", lambda value: f"doors blocked {percent(value)}"),
        ("sealed", lambda value: f"sealed {percent(value)}"),
        ("sealed_at_end", lambda value: f"at the end {percent(value)}"),
    ]
    ramps = [
        ("hider_ramp_prep", lambda value: f"moved {plain(value)} m in preparation"),
        ("seeker_crossings", lambda value: f"seekers crossed {plain(value)}"),
        ("hider_crossings", lambda value: f"hiders {plain(value)}"),
    ]
    found = {}
    for label, parts in (("Prepared", boxes[: None if width >= WIDE else -1]), ("Ramps", ramps)):
        if known := [text(float(row[key])) for key, text in parts if key in row]:
            found[label] = " · ".join(known)
    return found


def evaluation(evaluated: Row, width: int) -> dict[str, Text]:
    """Label and text of the last evaluation; empty before the first."""
    if not evaluated:
        return {}

    def by_team(key: str, digits: int) -> Text:
        texts = (
            Text(
                f"{team} {fixed(evaluated.get(key.format(team), math.nan), 0, digits)}",
                style=team_color(team),
            )
            for team in DEFAULT_TEAMS
        )
        return Text(" · ").join(texts)

    told = {"Score": Text(f"{fixed(evaluated[SCORE], 0, 3)} · ")}
    told["Score"] += by_team("evaluation/{}", 3)
    told["Score"] += Text(f" · iteration {evaluated['iteration']}", style=LABEL)
    if width >= MEDIUM:
        told["Rating"] = by_team("evaluation/{}_rating", 1)
        told["Rating"] += Text(f" · random players {RANDOM_RATING:.1f}", style=LABEL)
    return told


def schedules(first: Row, row: Row) -> str:
    """The stage of a curriculum, and the settings that have changed since the first row, in force.

    What a game measures is no setting, whatever it is called.
    """
    groups = (*teams_of(row), "env")
    measured = {f"{team}/{key}" for team in groups for key in TEAM if key not in _SET}
    settings = (k for k in row if "/" in k and k.split("/")[0] in groups and k not in measured)
    changed = (k for k in settings if math.isfinite(row[k]) and row[k] != first.get(k, row[k]))
    told = [f"{k.replace('/', ' ')} {number(float(row[k]))}" for k in changed if k != _STAGE]
    stage = [f"stage {row[_STAGE]:.0f}"] if _STAGE in row else []
    return " · ".join(stage + told)


_STAGE = "env/stage"
_SET = ("entropy_coeff", "clip_param", "vf_loss_coeff", "kl_target")


def memory() -> str:
    """What this process holds in memory; '-' where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return "-"
    return f"{pages * os.sysconf('SC_PAGE_SIZE') / 2**20:,.0f} MB of memory"


def sparkline(values: list[float]) -> str:
    """One block per value between the lowest and the highest; a space where it is nan."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    low, span = min(known), (max(known) - min(known)) or 1.0
    return "".join(
        _TICKS[round((value - low) / span * (len(_TICKS) - 1))] if math.isfinite(value) else " "
        for value in values
    )
