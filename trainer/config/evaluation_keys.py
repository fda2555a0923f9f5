"""Whom the teams meet in evaluations, and the names of the numbers that come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envs.hide_and_seek.players.anchors import RANDOM
from envs.hide_and_seek.players.names import SCRIPTED
from trainer.checkpoints.metadata import EVALUATION, SCORE, evaluation_key

PAST = "past"
"""Earlier policies of the same run, beside the fixed opponents."""


def all_opponents() -> dict[str, tuple[str, ...]]:
    """Everybody that a team can meet in an evaluation, at any level."""
    return {
        "seeker": (RANDOM, *SCRIPTED["hider"], PAST),
        "hider": (RANDOM, *SCRIPTED["seeker"], PAST),
    }


def evaluation_keys(opponents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names of all numbers of an evaluation in which the teams meet these opponents."""
    of_teams = [f"{EVALUATION}{team}{what}" for what in ("", "_rating") for team in opponents]
    met = [evaluation_key(team, name) for team, names in opponents.items() for name in names]
    return (SCORE, *of_teams, *met)
