"""The worlds that a peer plays: the project's own game, with the agents of a team as rows.

Shapes: T steps, N worlds, A agents of a team, R = N * A rows, D observation size, H action heads,
L logits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import numpy as np

from envs.batch_env import ObsBuffers
from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from trainer.config.schema import Config


class Worlds:
    """All worlds of one process, stepped at once.

    Attributes:
        teams: the `TeamSpec` of each team by name.
        obs: [R, D] by team, overwritten by the next step, as the three below.
        masks: [R, L] by team, True = allowed. A choice that is not allowed counts as the no-op.
        valid: [R] by team, False where the agent is frozen.
        rewards: [R] by team, scaled as the learner of this project sees them.
        dones: [R] by team.
    """

    def __init__(self, config: Config) -> None:
        self.num_envs = config.ray.num_envs
        self._env = HideAndSeekBatchEnv(config.env, self.num_envs)
        self._scale = np.float32(config.ppo.reward_scale)
        self.teams = {spec.name: spec for spec in self._env.teams}
        self._out = {
            name: ObsBuffers.allocate(spec, self.num_envs) for name, spec in self.teams.items()
        }
        self._paid = {
            name: np.zeros((self.num_envs, spec.num_agents), np.float32)
            for name, spec in self.teams.items()
        }
        self._ended = np.zeros(self.num_envs, np.bool_)
        self._env.reset(np.arange(self.num_envs, dtype=np.uint64), self._out)
        self.obs = {name: out.obs.reshape(-1, out.obs.shape[-1]) for name, out in self._out.items()}
        self.masks = {
            name: out.action_mask.reshape(self.rows(name), -1) for name, out in self._out.items()
        }
        self.valid = {name: out.valid.reshape(-1) for name, out in self._out.items()}
        self.rewards = {name: paid.reshape(-1) for name, paid in self._paid.items()}
        self.dones = {name: np.zeros(self.rows(name), np.bool_) for name in self.teams}

    def rows(self, team: str) -> int:
        """R: the agents of a team in all worlds."""
        return self.num_envs * self.teams[team].num_agents

    def step(self, actions: Mapping[str, np.ndarray]) -> None:
        """Plays one step; actions are [R, H] by team, of any integer type."""
        shaped = {
            name: actions[name].reshape(self.num_envs, spec.num_agents, len(spec.nvec))
            for name, spec in self.teams.items()
        }
        self._env.step(shaped, self._out, self._paid, self._ended)
        for name, spec in self.teams.items():
            self.rewards[name] *= self._scale
            self.dones[name][:] = np.repeat(self._ended, spec.num_agents)


class MeetingPoint:
    """One set of worlds for learners that each play one team, every learner in its own thread."""

    def __init__(self, worlds: Worlds) -> None:
        self.worlds = worlds
        self._actions: dict[str, np.ndarray] = {}
        self._barrier = threading.Barrier(
            len(worlds.teams), action=lambda: worlds.step(self._actions)
        )

    def step(self, team: str, actions: np.ndarray) -> None:
        """Waits for the other teams' actions; on return the worlds have moved by one step."""
        self._actions[team] = actions
        self._barrier.wait()

    def together(self, work: Callable[[str], None]) -> None:
        """Calls `work(team)` for all teams at the same time; raises what one of them raises."""
        failures: list[BaseException] = []

        def guarded(team: str) -> None:
            try:
                work(team)
            except BaseException as error:
                failures.append(error)
                self._barrier.abort()

        threads = [threading.Thread(target=guarded, args=(team,)) for team in self.worlds.teams]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
