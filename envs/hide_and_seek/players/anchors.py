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
    """The names of the fixed opponents that each team meets in worlds that hold this."""
    hiders, seekers = [RANDOM, "runner"], [RANDOM, "searcher"]
    if contents.doors and contents.boxes:
        hiders.append("blocker")
    if contents.ramps:
        seekers.append("ramp_user")
    return {"seeker": tuple(hiders), "hider": tuple(seekers)}


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
