"""Checks what a game wrote during a rollout; its trial (`envs.trial`) saw only the first steps."""

from __future__ import annotations

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
        if spec.live_columns is not None:
            # Some steps tell, the first of all: learning leaves these columns out.
            some = team.obs[1 :: 1 + len(batch.dones) // _LOOKS]
            written: np.ndarray = np.any(some, axis=(0, 1, 2))
            written[list(spec.live_columns)] = False
            if written.any():
                raise _mistake(
                    env,
                    f"writes column {written.argmax()} of out[{name!r}].obs, which is not among "
                    "the team's live_columns",
                )
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


def _mistake(env: BatchEnv, text: str) -> GameMistake:
    return GameMistake(f"game {type(env).__name__}: step {text}")
