"""Playing a rollout in some of the worlds by compiled code: the fused actor and a compiled game."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from envs.batch_env import BatchEnv
from trainer.engine.playing import PLAYED, play
from trainer.opponents.seating import Seat, Seats, within
from trainer.ppo.actors import FusedActor, Rows
from trainer.ppo.rollout import RolloutBatch
from trainer.ppo.rollout_part import present_bias


class CompiledPart:
    """Some worlds of a rollout.

    Args:
        batch: the rollout, of all worlds.
        uniforms: by team [T, N, A, H], what actions are drawn by.
        worlds: those that are played here.
    """

    def __init__(
        self, batch: RolloutBatch, uniforms: Mapping[str, np.ndarray], worlds: slice
    ) -> None:
        self._batch, self._worlds = batch, worlds
        self._dones = batch.dones[:, worlds]
        self._counts = np.zeros(len(batch.dones), np.int64)
        self._ended: np.ndarray | None = None
        self._rows = {
            name: Rows(
                obs=_by_rows(team.obs),
                action_mask=_by_rows(team.action_mask),
                uniforms=_by_rows(uniforms[name]),
                logits=_by_rows(team.logits),
                actions=_by_rows(team.actions),
                logp=team.logp.reshape(len(team.logp), -1),
            )
            for name, team in batch.teams.items()
        }

    def play(
        self, env: BatchEnv, actor: FusedActor, seats: Seats, biases: Mapping[str, np.ndarray]
    ) -> list[np.ndarray] | None:
        """As `RolloutPart.play`; None, and nothing is played, if the game's steps are not compiled.

        Raises:
            ValueError: the game refuses a step.
        """
        steps = env.compiled(self._batch.teams, self._batch.dones, self._worlds)
        if steps is None:
            return None
        players = tuple(
            actor.player(seat.player, rows, self._cut(name, seat), present_bias(name, seat, biases))
            for name, rows in self._rows.items()
            for seat in within(seats[name], self._worlds)
        )
        if self._ended is None:
            self._ended = np.zeros((self._dones.size, env.episode_stats.shape[1]), np.float32)
        said = play(
            *(steps.step, steps.state, players, self._dones),
            *(env.episode_stats, self._ended, self._counts),
        )
        if said != PLAYED:
            raise ValueError(f"the game {type(env).__name__} refuses a step: {said}")
        ends = np.cumsum(self._counts)
        return np.split(self._ended[: ends[-1]].copy(), ends[:-1])

    def _cut(self, team: str, seat: Seat) -> slice:
        """The rows of a team's agents in the worlds of a seat."""
        agents = self._batch.teams[team].logp.shape[2]
        return slice(seat.first * agents, seat.end * agents)


def _by_rows(array: np.ndarray) -> np.ndarray:
    """An array [T, N, A, X] as [T, N * A, X]."""
    return array.reshape(len(array), -1, array.shape[-1])
