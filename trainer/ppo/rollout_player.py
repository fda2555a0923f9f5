"""A runner's rollouts: their arrays, and how they are filled, in threads where that is possible."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from envs.batch_env import BatchEnv, TeamSpec
from trainer.opponents.seating import Seats
from trainer.ppo.actors import Actor, FusedActor
from trainer.ppo.compiled_part import CompiledPart
from trainer.ppo.rollout import RolloutBatch
from trainer.ppo.rollout_part import RolloutPart


class RolloutPlayer:
    """The arrays of T steps in all worlds of a runner, kept for all its rollouts.

    Attributes:
        batch: the rollout.
        truncated: [T, N] bool, the episodes that were cut off.
    """

    def __init__(
        self,
        env: BatchEnv,
        teams: Sequence[TeamSpec],
        steps: int,
        actor: Actor,
        states: Collection[str],
    ) -> None:
        """Makes the arrays.

        Args:
            env: the worlds.
            teams: who plays.
            steps: T.
            actor: draws the actions.
            states: the teams whose value function reads the state.
        """
        self._env, self._actor = env, actor
        self._threads = ThreadPoolExecutor(actor.threads, "runner")
        shape = (steps, env.num_envs)
        self.batch = RolloutBatch.allocate(*(teams, *shape), truncates=env.truncates, states=states)
        self.truncated = np.zeros(shape, np.bool_)
        self._uniforms = {
            spec.name: np.zeros((*shape, spec.num_agents, len(spec.nvec)), np.float32)
            for spec in teams
        }
        arrays = (self.batch, self._uniforms)
        self._parts = [RolloutPart(teams, *arrays, self.truncated, cut) for cut in self._cuts()]
        self._compiled = [CompiledPart(*arrays, cut) for cut in self._cuts()]

    def play(
        self,
        random: np.random.Generator,
        seats: Seats,
        biases: Mapping[str, np.ndarray],
        value: Callable[[str, np.ndarray], np.ndarray],
    ) -> np.ndarray:
        """Plays all steps; the first observation is there already.

        Args:
            random: what actions are drawn from.
            seats: who plays where.
            biases: by team [L], added to the logits of its present policy; a team may be missing.
            value: see `RolloutPart.play`.

        Returns:
            [K, S] the statistics of the episodes that ended, by step and then by world, however
            many threads there are.
        """
        # All at once, so that threads need no stream of their own.
        for step in range(len(self.truncated)):
            for uniforms in self._uniforms.values():
                random.random(out=uniforms[step], dtype=np.float32)

        def play(env: BatchEnv, part: RolloutPart, compiled: CompiledPart) -> list[np.ndarray]:
            played = None
            if isinstance(self._actor, FusedActor):
                played = compiled.play(env, self._actor, seats, biases)
            if played is None:
                played = part.play(env, self._actor, seats, biases, value)
            return played

        with self._actor.ready():
            if len(self._parts) == 1:
                return np.concatenate(play(self._env, self._parts[0], self._compiled[0]))
            envs = map(self._env.part, self._cuts())
            played = self._threads.map(play, envs, self._parts, self._compiled)
            return np.concatenate([part for step in zip(*played, strict=True) for part in step])

    def _cuts(self) -> list[slice]:
        """The worlds of each thread."""
        if self._env.part(slice(0, 1)) is None:
            return [slice(0, self._env.num_envs)]
        edges = np.linspace(0, self._env.num_envs, self._actor.threads + 1).astype(int)
        return [slice(*ends) for ends in itertools.pairwise(edges.tolist()) if ends[0] < ends[1]]
