"""Playing a rollout in some of the worlds, beside other parts of it in other threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from envs.batch_env import BatchEnv, TeamSpec
from envs.game_shape import check_ends
from trainer.ppo.actors import Actor, Rows
from trainer.ppo.rollout import RolloutBatch


@dataclass(frozen=True)
class RolloutPart:
    """Some worlds and what is played in them.

    Attributes:
        env: the worlds.
        batch: the rollout, filled.
        truncated: [T, N] bool, filled.
        uniforms: by team [T, N, A, H], what actions are drawn by.
        biases: by team [L], added to the logits; a team may be missing.
        value: values [n] of a team's observations [n, D], for truncated episodes.
    """

    env: BatchEnv
    batch: RolloutBatch
    truncated: np.ndarray
    uniforms: Mapping[str, np.ndarray]
    biases: Mapping[str, np.ndarray]
    value: Callable[[str, np.ndarray], np.ndarray]

    def play(self, actor: Actor) -> list[np.ndarray]:
        """Plays all steps; returns the statistics of the episodes that ended with each."""
        return [self._step(actor, step) for step in range(len(self.truncated))]

    def _step(self, actor: Actor, step: int) -> np.ndarray:
        env, batch = self.env, self.batch
        for spec in env.teams:
            actor.act(spec.name, self._rows(spec, step), self.biases.get(spec.name))
        actions = {name: team.actions[step] for name, team in batch.teams.items()}
        rewards = {name: team.rewards[step] for name, team in batch.teams.items()}
        dones, truncated = batch.dones[step], self.truncated[step]
        env.step(actions, batch.at(step + 1), rewards, dones, truncated)
        if env.truncates:
            self._value_truncated(step)
        return env.episode_stats[dones]

    def _rows(self, spec: TeamSpec, step: int) -> Rows:
        team = self.batch.teams[spec.name]
        rows = len(self.batch.dones[step]) * spec.num_agents
        return Rows(
            obs=team.obs[step].reshape(rows, -1),
            action_mask=team.action_mask[step].reshape(rows, -1),
            uniforms=self.uniforms[spec.name][step].reshape(rows, -1),
            logits=team.logits[step].reshape(rows, -1),
            actions=team.actions[step].reshape(rows, -1),
            logp=team.logp[step].reshape(rows),
        )

    def _value_truncated(self, step: int) -> None:
        """Ends the episodes truncated by this step, with the values of their final observations."""
        env, cut = self.env, self.truncated[step]
        check_ends(type(env).__name__, env, self.batch.dones[step], cut)
        self.batch.dones[step] |= cut
        for spec in env.teams:
            values = self.batch.teams[spec.name].final_values[step]
            values[:] = 0.0
            if cut.any():
                values[cut] = self.value(spec.name, env.final_obs[spec.name][cut])
