"""Summary statistics of the played episodes; see `HideAndSeekBatchEnv.stat_names`."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from envs.hide_and_seek.spaces import STAGES
from trainer.commands.demo.lineup import Lineup
from trainer.commands.tables import Column, aligned
from trainer.ppo.matches import Stats
from trainer.reporting.formatting import count
from trainer.reporting.terminal import Style

SEEN_TO_WIN = 0.5  # share of the main phase from which on the seekers win
_COLOR = {"seeker": "31", "hider": "36"}


def hiders_win(seen_fraction: np.ndarray | float) -> np.ndarray:
    """Which episodes ([E] or a single one) the hiders win: those with less than half in sight."""
    return np.less(seen_fraction, SEEN_TO_WIN)


def verdict(row: Mapping[str, float]) -> str:
    """Who won an episode and how clearly, in a few words."""
    if row["perfect_hide"]:
        return "hiders win, never seen"
    winner = _winner(row)
    return f"{winner} win, seen {row['seen_fraction']:.0%}"


def _winner(row: Mapping[str, float]) -> str:
    return "hiders" if hiders_win(row["seen_fraction"]) else "seekers"


def episode_line(number: int, episodes: int, row: Mapping[str, float]) -> str:
    """One episode in a line; `number` counts from 1."""
    winner = _winner(row)
    first = "never" if row["perfect_hide"] else f"at {row['first_seen_step']:.0f}"
    progress = f"{number}/{episodes}"
    return (
        f"episode {progress:>{2 * len(str(episodes)) + 1}}  {winner + ' win':<11}  "
        f"seen {row['seen_fraction']:4.0%}, first {first:<6}  "
        f"hiders' return {row['hider_return']:7.2f}"
    )


def summary(lineup: Lineup, stats: Stats, seconds: float | None, style: Style) -> list[str]:
    """The table of all episodes; `seconds` is how long they took, None if that says nothing."""
    episodes = len(stats["length"])
    plural = "episodes" if episodes > 1 else "episode"
    title = f"Performance: {episodes} {plural} of {lineup.config.level}, seed {lineup.seed}"
    wins = {"hider": int(hiders_win(stats["seen_fraction"]).sum())}
    wins["seeker"] = episodes - wins["hider"]
    teams = tuple(_COLOR)
    rows = [
        ["policy", *(lineup.names[team] for team in teams)],
        ["actions", *(lineup.actions[team] for team in teams)],
        ["return", *(_spread(stats[f"{team}_return"]) for team in teams)],
        ["wins", *(f"{wins[team]} ({wins[team] / episodes:.1%})" for team in teams)],
        *_tool_rows(stats, lineup.config.metrics, teams),
    ]
    rule = "-" * 72
    return [
        style.paint(title, "1"),
        rule,
        *_team_table(rows, style),
        "",
        *_lines(stats, lineup, seconds),
        rule,
        "Mean ± standard deviation over the episodes; returns are per agent.",
        "Hiders win an episode if seen in less than half of the steps of seeking.",
    ]


def as_dict(lineup: Lineup, stats: Stats, seconds: float | None) -> dict[str, Any]:
    """The same as plain values: the match, then mean and standard deviation of each statistic."""
    episodes = len(stats["length"])
    return {
        "level": lineup.config.level,
        "seed": lineup.seed,
        "policies": dict(lineup.names),
        "actions": dict(lineup.actions),
        "episodes": episodes,
        "hider_wins": int(hiders_win(stats["seen_fraction"]).sum()),
        "steps_per_s": float(stats["length"].sum()) / seconds if seconds else None,
        "stats": {
            name: {
                "mean": float(values.mean(dtype=np.float64)),
                "std": float(values.std(dtype=np.float64)),
            }
            for name, values in stats.items()
            if name not in STAGES or name in lineup.config.metrics
        },
    }


def _team_table(rows: Sequence[Sequence[str]], style: Style) -> list[str]:
    """What it is to the left, then a column per team, whose name is colored."""
    columns = [Column("", itemgetter(0), text=True, least=14)]
    columns += [
        Column(f"{team}s", itemgetter(k), text=True) for k, team in enumerate(_COLOR, start=1)
    ]
    lines = [f"  {line}".rstrip() for line in aligned(columns, rows, gap="   ")]
    for team, code in _COLOR.items():
        lines[0] = lines[0].replace(f"{team}s", style.paint(f"{team}s", code))
    return lines


_TOOLS = {
    "boxes moved": ("box_prep", "box_main", " m"),
    "ramps moved": ("ramp_prep", "ramp_main", " m"),
    "locks": ("locks_prep", "locks_main", ""),
    "crossings": ("", "crossings", ""),
}
"""Row -> what the statistics of both phases are called without their team, and the unit."""


def _tool_rows(stats: Stats, metrics: Container[str], teams: Sequence[str]) -> list[list[str]]:
    """What the teams did with boxes and ramps, per episode, where there are any."""

    def cell(team: str, first: str, last: str, unit: str) -> str:
        later = f"{stats[f'{team}_{last}'].mean(dtype=np.float64):.2f}{unit}"
        if f"{team}_{first}" not in metrics:  # the seekers do nothing in the preparation
            return later
        return f"{stats[f'{team}_{first}'].mean(dtype=np.float64):.2f}{unit} first, then {later}"

    return [
        [name, *(cell(team, *columns) for team in teams)]
        for name, columns in _TOOLS.items()
        if f"hider_{columns[1]}" in metrics
    ]


def _shelter_lines(stats: Stats, metrics: Container[str]) -> dict[str, str]:
    """What the hiders closed with boxes, where there are any."""
    shown = {}
    if "door_blocked" in metrics:
        blocked = stats["door_blocked"].mean(dtype=np.float64)
        shown["doors blocked"] = f"{blocked:.1%} at the end of the preparation"
    if "sealed" in metrics:
        first, last = (stats[key].mean(dtype=np.float64) for key in ("sealed", "sealed_at_end"))
        shown["sealed"] = f"{first:.1%} of the episodes then, {last:.1%} at their end"
    return shown


def _lines(stats: Stats, lineup: Lineup, seconds: float | None) -> list[str]:
    main_steps = lineup.config.episode_steps - lineup.config.prep_steps
    steps = float(stats["length"].sum())
    hidden = stats["perfect_hide"].mean()
    seen, first = _spread(stats["seen_fraction"], 3), _spread(stats["first_seen_step"])
    rows = {
        "seen fraction": f"{seen} of the {main_steps} steps of seeking",
        "first seen at": f"{first} steps of seeking (never = {main_steps})",
        "perfect hides": f"{hidden:.1%} of the episodes, with no hider ever seen",
        **_shelter_lines(stats, lineup.config.metrics),
        "episode length": f"{_spread(stats['length'])} steps",
    }
    if seconds:
        rows["speed"] = f"{count(steps / seconds)} steps/s"
    return [f"  {name:<15}  {value}" for name, value in rows.items()]


def _spread(values: np.ndarray, digits: int = 2) -> str:
    """Mean and standard deviation; of a single value only the value."""
    mean = f"{values.mean(dtype=np.float64):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {values.std(dtype=np.float64):.{digits}f}"
