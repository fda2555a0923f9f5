"""Rollouts of remote runners: they lie in Ray's object store until who learns from them takes them.

The process that runs the loop hands out references alone, so with remote learners what is sampled
goes from the runners' nodes straight to the learners'.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import ray
from ray.exceptions import RayError

from trainer.errors import ProcessDied
from trainer.ppo.rollout import RolloutBatch
from trainer.ppo.sampled_episode import SampledEpisode

if TYPE_CHECKING:
    from trainer.ppo.env_runner import BatchedEnvRunner

_FETCH_S = 120.0  # for all rollouts of an iteration; far more than a working network needs


@dataclass(frozen=True)
class StoredSample:
    """A `Sample` whose rollout lies in Ray's object store.

    Attributes:
        runner: its number.
        rollout: refers to the `RolloutBatch`.
        num_envs: worlds of the rollout.
        env_steps: of the rollout.
        agent_steps: of the rollout.
        episode_stats: see `Sample`.
        meetings: see `Sample`.
        episode: see `Sample`.
    """

    runner: int
    rollout: ray.ObjectRef
    num_envs: int
    env_steps: int
    agent_steps: int
    episode_stats: np.ndarray
    meetings: np.ndarray
    episode: SampledEpisode | None = None


class Piece(NamedTuple):
    """Some worlds of one runner's rollout."""

    runner: int
    rollout: ray.ObjectRef
    worlds: slice


class RolloutLost(ProcessDied):
    """A rollout cannot be had any more: its runner has died, or the network does not carry it.

    Attributes:
        runners: whose.
    """

    def __init__(self, runners: Collection[int]) -> None:
        super().__init__(f"the rollouts of env runners {sorted(runners)} are lost")
        self.runners = frozenset(runners)


@dataclass(frozen=True)
class Shard:
    """The share of one learner; a runner's worlds may be shared out among several."""

    pieces: tuple[Piece, ...]

    def fetch(self) -> RolloutBatch:
        """Its worlds in one batch.

        Raises:
            RolloutLost: some of them are gone.
        """
        refs = [piece.rollout for piece in self.pieces]
        ray.wait(refs, num_returns=len(refs), timeout=_FETCH_S)  # brings all here side by side
        parts, lost = [], []
        for piece in self.pieces:
            try:
                parts.append(ray.get(piece.rollout, timeout=0.0).part(piece.worlds))
            except RayError:
                lost.append(piece.runner)
        if lost:
            raise RolloutLost(lost)
        return RolloutBatch.concatenate(parts)


Learnable = RolloutBatch | list[Shard]
"""What a learner in this process learns from, or the shards that remote ones have taken."""


def sample_and_store(runner: BatchedEnvRunner) -> tuple[StoredSample, Any]:
    """Called on a runner: samples, and leaves the rollout in the object store of its node."""
    sample = runner.sample()
    batch = sample.batch
    stored = StoredSample(
        runner.worker_index,
        ray.put(batch),
        batch.dones.shape[1],
        batch.env_steps,
        batch.agent_steps,
        sample.episode_stats,
        sample.meetings,
        sample.episode,
    )
    return stored, runner.get_metrics()


def shards_of(samples: Sequence[StoredSample], count: int) -> list[Shard]:
    """Equal shards by worlds, in the order of the samples.

    Unequal ones would make distributed learners hang; after the loss of a runner the worlds may not
    divide evenly, and a few are left out then.
    """
    width = sum(sample.num_envs for sample in samples) // count
    return [Shard(tuple(_pieces(samples, i * width, (i + 1) * width))) for i in range(count)]


def _pieces(samples: Sequence[StoredSample], start: int, end: int) -> list[Piece]:
    """The worlds from `start` to `end` of all samples laid side by side."""
    found, offset = [], 0
    for sample in samples:
        worlds = slice(max(start - offset, 0), min(end - offset, sample.num_envs))
        if worlds.start < worlds.stop:
            found.append(Piece(sample.runner, sample.rollout, worlds))
        offset += sample.num_envs
    return found
