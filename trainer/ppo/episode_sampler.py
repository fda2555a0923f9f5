"""Sampling whole episodes of a runner's worlds for session records, beside the rollouts.

A rollout keeps no states, so the state of one world is copied before it, and what the world then
did is read from the rollout's arrays. When the episode is over, another thread plays it again from
there. Nothing is drawn from a random stream and no array of the training is written: training is
the same to the bit with and without.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from envs.batch_env import BatchEnv
from envs.rerun import Rerun
from trainer.ppo.rollout import RolloutBatch
from trainer.ppo.sampled_episode import (
    Part,
    RerunDiffers,
    SampledEpisode,
    Stretch,
    play_again,
)

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO

_GOLDEN = 0.6180339887498949  # its multiples spread evenly over the worlds
_FINISH_S = 20.0
NO_COPIES = "the game cannot be played again from a copy of a world"


def ask_for_episodes(trainer: TeamPPO) -> None:
    """Asks every runner for an episode if the iteration that begins is one in which it is due."""
    every, done = trainer.config.env_config["session_every"], trainer.progress.iteration
    if every is not None and done % every == 0:
        trainer.foreach_runner(lambda runner: runner.episodes.ask(done + 1))


def last_episodes(trainer: TeamPPO) -> dict[int, SampledEpisode]:
    """By runner, the episode that was still being played again; training has ended."""
    if trainer.config.env_config["session_every"] is None:
        return {}
    last = trainer.foreach_runner(lambda runner: (runner.worker_index, runner.episodes.wait()))
    return {runner: episode for runner, episode in last if episode is not None}


class EpisodeSampler:
    """Samples one episode at a time of a runner's worlds; none until it is asked to."""

    def __init__(
        self,
        env: BatchEnv,
        players: Callable[[int], Mapping[str, int]],
        hashes: Callable[[], Mapping[str, str]],
    ) -> None:
        """Prepares.

        Args:
            env: the worlds.
            players: world -> see `Stretch.opponents`.
            hashes: see `Stretch.policies`.
        """
        self._env, self._players, self._hashes = env, players, hashes
        self._world: int | None = None  # that is followed; None: nothing is to be sampled
        self._iteration = 0  # of the next rollout, while a world is followed
        self._begins = False  # whether an episode begins with the next rollout
        self._before: tuple[Rerun | None, Stretch] | None = None
        self._parts: list[Part] = []
        self._thread: threading.Thread | None = None
        self._ready: deque[SampledEpisode] = deque()
        self._missed = 0

    def ask(self, iteration: int) -> None:
        """Wants the next episode that begins; `iteration` is that of the next rollout.

        While an earlier one is still sampled there is no second one; while one is still played
        again, this one is missed.
        """
        if self._world is not None:
            return
        if self._thread is not None and self._thread.is_alive():
            self._missed += 1
            return
        self._iteration, self._parts = iteration, []
        self._world = int(self._env.num_envs * (iteration * _GOLDEN % 1.0))

    def begin(
        self, batch: RolloutBatch, parameters: Mapping[str, float], *, anew: bool = False
    ) -> None:
        """Before a rollout.

        Args:
            batch: its arrays, with the last rollout in them.
            parameters: the scheduled numbers of the game.
            anew: whether all worlds have just been started.
        """
        if self._world is None:
            return
        self._begins = anew or bool(batch.dones[-1, self._world])
        players = dict(self._players(self._world))
        stretch = Stretch(self._iteration, 0, dict(self._hashes()), players, dict(parameters))
        self._before = self._env.rerun(self._world), stretch
        self._iteration += 1

    def end(self, batch: RolloutBatch, stats: np.ndarray) -> None:
        """After a rollout.

        Args:
            batch: its arrays.
            stats: [K, S] the statistics of the episodes that ended in it, by step, then by world.
        """
        if self._world is None or self._before is None:
            return
        world, dones = self._world, batch.dones[:, self._world].copy()
        ends = [int(step) + 1 for step in np.flatnonzero(dones)]
        first = 0
        if not self._parts and not self._begins:
            first = ends.pop(0) if ends else len(dones)
        if first == len(dones):
            return  # none has begun; perhaps one does with the next rollout
        last = ends[0] if ends else len(dones)
        rerun, stretch = self._before
        after = self._env.rerun(world)
        part = Part(
            rerun,
            {} if after is None else after.state(),
            {name: team.actions[:, world].copy() for name, team in batch.teams.items()},
            {name: team.rewards[:, world].copy() for name, team in batch.teams.items()},
            dones,
            first,
            last,
            replace(stretch, steps=last - first),
        )
        self._parts.append(part)
        if ends:
            before = np.count_nonzero(batch.dones[: last - 1])
            row = before + np.count_nonzero(batch.dones[last - 1, :world])
            self._finish(world, stats[row].copy())

    def take(self) -> SampledEpisode | None:
        """The episode that is ready, once; None: none is."""
        return self._ready.popleft() if self._ready else None

    def wait(self) -> SampledEpisode | None:
        """The same after waiting for the one that is played again, though not for ever."""
        if self._thread is not None:
            self._thread.join(_FINISH_S)
        return self.take()

    def _finish(self, world: int, stats: np.ndarray) -> None:
        parts, missed = self._parts, self._missed
        self._world, self._before, self._parts, self._missed = None, None, [], 0
        names = self._env.stat_names

        def work() -> None:
            statistics = {n: float(v) for n, v in zip(names, stats.tolist(), strict=True)}
            episode = assemble(world, parts, statistics)
            self._ready.append(replace(episode, missed=missed))

        # As a daemon: the end of the process does not wait for it.
        self._thread = threading.Thread(target=work, name="episode", daemon=True)
        self._thread.start()


def assemble(world: int, parts: Sequence[Part], statistics: Mapping[str, float]) -> SampledEpisode:
    """The episode that was played in some rollouts; with frames where it can be played again."""
    frames, without = None, NO_COPIES
    place: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    first = parts[0].rerun
    if first is not None:
        try:
            frames, place = play_again(parts)
            settings, without = dict(first.settings), ""
        except RerunDiffers as differs:
            without = f"played again it went otherwise: {differs}"
        except Exception as error:  # whatever it is, it must not end a training
            without = f"it could not be played again: {type(error).__name__}: {error}"
    rewards = {
        team: sum(part.rewards[team][part.first : part.last].sum(axis=0) for part in parts)
        for team in parts[0].rewards
    }
    stretches = tuple(part.stretch for part in parts)
    return SampledEpisode(world, stretches, statistics, rewards, settings, place, frames, without)
