"""What one iteration collects: preallocated, time-major arrays, one set per team.

Shapes: T steps, N worlds, A agents of a team, D observation size, S size of the state that the
value function reads, H action heads, L = sum(nvec) logits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from envs.batch_env import ObsBuffers, TeamSpec


@dataclass
class TeamRollout:
    """One team's share of a rollout.

    `obs`, `action_mask`, `valid` and `state` have T + 1 rows: the last one is where the next
    rollout starts, and its value bootstraps the unfinished episodes.

    Attributes:
        obs: [T + 1, N, A, D] float32.
        action_mask: [T + 1, N, A, L] bool, True = allowed.
        valid: [T + 1, N, A] bool, False for frozen and absent agents.
        state: [T + 1, N, A, S] float32; S = 0 where the value function reads the observation.
        actions: [T, N, A, H] int64.
        logits: [T, N, A, L] float32, masked.
        logp: [T, N, A] float32.
        rewards: [T, N, A] float32, unscaled.
        final_values: [T, N, A] float32, the value of the final observation or state where the
            episode was truncated with that step, else 0; [0, N, A] for a game that never truncates.
    """

    obs: np.ndarray
    action_mask: np.ndarray
    valid: np.ndarray
    state: np.ndarray
    actions: np.ndarray
    logits: np.ndarray
    logp: np.ndarray
    rewards: np.ndarray
    final_values: np.ndarray

    @classmethod
    def allocate(
        cls,
        spec: TeamSpec,
        steps: int,
        num_envs: int,
        *,
        truncates: bool = False,
        state: bool = False,
    ) -> TeamRollout:
        """Zeroed arrays; with `state` for the state that the game offers."""
        agents = (num_envs, spec.num_agents)
        return cls(
            obs=np.zeros((steps + 1, *agents, spec.obs_size), np.float32),
            action_mask=np.zeros((steps + 1, *agents, spec.num_logits), np.bool_),
            valid=np.zeros((steps + 1, *agents), np.bool_),
            state=np.zeros((steps + 1, *agents, spec.state_size if state else 0), np.float32),
            actions=np.zeros((steps, *agents, len(spec.nvec)), np.int64),
            logits=np.zeros((steps, *agents, spec.num_logits), np.float32),
            logp=np.zeros((steps, *agents), np.float32),
            rewards=np.zeros((steps, *agents), np.float32),
            final_values=np.zeros((steps if truncates else 0, *agents), np.float32),
        )

    def at(self, step: int) -> ObsBuffers:
        """The observation buffers of one step, as views for the environment to write into."""
        state = self.state[step] if self.state.shape[-1] else None
        return ObsBuffers(self.obs[step], self.action_mask[step], self.valid[step], state)

    def carry_over(self) -> None:
        """Makes the last observation the first one of the next rollout."""
        for array in (self.obs, self.action_mask, self.valid, self.state):
            array[0] = array[-1]

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> TeamRollout:
        """The same with `function` applied to every array."""
        return TeamRollout(**{f.name: function(getattr(self, f.name)) for f in fields(self)})


@dataclass
class RolloutBatch:
    """All teams' rollouts of the same worlds.

    Attributes:
        teams: by team name.
        dones: [T, N] bool, whether the episode ended with that step, terminally or truncated.
    """

    teams: dict[str, TeamRollout]
    dones: np.ndarray

    @classmethod
    def allocate(
        cls,
        specs: Sequence[TeamSpec],
        steps: int,
        num_envs: int,
        *,
        truncates: bool = False,
        states: Collection[str] = (),
    ) -> RolloutBatch:
        """Zeroed arrays; `states` are the teams whose value function reads the state."""
        teams = {
            spec.name: TeamRollout.allocate(
                *(spec, steps, num_envs), truncates=truncates, state=spec.name in states
            )
            for spec in specs
        }
        return cls(teams, np.zeros((steps, num_envs), np.bool_))

    @property
    def env_steps(self) -> int:
        return int(self.dones.size)

    @property
    def agent_steps(self) -> int:
        """Actions taken, frozen agents' no-ops included."""
        return sum(team.logp.size for team in self.teams.values())

    def at(self, step: int) -> Mapping[str, ObsBuffers]:
        return {name: team.at(step) for name, team in self.teams.items()}

    def part(self, worlds: slice) -> RolloutBatch:
        """The share of some worlds, as views."""
        teams = {name: team.map(lambda a: a[:, worlds]) for name, team in self.teams.items()}
        return RolloutBatch(teams, self.dones[:, worlds])

    def sized(self, num_envs: int) -> RolloutBatch:
        """Arrays for so many worlds, like these but for that; their content is arbitrary."""

        def room(array: np.ndarray) -> np.ndarray:
            return np.empty((array.shape[0], num_envs, *array.shape[2:]), array.dtype)

        return RolloutBatch({name: t.map(room) for name, t in self.teams.items()}, room(self.dones))

    def fill(self, worlds: slice, other: RolloutBatch) -> None:
        """Copies all worlds of another batch into some of this one."""
        for name, team in self.teams.items():
            for field in fields(TeamRollout):
                getattr(team, field.name)[:, worlds] = getattr(other.teams[name], field.name)
        self.dones[:, worlds] = other.dones
