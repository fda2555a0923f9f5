"""Playing a rollout in some of the worlds, beside other parts of it in other threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from envs.batch_env import BatchEnv, ObsBuffers, TeamSpec
from envs.game_shape import check_ends
from trainer.ppo.actors import Actor, Rows
from trainer.ppo.rollout import RolloutBatch


class _Step(NamedTuple):
    """The arrays of one step, by team where there are several."""

    rows: dict[str, Rows]
    actions: dict[str, np.ndarray]
    rewards: dict[str, np.ndarray]
    next_obs: Mapping[str, ObsBuffers]
    dones: np.ndarray
    truncated: np.ndarray


class RolloutPart:
    """The arrays of some worlds, cut by steps once and for all rollouts.

    Args:
        teams: who plays.
        batch: the rollout of these worlds.
        truncated: [T, N] bool.
        uniforms: by team [T, N, A, H], what actions are drawn by.
    """

    def __init__(
        self,
        teams: Sequence[TeamSpec],
        batch: RolloutBatch,
        truncated: np.ndarray,
        uniforms: Mapping[str, np.ndarray],
    ) -> None:
        self._batch = batch
        self._steps = [
            _Step(
                rows={spec.name: _rows(spec, step, batch, uniforms) for spec in teams},
                actions={name: team.actions[step] for name, team in batch.teams.items()},
                rewards={name: team.rewards[step] for name, team in batch.teams.items()},
                next_obs=batch.at(step + 1),
                dones=batch.dones[step],
                truncated=truncated[step],
            )
            for step in range(len(truncated))
        ]

    def play(
        self,
        env: BatchEnv,
        actor: Actor,
        biases: Mapping[str, np.ndarray],
        value: Callable[[str, np.ndarray], np.ndarray],
    ) -> list[np.ndarray]:
        """Plays all steps, which fills the arrays.

        Args:
            env: the worlds.
            actor: draws the actions.
            biases: by team [L], added to the logits; a team may be missing.
            value: values [n] of what a team's value function reads, observations [n, D] or states
                [n, S], for truncated episodes.

        Returns:
            The statistics of the episodes that ended with each step.
        """
        stats = []
        for number, step in enumerate(self._steps):
            for team, rows in step.rows.items():
                actor.act(team, rows, biases.get(team))
            env.step(step.actions, step.next_obs, step.rewards, step.dones, step.truncated)
            if env.truncates:
                self._value_truncated(env, number, value)
            stats.append(env.episode_stats[step.dones])
        return stats

    def _value_truncated(
        self, env: BatchEnv, number: int, value: Callable[[str, np.ndarray], np.ndarray]
    ) -> None:
        """Ends the episodes truncated by a step, with the values of what was seen last."""
        dones, cut = self._steps[number].dones, self._steps[number].truncated
        check_ends(type(env).__name__, env, dones, cut)
        dones |= cut
        for name, team in self._batch.teams.items():
            values = team.final_values[number]
            values[:] = 0.0
            if cut.any():
                final = env.final_state if team.state.shape[-1] else env.final_obs
                values[cut] = value(name, final[name][cut])


def _rows(
    spec: TeamSpec, step: int, batch: RolloutBatch, uniforms: Mapping[str, np.ndarray]
) -> Rows:
    """What the agents of one team see and do in one step."""
    team = batch.teams[spec.name]
    rows = batch.dones.shape[1] * spec.num_agents
    return Rows(
        obs=team.obs[step].reshape(rows, -1),
        action_mask=team.action_mask[step].reshape(rows, -1),
        uniforms=uniforms[spec.name][step].reshape(rows, -1),
        logits=team.logits[step].reshape(rows, -1),
        actions=team.actions[step].reshape(rows, -1),
        logp=team.logp[step].reshape(rows),
    )
