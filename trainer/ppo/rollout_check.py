"""Checks what a game wrote during a rollout; its trial (`envs.trial`) saw only the first steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from envs.batch_env import BatchEnv
from envs.game_shape import GameMistake, check_ends, head_without_choice
from trainer.ppo.rollout import RolloutBatch

_LOOKS = 8


def check_rollout(
    env: BatchEnv, batch: RolloutBatch, truncated: np.ndarray, stats: np.ndarray
) -> None:
    """Checks a rollout by a few sums over its small arrays.

    Args:
        env: wrote it.
        batch: the rollout.
        truncated: [T, N] bool, the episodes that were cut off.
        stats: [K, S], the statistics of the K episodes that ended.

    Raises:
        GameMistake: a number or flag is not allowed.
    """
    if not env.truncates:  # else each step has been checked
        check_ends(type(env).__name__, env, batch.dones, truncated)
    if np.isinf(stats).any():
        column = int(np.isinf(stats).any(axis=0).argmax())
        raise _mistake(env, f"writes infinity as {env.stat_names[column]!r} of episode_stats")
    for spec in env.teams:
        name, team = spec.name, batch.teams[spec.name]
        _check_live(env, f"out[{name!r}].obs", team.obs, "live_columns", spec.live_columns)
        if team.state.shape[-1]:
            _check_live(env, f"out[{name!r}].state", team.state, "live_state", spec.live_state)
            with np.errstate(over="ignore"):
                total = team.state.sum()  # which may be too large, where all of them are finite
            if not np.isfinite(total) and not np.isfinite(team.state).all():
                raise _mistake(env, f"writes NaN or infinity into out[{name!r}].state")
        if not np.isfinite(team.rewards.sum(dtype=np.float64)):
            raise _mistake(env, f"writes NaN or infinity into rewards[{name!r}]")
        if np.isfinite(team.logp.sum(dtype=np.float64)):
            continue  # else the game is at fault, or a policy that has blown up
        if not np.isfinite(team.obs).all():
            raise _mistake(env, f"writes NaN or infinity into out[{name!r}].obs")
        if head_without_choice(spec, team.action_mask) is not None:
            raise _mistake(
                env,
                f"allows no choice of a head in out[{name!r}].action_mask; at least one must be",
            )


def _check_live(
    env: BatchEnv, what: str, array: np.ndarray, name: str, live: Sequence[int] | None
) -> None:
    """Checks that columns of an array [T + 1, N, A, X] are 0 where the team says so."""
    if live is None:
        return
    # Some steps tell, the first of all: learning leaves these columns out.
    some = array[1 :: 1 + (len(array) - 1) // _LOOKS]
    written: np.ndarray = np.any(some, axis=(0, 1, 2))
    written[list(live)] = False
    if written.any():
        raise _mistake(
            env,
            f"writes column {written.argmax()} of {what}, which is not among the team's {name}",
        )


def _mistake(env: BatchEnv, text: str) -> GameMistake:
    return GameMistake(f"game {type(env).__name__}: step {text}")
