"""The fixed opponents of an evaluation: the players that tell the policies of a level apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envs.hide_and_seek.contents import Contents
from envs.hide_and_seek.players.names import SCRIPTED

RANDOM = "random"
"""Chooses every allowed action equally often: whoever does worse has learned the wrong thing."""
PAST = "past"
"""Earlier policies of the same run; not fixed."""
SCORE = "evaluation/score"


def anchors_of(contents: Contents) -> dict[str, tuple[str, ...]]:
    """The names of the fixed opponents that each team meets in worlds that hold this.

    Measured by how far apart trained and untrained policies are. Between pillars all hiders fare
    alike against the chaser, who knows where they are; where boxes make shelters it tells most. No
    seeker comes near a blocker behind its doors, so that one tells nothing.
    """
    seeker = "ramp_user" if contents.ramps else "chaser" if contents.boxes else "searcher"
    return {"seeker": (RANDOM, "runner"), "hider": (RANDOM, seeker)}


def all_opponents() -> dict[str, tuple[str, ...]]:
    """Everybody that a team can meet in an evaluation, at any level."""
    return {
        "seeker": (RANDOM, *SCRIPTED["hider"], PAST),
        "hider": (RANDOM, *SCRIPTED["seeker"], PAST),
    }


def evaluation_keys(opponents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names of all numbers of an evaluation in which the teams meet these opponents."""
    of_teams = [f"evaluation/{team}{what}" for what in ("", "_rating") for team in opponents]
    met = [f"evaluation/{team}_vs_{name}" for team, names in opponents.items() for name in names]
    return (SCORE, *of_teams, *met)
