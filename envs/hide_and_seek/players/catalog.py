"""Scripted players built by name."""

from __future__ import annotations

from envs.hide_and_seek.config import did_you_mean
from envs.hide_and_seek.players.blocking import play_blocker
from envs.hide_and_seek.players.chasing import play_chaser
from envs.hide_and_seek.players.fleeing import play_runner
from envs.hide_and_seek.players.names import SCRIPTED
from envs.hide_and_seek.players.player import ScriptedPlayer
from envs.hide_and_seek.players.ramps import play_ramp_user

_PLAYS = {
    "chaser": (play_chaser, True),
    "searcher": (play_chaser, False),
    "ramp_user": (play_ramp_user, False),
    "runner": (play_runner, False),
    "blocker": (play_blocker, False),
}


def make_player(name: str, team: str, seed: int = 0) -> ScriptedPlayer:
    """The player of a name of `names.SCRIPTED`, for a team.

    Args:
        name: of the player.
        team: "seeker" or "hider".
        seed: of its own random choices.

    Raises:
        ValueError: the team has no such player; the message names the nearest one.
    """
    if name not in SCRIPTED[team]:
        hint = did_you_mean(name, SCRIPTED[team])
        raise ValueError(f"{name!r} is no scripted {team}; {hint}")
    play, option = _PLAYS[name]
    return ScriptedPlayer(team, play, option=option, seed=seed)
