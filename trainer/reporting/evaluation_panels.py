"""The row of the figure that evaluated runs add: how well each team plays against others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from envs.hide_and_seek.players.anchors import RANDOM
from trainer.checkpoints.metadata import SCORE, evaluation_key
from trainer.config.evaluation_keys import PAST
from trainer.reporting.figure_panel import MUTED, NEUTRAL, Panel
from trainer.reporting.metrics import DEFAULT_TEAMS, RANDOM_RATING, TEAM_COLORS


def has_evaluations(columns: Mapping[str, np.ndarray]) -> bool:
    """Whether a history has the result of any evaluation."""
    return bool(np.isfinite(columns.get(SCORE, np.empty(0))).any())


def has_past(columns: Mapping[str, np.ndarray]) -> bool:
    """Whether a history has any result against earlier policies."""
    shares = columns.get(evaluation_key(DEFAULT_TEAMS[0], PAST), np.empty(0))
    return bool(np.isfinite(shares).any())


def evaluation_panels(axes: Sequence[Any], past: bool) -> list[Panel]:
    """Three panels: scores, ratings, and shares against the past or, without it, random players."""
    shown: dict[str, Any] = {"at_points": True, "show_steps": False}
    teams = {team: TEAM_COLORS[team] for team in DEFAULT_TEAMS}
    scores = {f"evaluation/{team}": (team, color) for team, color in teams.items()}
    scores[SCORE] = ("both", NEUTRAL)
    ratings = {f"evaluation/{team}_rating": (team, color) for team, color in teams.items()}
    other, title = (PAST, "Against their past") if past else (RANDOM, "Against random players")
    words = {"seeker": "seeker: sees", "hider": "hider: unseen"}
    against = {evaluation_key(team, other): (words[team], teams[team]) for team in teams}
    level = {RANDOM_RATING: MUTED}
    return [
        Panel(axes[0], "Score in evaluations", scores, unit="0\N{EN DASH}1", floor=0.0, **shown),
        Panel(axes[1], "Rating", ratings, unit="dashed: random players", levels=level, **shown),
        Panel(axes[2], title, against, unit="of the steps", floor=0.0, **shown),
    ]
