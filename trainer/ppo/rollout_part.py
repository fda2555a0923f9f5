"""Playing a rollout in some of the worlds, beside other parts of it in other threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from envs.batch_env import BatchEnv, ObsBuffers, TeamSpec
from envs.game_shape import check_ends
from trainer.opponents.seating import Seat, Seats, within
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
        batch: the rollout, of all worlds.
        uniforms: by team [T, N, A, H], what actions are drawn by.
        truncated: [T, N] bool.
        worlds: those that are played here.
    """

    def __init__(
        self,
        teams: Sequence[TeamSpec],
        batch: RolloutBatch,
        uniforms: Mapping[str, np.ndarray],
        truncated: np.ndarray,
        worlds: slice,
    ) -> None:
        self._worlds = worlds
        self._agents = {spec.name: spec.num_agents for spec in teams}
        self._batch = batch = batch.part(worlds)
        truncated = truncated[:, worlds]
        uniforms = {team: array[:, worlds] for team, array in uniforms.items()}
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
        seats: Seats,
        biases: Mapping[str, np.ndarray],
        value: Callable[[str, np.ndarray], np.ndarray],
    ) -> list[np.ndarray]:
        """Plays all steps, which fills the arrays.

        Args:
            env: the worlds.
            actor: draws the actions.
            seats: who plays where, of all worlds.
            biases: by team [L], added to the logits of its present policy; a team may be missing.
            value: values [n] of what a team's value function reads, observations [n, D] or states
                [n, S], for truncated episodes.

        Returns:
            The statistics of the episodes that ended with each step.
        """
        stats = []
        turns = list(self._turns(seats, biases))
        for number, step in enumerate(self._steps):
            for team, player, cut, bias in turns:
                rows = step.rows[team]
                # Slices cost time: without opponents there is one player for all rows.
                actor.act(player, rows if cut is None else _some(rows, cut), bias)
            env.step(step.actions, step.next_obs, step.rewards, step.dones, step.truncated)
            if env.truncates:
                self._value_truncated(env, number, value)
            stats.append(env.episode_stats[step.dones])
        return stats

    def _turns(
        self, seats: Seats, biases: Mapping[str, np.ndarray]
    ) -> Iterator[tuple[str, str, slice | None, np.ndarray | None]]:
        """Team, player, its rows among those of the team (None: all) and its bias."""
        for team, agents in self._agents.items():
            for seat in within(seats[team], self._worlds):
                bias = present_bias(team, seat, biases)
                if slice(seat.first, seat.end) == self._worlds:
                    yield team, seat.player, None, bias
                elif seat.first < seat.end:
                    ends = (agents * (world - self._worlds.start) for world in seat[1:])
                    yield team, seat.player, slice(*ends), bias

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


def present_bias(team: str, seat: Seat, biases: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """What is added to a player's logits: earlier policies play as they are."""
    return biases.get(team) if seat.player == team else None


def _some(rows: Rows, cut: slice) -> Rows:
    """Some of the rows, as views."""
    return Rows(*(array[cut] for array in rows))


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
