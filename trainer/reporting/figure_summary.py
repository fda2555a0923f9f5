"""The numbers beside the curves of the figure: the latest of each team and of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from trainer.checkpoints.metadata import SCORE
from trainer.reporting.formatting import count, number, percent
from trainer.reporting.metrics import OPPONENTS, wins_key

Columns = Mapping[str, np.ndarray]
SIGHT = "seen_fraction"  # a column of hide and seek alone
_PHASES = ("sample", "learn", "save", "evaluation", "other")
_RECENT = 100  # iterations that the split of the time is of

TEAM_SUMMARY: dict[str, tuple[str, Callable[[float], str]]] = {
    "mean return": ("{}_reward", number),
    "KL divergence": ("{}/kl", number),
    "entropy": ("{}/entropy", number),
    "learning rate": ("{}/lr", number),
    "explained variance": ("{}/vf_explained_var", percent),
    "clipped samples": ("{}/clip_fraction", percent),
}
"""Of each team: label, column and how its value is written."""
_WINS = {"games won against the past": (wins_key("{}"), percent)}


def team_summary(columns: Columns) -> dict[str, tuple[str, Callable[[float], str]]]:
    """What is told of each team of a history: `TEAM_SUMMARY`, and more with opponents."""
    return TEAM_SUMMARY | (_WINS if any(key.startswith(OPPONENTS) for key in columns) else {})


def latest_of(columns: Columns) -> dict[str, float]:
    """The values of the last row."""
    return {key: float(column[-1]) for key, column in columns.items() if len(column)}


def shared_summary(columns: Columns) -> dict[str, str]:
    """Label and text of what belongs to no team; of an empty history only that of the time."""
    latest = latest_of(columns)

    def value(key: str) -> float:
        return latest.get(key, math.nan)

    time = {"time": _time_split(columns)}
    if not latest:
        return time
    new = count(value("episodes_this_iter"))
    sight = {
        "hiders in sight": f"{percent(value(SIGHT))} of the steps",
        "never seen": f"{percent(value('perfect_hide'))} of the episodes",
    }
    return {
        "episodes": f"{count(value('episodes_completed'))}  (+{new} this iteration)",
        "episode length": f"{number(value('episode_len_mean'))} steps",
        **(sight if SIGHT in latest else {}),
        **_score(columns),
        "speed": f"{count(value('agent_steps_per_s'))} agent steps/s",
        **time,
    }


def _score(columns: Columns) -> dict[str, str]:
    """The score of the last evaluation, if there was any."""
    scores = columns.get(SCORE, np.empty(0))
    known = np.flatnonzero(np.isfinite(scores))
    if not len(known):
        return {}
    iteration = count(float(columns["iteration"][known[-1]]))
    return {"score": f"{scores[known[-1]]:.3f} at iteration {iteration}"}


def _seconds(columns: Columns, phase: str) -> float:
    return float(np.nansum(columns.get(f"time/{phase}_s", np.empty(0))[-_RECENT:]))


def _total_seconds(columns: Columns) -> float:
    """Seconds of the last iterations; nan if nothing is known."""
    return sum(_seconds(columns, name) for name in _PHASES) or math.nan


def _time_split(columns: Columns) -> str:
    """Where the time of the last iterations went; one of them alone may or may not have saved.

    `games` are those of evaluations.
    """
    total = _total_seconds(columns)
    if math.isnan(total):
        return "-"
    seconds = {name: _seconds(columns, name) for name in _PHASES}
    games = seconds.pop("evaluation")
    if SCORE in columns:  # there is no room for one more
        seconds = {"sample": seconds["sample"], "learn": seconds["learn"], "games": games}
        seconds["rest"] = total - sum(seconds.values())
    return "  ".join(f"{name} {percent(spent / total)}" for name, spent in seconds.items())
