"""What a game must have before it is played: teams with names, and arrays of the right shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from envs.batch_env import BatchEnv, TeamSpec

WORLDS = 2
"""How many worlds a game is tried with."""


class GameMistake(ValueError):  # noqa: N818
    """A game does not keep a rule of `BatchEnv`; the message names the game, method and array."""


def build(game: str, make_env: Callable[[int], BatchEnv]) -> BatchEnv:
    """`WORLDS` worlds of a game, whose attributes are as they must be.

    Raises:
        GameMistake: they are not.
    """
    if not callable(make_env):
        kind = type(make_env).__name__
        raise GameMistake(
            f"game {game!r}: make_env must make N worlds when it is called with N, such as a "
            f"class; got an instance of {kind}"
        )
    env = make_env(WORLDS)
    if not isinstance(env, BatchEnv):
        raise GameMistake(
            f"game {game!r}: make_env must return an envs.batch_env.BatchEnv, got "
            f"{type(env).__name__}"
        )
    if env.num_envs != WORLDS:
        raise GameMistake(
            f"game {game!r}: make_env({WORLDS}) must make {WORLDS} worlds, num_envs is "
            f"{env.num_envs}"
        )
    _check_teams(game, env)
    return env


def _check_teams(game: str, env: BatchEnv) -> None:
    names = [team.name for team in env.teams]
    agents = [agent for team in env.teams for agent in team.agents]
    for what, given in (("teams", names), ("agents", agents)):
        twice = sorted({name for name in given if given.count(name) > 1})
        if twice or not given:
            found = f"{twice[0]!r} is there twice" if twice else "there are none"
            raise GameMistake(f"game {game!r}: {what} must have names of their own; {found}")


def check_arrays(game: str, env: BatchEnv) -> None:
    """Checks the arrays that a game owns and the trainer reads.

    Raises:
        GameMistake: one is missing, or has another shape or type.
    """
    stats: Any = getattr(env, "episode_stats", None)
    shape = (WORLDS, len(env.stat_names))
    if not isinstance(stats, np.ndarray) or stats.shape != shape or not is_float(stats):
        raise GameMistake(
            f"game {game!r}: episode_stats must be [num_envs, len(stat_names)] = {shape} "
            f"float32, got {described(stats)}"
        )
    if env.truncates:
        for what in ("obs", "state"):
            _check_final(game, env, what)


def _check_final(game: str, env: BatchEnv, what: str) -> None:
    """Checks `final_obs` or `final_state`."""
    sizes = {team.name: getattr(team, f"{what}_size") for team in env.teams}
    wanted = {t.name: (WORLDS, t.num_agents, sizes[t.name]) for t in env.teams if sizes[t.name]}
    final: Mapping[str, Any] = getattr(env, f"final_{what}", {})
    for team, shape in wanted.items():
        array = final.get(team)
        if not isinstance(array, np.ndarray) or (array.shape, array.dtype) != (shape, np.float32):
            found = "there is none" if array is None else f"got {described(array)}"
            raise GameMistake(
                f"game {game!r}: truncates is True, so final_{what}[{team!r}] must be "
                f"[num_envs, agents, {what}_size] = {shape} float32; {found}"
            )


def head_without_choice(team: TeamSpec, mask: np.ndarray) -> int | None:
    """The first action head of which a mask [..., L] allows nothing somewhere; None: all do."""
    allowed = (head.any(axis=-1).all() for head in team.by_head(mask))
    return next((number for number, choice in enumerate(allowed) if not choice), None)


def check_ends(game: str, env: BatchEnv, terminated: np.ndarray, truncated: np.ndarray) -> None:
    """Checks the flags of ended episodes, of one step or many.

    Raises:
        GameMistake: an episode ended in both ways, or was cut off by a game that does not say so.
    """
    if (terminated & truncated).any():
        raise GameMistake(f"game {game}: step sets terminated and truncated for the same world")
    if truncated.any() and not env.truncates:
        raise GameMistake(
            f"game {game}: step sets truncated, but truncates is False; set truncates = True, and "
            "fill final_obs"
        )


def is_float(array: np.ndarray) -> bool:
    """Whether an array holds floating point numbers."""
    return array.dtype.kind == "f"


def described(value: Any) -> str:
    """Shape and type of an array, or the type of anything else."""
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}"
    return f"a {type(value).__name__}"
