"""Any PettingZoo `ParallelEnv` as a `BatchEnv`: N copies of it, played side by side.

make_env = partial(ParallelBatchEnv, make_parallel_env, {"red": ["red_0", "red_1"], "blue": [...]})

Observations are flattened (`gymnasium.spaces.flatten`); actions are Discrete or MultiDiscrete, and
an action mask is taken from `info["action_mask"]` or from a Dict observation with that key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from envs.adapters.parallel_spaces import (
    ACTION_MASK,
    first_choices,
    flat,
    has_mask,
    shape_of,
    state_size,
)
from envs.batch_env import BatchEnv, ObsBuffers, TeamSpec

if TYPE_CHECKING:
    from pettingzoo import ParallelEnv

_HINT = "give agents_may_die=True to mask agents that are not there"


class ParallelBatchEnv(BatchEnv):
    """N copies of a `ParallelEnv`; each plays one episode after another.

    A world's state is its seed and the actions of its present episode: `set_state` plays them
    again, so that an environment that repeats its games for a seed resumes exactly, and nothing of
    it has to be pickled. One that does not is refused there (the trainer then starts its worlds
    afresh and says so).

    With `agents_may_die`, an agent that ends before the others sees zeros and has one choice until
    the episode is over. The last column of every observation then tells whether the agent is still
    there; the value of being gone is learned like any other, and is 0 (death masking, Yu et al.
    2022, https://arxiv.org/abs/2103.01955).

    An environment with a `state_space`, as PettingZoo names it, offers `state()` to the value
    function: flattened, and behind it the agent's own observation, since agents may be worth
    different things in the same state. Of an agent that is gone, all of it is 0.
    """

    truncates = True
    repeats = False  # some do, but none has to

    def __init__(
        self,
        make_parallel_env: Callable[[], ParallelEnv],
        teams: Mapping[str, Sequence[str]],
        num_envs: int,
        *,
        agents_may_die: bool = False,
    ) -> None:
        """Builds the copies; `reset` or `set_state` must follow before the first step.

        Args:
            make_parallel_env: builds one copy.
            teams: agents by team; every agent of the environment is in one team.
            num_envs: N, at least 1.
            agents_may_die: whether agents may end before the episode does.

        Raises:
            ValueError: an agent is missing, unknown or named twice; the spaces of a team differ, or
                are of a kind that cannot be played.
        """
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, got {num_envs}")
        self._envs = [make_parallel_env() for _ in range(num_envs)]
        self._may_die = agents_may_die
        self.num_envs = num_envs
        self.teams = _team_specs(self._envs[0], teams, agents_may_die)
        self.stat_names = ("length", *(f"{spec.name}_return" for spec in self.teams))
        self.episode_stats = np.zeros((num_envs, len(self.stat_names)), np.float32)
        self._now = {spec.name: ObsBuffers.allocate(spec, num_envs) for spec in self.teams}
        self.final_obs = {name: np.zeros_like(now.obs) for name, now in self._now.items()}
        self.final_state = {
            spec.name: np.zeros((num_envs, spec.num_agents, spec.state_size), np.float32)
            for spec in self.teams
        }
        self._alive: list[set[str]] = [set() for _ in range(num_envs)]
        self._seeds = np.zeros(num_envs, np.uint64)
        self._episodes = np.zeros(num_envs, np.int64)
        # The actions of the present episodes, one row for each step.
        self._played: list[list[np.ndarray]] = [[] for _ in range(num_envs)]
        self._sums = np.zeros_like(self.episode_stats)  # episode_stats of the present episodes

    def reset(self, seeds: np.ndarray, out: Mapping[str, ObsBuffers]) -> None:
        """See `BatchEnv.reset`; each episode of a world has a seed of its own."""
        if seeds.shape != (self.num_envs,):
            raise ValueError(f"seeds must have shape ({self.num_envs},), got {seeds.shape}")
        self._seeds[:], self._episodes[:] = seeds, 0
        for world in range(self.num_envs):
            self._start(world)
        self.observe(out)

    def step(
        self,
        actions: Mapping[str, np.ndarray],
        out: Mapping[str, ObsBuffers],
        rewards: Mapping[str, np.ndarray],
        terminated: np.ndarray,
        truncated: np.ndarray,
    ) -> None:
        """See `BatchEnv.step`."""
        chosen = np.concatenate(
            [actions[spec.name].reshape(self.num_envs, -1) for spec in self.teams], axis=1
        ).astype(np.int32)
        for world in range(self.num_envs):
            paid, ended, cut = self._play(world, chosen[world])
            for spec in self.teams:
                rewards[spec.name][world] = [paid.get(agent, 0.0) for agent in spec.agents]
            terminated[world], truncated[world] = ended and not cut, cut
            if ended:
                self.episode_stats[world] = self._sums[world]
                for name, now in self._now.items():
                    self.final_obs[name][world] = now.obs[world]
                if cut:
                    wanted = [name for name in self._now if out[name].state is not None]
                    self._tell_state(world, {name: self.final_state[name] for name in wanted})
                self._episodes[world] += 1
                self._start(world)
        self.observe(out)

    def observe(self, out: Mapping[str, ObsBuffers]) -> None:
        """See `BatchEnv.observe`."""
        for name, now in self._now.items():
            out[name].obs[:] = now.obs
            out[name].action_mask[:] = now.action_mask
            out[name].valid[:] = now.valid
        states = {name: array for name, b in out.items() if (array := b.state) is not None}
        for world in range(self.num_envs):
            self._tell_state(world, states)

    def get_state(self) -> dict[str, np.ndarray]:
        """See `BatchEnv.get_state`."""
        steps = np.array([len(rows) for rows in self._played], np.int64)
        width = sum(spec.num_agents * len(spec.nvec) for spec in self.teams)
        actions = np.zeros((self.num_envs, int(steps.max()), width), np.int32)
        for world, rows in enumerate(self._played):
            if rows:
                actions[world, : len(rows)] = rows
        counters = {"seeds": self._seeds.copy(), "episodes": self._episodes.copy()}
        seen = {f"obs_{name}": now.obs.copy() for name, now in self._now.items()}
        return {**counters, "steps": steps, "actions": actions, **seen}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """See `BatchEnv.set_state`; plays the present episode of every world again.

        Raises:
            ValueError: this is no state, or the environment does not repeat its games.
        """
        self._check_state(state)
        self._seeds[:], self._episodes[:] = state["seeds"], state["episodes"]
        for world in range(self.num_envs):
            self._start(world)
            for row in state["actions"][world, : state["steps"][world]]:
                if self._play(world, row)[1]:
                    raise ValueError("the environment does not repeat its games")
        for name, now in self._now.items():
            if not np.array_equal(now.obs, state[f"obs_{name}"]):
                raise ValueError("the environment does not repeat its games")

    def _check_state(self, state: Mapping[str, np.ndarray]) -> None:
        like = self.get_state()
        if set(state) != set(like):
            raise ValueError(f"a state has {sorted(like)}, this one {sorted(state)}")
        for name, array in like.items():
            given, shape = state[name], list(array.shape)
            if name == "actions":
                shape[1:2] = given.shape[1:2]  # of any length
            if list(given.shape) != shape or given.dtype != array.dtype:
                raise ValueError(f"{name}: {given.shape} of {given.dtype} is no part of a state")
        steps, actions = state["steps"], state["actions"]
        most = np.concatenate([np.tile(s.nvec, s.num_agents) for s in self.teams])
        if (steps < 0).any() or (steps > actions.shape[1]).any() or (state["episodes"] < 0).any():
            raise ValueError("steps or episodes are out of bounds")
        if (actions < 0).any() or (actions >= most).any():
            raise ValueError("actions are out of bounds")

    def _start(self, world: int) -> None:
        """Begins the next episode of one world."""
        seed = np.random.SeedSequence([int(self._seeds[world]), int(self._episodes[world])])
        observations, infos = self._envs[world].reset(seed=int(seed.generate_state(1)[0]))
        self._alive[world] = set(observations)
        everybody = (agent for spec in self.teams for agent in spec.agents)
        absent = [agent for agent in everybody if agent not in observations]
        if absent and not self._may_die:
            raise ValueError(f"agent {absent[0]!r} is not there at the start; {_HINT}")
        self._played[world], self._sums[world] = [], 0.0
        self._see(world, observations, infos)

    def _play(self, world: int, row: np.ndarray) -> tuple[dict[str, float], bool, bool]:
        """Plays one step of one world; its rewards, whether it ended, whether it was cut off."""
        self._played[world].append(row.copy())
        alive, given = self._alive[world], self._by_agent(world, row)
        observations, rewards, ends, cuts, infos = self._envs[world].step(given)
        gone = {agent for agent in alive if ends[agent] or cuts[agent]}
        ended = gone == alive
        cut = ended and any(cuts[agent] and not ends[agent] for agent in gone)
        dead = {a for a in gone if ends[a]} if cut else set() if ended else gone
        if dead and not self._may_die:
            raise ValueError(f"agent {min(dead)!r} ended before the others; {_HINT}")
        # What is seen last counts at a cut, and only for those who were not at their end.
        self._alive[world] = alive - (dead if cut else gone)
        paid = {agent: float(rewards[agent]) for agent in alive}
        self._sums[world, 0] += 1
        for column, spec in enumerate(self.teams, 1):
            self._sums[world, column] += np.mean([paid.get(agent, 0.0) for agent in spec.agents])
        self._see(world, observations, infos)
        return paid, ended, cut

    def _by_agent(self, world: int, row: np.ndarray) -> dict[str, Any]:
        """One world's numbers as the actions of its agents."""
        given, first = {}, 0
        for spec in self.teams:
            for agent in spec.agents:
                numbers = row[first : first + len(spec.nvec)]
                first += len(spec.nvec)
                if agent in self._alive[world]:
                    space = self._envs[world].action_space(agent)
                    action = numbers.astype(np.int64) + space.start
                    discrete = isinstance(space, spaces.Discrete)
                    given[agent] = action[0] if discrete else action.astype(space.dtype)
        return given

    def _see(self, world: int, observations: Mapping[str, Any], infos: Mapping[str, Any]) -> None:
        """Writes what the agents of one world see and may do; the dead see nothing."""
        for spec in self.teams:
            now = self._now[spec.name]
            now.valid[world] = True  # also of the dead: what they are worth is learned
            for k, agent in enumerate(spec.agents):
                obs, mask = now.obs[world, k], now.action_mask[world, k]
                if agent not in self._alive[world]:
                    obs[:], mask[:] = 0.0, first_choices(spec.nvec)
                    continue
                seen, allowed = observations[agent], infos.get(agent, {}).get(ACTION_MASK, True)
                space = self._envs[world].observation_space(agent)
                if has_mask(space):
                    allowed = seen[ACTION_MASK]
                obs[: spec.obs_size - self._may_die] = flat(space, seen)
                if self._may_die:
                    obs[-1] = 1.0
                mask[:] = np.asarray(allowed, np.bool_)

    def _tell_state(self, world: int, states: Mapping[str, np.ndarray]) -> None:
        """Writes the state of one world for the agents of some teams, by name [N, A, S]."""
        if not states:
            return
        env: Any = self._envs[world]
        shared = np.asarray(spaces.flatten(env.state_space, env.state()), np.float32)
        for spec in self.teams:
            if (array := states.get(spec.name)) is None:
                continue
            array[world, :, : len(shared)] = shared
            array[world, :, len(shared) :] = self._now[spec.name].obs[world]
            for k, agent in enumerate(spec.agents):
                if agent not in self._alive[world]:
                    array[world, k] = 0.0


def _team_specs(
    env: ParallelEnv, teams: Mapping[str, Sequence[str]], agents_may_die: bool
) -> tuple[TeamSpec, ...]:
    named = [agent for agents in teams.values() for agent in agents]
    known = list(env.possible_agents)
    if not all(teams.values()) or sorted(named) != sorted(known):
        raise ValueError(f"teams must share out the agents {known}; they name {named}")
    found, shared = [], state_size(env)
    for name, agents in teams.items():
        shapes = {agent: shape_of(env, agent) for agent in agents}
        size, nvec = shapes[agents[0]]
        for agent, shape in shapes.items():
            if shape != (size, nvec):
                raise ValueError(
                    f"team {name!r}: {agents[0]!r} and {agent!r} have other spaces; "
                    "agents of one team share a policy, so make them two teams"
                )
        size += agents_may_die
        state = shared + size if shared else 0
        found.append(TeamSpec(name, tuple(agents), size, nvec, state_size=state))
    return tuple(found)
