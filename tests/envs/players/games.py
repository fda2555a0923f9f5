"""Whole games of scripted players against each other, or against a team that plays at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.players.catalog import make_player
from tests.envs.playing import Play, make_play

Act = Callable[[HideAndSeekBatchEnv], np.ndarray]
Stats = dict[str, np.ndarray]  # [games] each


def at_random(team: str, seed: int = 0) -> Act:
    """A team that draws every action."""
    rng = np.random.default_rng(seed)

    def act(env: HideAndSeekBatchEnv) -> np.ndarray:
        spec = next(spec for spec in env.teams if spec.name == team)
        return rng.integers(0, spec.nvec, (env.num_envs, spec.num_agents, len(spec.nvec)))

    return act


def act_of(name: str, team: str) -> Act:
    return at_random(team) if name == "random" else make_player(name, team).act


def start(level: str, games: int, **settings: Any) -> Play:
    """Worlds 0 to `games` - 1 of a level, at the start of an episode."""
    play = make_play(games, autoreset=False, level=level, **({"num_layouts": 64} | settings))
    play.reset(*range(games))
    return play


def play_out(play: Play, acts: Mapping[str, Act], each: Callable[[], None] = lambda: None) -> Stats:
    """Plays until the episodes end; `each` is called after every step."""
    while not play.dones.all():
        play.step({team: act(play.env) for team, act in acts.items()})
        each()
    return dict(zip(play.env.stat_names, play.env.episode_stats.T.copy(), strict=True))


def match(level: str, seeker: str, hider: str, games: int, **settings: Any) -> Stats:
    """The statistics of the games of two players by name, "random" included."""
    acts = {"seeker": act_of(seeker, "seeker"), "hider": act_of(hider, "hider")}
    return play_out(start(level, games, **settings), acts)
