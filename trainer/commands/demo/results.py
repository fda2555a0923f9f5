"""What came of the episodes, as text. Figures are those of `HideAndSeekBatchEnv.stat_names`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from trainer.commands.demo.lineup import Lineup
from trainer.ppo.matches import Stats
from trainer.reporting.formatting import count
from trainer.reporting.terminal import Style

SEEN_TO_WIN = 0.5  # share of the main phase from which on the seekers win
_COLOUR = {"seeker": "31", "hider": "36"}


def hiders_win(seen_fraction: np.ndarray) -> np.ndarray:
    """Which episodes [E] the hiders win: those in which they are seen less than half the time."""
    return seen_fraction < SEEN_TO_WIN


def verdict(row: Mapping[str, float]) -> str:
    """Who won an episode and how clearly, in a few words."""
    if row["perfect_hide"]:
        return "hiders win, never seen"
    winner = "hiders" if row["seen_fraction"] < SEEN_TO_WIN else "seekers"
    return f"{winner} win, seen {row['seen_fraction']:.0%}"


def episode_line(number: int, episodes: int, row: Mapping[str, float]) -> str:
    """One episode in a line; `number` counts from 1."""
    winner = "hiders" if row["seen_fraction"] < SEEN_TO_WIN else "seekers"
    first = "never" if row["perfect_hide"] else f"at {row['first_seen_step']:.0f}"
    progress = f"{number}/{episodes}"
    return (
        f"episode {progress:>{2 * len(str(episodes)) + 1}}  {winner + ' win':<11}  "
        f"seen {row['seen_fraction']:4.0%}, first {first:<6}  "
        f"hiders' return {row['hider_return']:7.2f}"
    )


def summary(lineup: Lineup, stats: Stats, seconds: float, style: Style) -> list[str]:
    """The table of all episodes; `seconds` is what they took."""
    episodes = len(stats["length"])
    plural = "episodes" if episodes > 1 else "episode"
    title = f"Performance: {episodes} {plural} of {lineup.config.level}, seed {lineup.seed}"
    wins = {"hider": int(hiders_win(stats["seen_fraction"]).sum())}
    wins["seeker"] = episodes - wins["hider"]
    columns = [
        [
            f"{team}s",
            lineup.names[team],
            lineup.actions[team],
            _spread(stats[f"{team}_return"]),
            f"{wins[team]} ({wins[team] / episodes:.1%})",
        ]
        for team in ("seeker", "hider")
    ]
    heads = ["", "policy", "actions", "return", "wins"]
    rule = "-" * 72
    return [
        style.paint(title, "1"),
        rule,
        *_columns(heads, columns, style),
        "",
        *_lines(stats, lineup, seconds),
        rule,
        "Mean ± standard deviation over the episodes; returns are per agent.",
        "Hiders win an episode if seen in less than half of the steps of seeking.",
    ]


def _columns(heads: list[str], columns: list[list[str]], style: Style) -> list[str]:
    """Heads to the left, one column per team, aligned; the team names colored."""
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for k, head in enumerate(heads):
        cells = [
            (style.paint(column[k], code) if k == 0 else column[k]) + " " * (width - len(column[k]))
            for column, width, code in zip(columns, widths, _COLOUR.values(), strict=True)
        ]
        lines.append(f"  {head:<15}  {'   '.join(cells)}".rstrip())
    return lines


def _lines(stats: Stats, lineup: Lineup, seconds: float) -> list[str]:
    main_steps = lineup.config.episode_steps - lineup.config.prep_steps
    steps = float(stats["length"].sum())
    speed = count(steps / seconds) if seconds > 0 else "-"
    hidden = stats["perfect_hide"].mean()
    seen, first = _spread(stats["seen_fraction"], 3), _spread(stats["first_seen_step"])
    rows = {
        "seen fraction": f"{seen} of the {main_steps} steps of seeking",
        "first seen at": f"{first} steps of seeking (never = {main_steps})",
        "perfect hides": f"{hidden:.1%} of the episodes, with no hider ever seen",
        "episode length": f"{_spread(stats['length'])} steps",
        "speed": f"{speed} steps/s",
    }
    return [f"  {name:<15}  {value}" for name, value in rows.items()]


def _spread(values: np.ndarray, digits: int = 2) -> str:
    """Mean and standard deviation; of a single value only the value."""
    mean = f"{values.mean(dtype=np.float64):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {values.std(dtype=np.float64):.{digits}f}"
