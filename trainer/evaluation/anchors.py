"""The fixed opponents of an evaluation as players."""

from __future__ import annotations

from envs.hide_and_seek.players.anchors import RANDOM
from envs.hide_and_seek.players.catalog import make_player
from envs.hide_and_seek.spaces import NVEC
from trainer.ppo.matches import Player, RandomPlayer, RulePlayer

OTHER = {"seeker": "hider", "hider": "seeker"}
"""Whom a team plays against."""


def make_anchor(name: str, team: str) -> Player:
    """The fixed opponent of a name (`envs.hide_and_seek.players.anchors`) that plays as `team`.

    Raises:
        ValueError: the team has no such player.
    """
    return RandomPlayer(NVEC) if name == RANDOM else RulePlayer(make_player(name, team))
