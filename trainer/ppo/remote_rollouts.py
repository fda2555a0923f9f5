"""Rollouts of remote runners: they lie in Ray's object store until who learns from them takes them.

The process that runs the loop hands out references alone, so with remote learners what is sampled
goes from the runners' nodes straight to the learners'. Nobody keeps a reference while it learns:
the stores are empty again before the next rollouts come.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import ray
from ray.exceptions import (
    GetTimeoutError,
    ObjectFetchTimedOutError,
    OwnerDiedError,
    RayActorError,
    RayError,
)

from trainer.errors import ProcessDied
from trainer.ppo.rollout import RolloutBatch
from trainer.ppo.sampled_episode import SampledEpisode

if TYPE_CHECKING:
    from trainer.ppo.env_runner import BatchedEnvRunner

_FETCH_S = 120.0  # for all rollouts of an iteration; far more than a working network needs
_TAKE_S = 10.0  # for one that has arrived: a small store may have spilled it again
DIED = ""
"""Why a rollout cannot be had: its runner has died."""


@dataclass(frozen=True)
class StoredSample:
    """A `Sample` whose rollout lies in Ray's object store.

    Attributes:
        runner: its number.
        rollout: refers to the `RolloutBatch`; None once it has been taken.
        num_envs: worlds of the rollout.
        env_steps: of the rollout.
        agent_steps: of the rollout.
        episode_stats: see `Sample`.
        meetings: see `Sample`.
        episode: see `Sample`.
    """

    runner: int
    rollout: ray.ObjectRef | None
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
    """Some rollouts cannot be had.

    Attributes:
        reasons: why, by the number of the runner: `DIED`, or what a user is told of one that lives.
    """

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__(f"the rollouts of env runners {sorted(reasons)} cannot be had")
        self.reasons = dict(reasons)


@dataclass(frozen=True)
class Shard:
    """The share of one learner; a runner's worlds may be shared out among several."""

    pieces: tuple[Piece, ...]

    def fetch(self, patience_s: float = _FETCH_S) -> RolloutBatch:
        """Its worlds in one batch.

        Each rollout is copied as soon as it is here, so that the object store of this node need
        not hold all of them at once.

        Raises:
            RolloutLost: some of them cannot be had, or not in time.
        """
        lengths = [piece.worlds.stop - piece.worlds.start for piece in self.pieces]
        ends = np.cumsum(lengths).tolist()
        places = [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]
        waiting = {
            piece.rollout: (piece, place) for piece, place in zip(self.pieces, places, strict=True)
        }
        whole, reasons = None, {}
        until = time.monotonic() + patience_s
        while waiting:
            left = max(0.0, until - time.monotonic())
            # This brings all here side by side, as many as there is room for.
            arrived, _ = ray.wait(list(waiting), num_returns=1, timeout=left)
            if not arrived:
                break
            piece, place = waiting.pop(arrived[0])
            try:
                rollout: RolloutBatch = ray.get(piece.rollout, timeout=_TAKE_S)
            except GetTimeoutError:
                if time.monotonic() < until:
                    waiting[piece.rollout] = piece, place  # after the others
                else:
                    reasons[piece.runner] = _late(patience_s)
            except RayError as error:
                reasons[piece.runner] = _reason(error, patience_s)
            else:
                if whole is None:
                    whole = rollout.sized(ends[-1])
                whole.fill(place, rollout.part(piece.worlds))
                del rollout  # the store may need its place for the next one
        reasons |= {piece.runner: _late(patience_s) for piece, _ in waiting.values()}
        if reasons or whole is None:
            raise RolloutLost(reasons)
        return whole


def _reason(error: RayError, patience_s: float) -> str:
    """Why a rollout cannot be had."""
    if isinstance(error, OwnerDiedError | RayActorError):
        return DIED
    if isinstance(error, ObjectFetchTimedOutError):
        return _late(patience_s)
    return f"its rollout was lost in Ray's object store ({type(error).__name__})"


def _late(patience_s: float) -> str:
    return (
        f"its rollout did not arrive within {patience_s:.0f} s: "
        "the network or an object store of Ray is too slow"
    )


TAKEN = Shard(())
"""Stands for a shard that its learner has taken."""
Learnable = RolloutBatch | list[Shard]
"""What a learner in this process learns from, or `TAKEN` for each remote one."""


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


class Sampled(NamedTuple):
    """What all runners give in an iteration.

    Attributes:
        samples: by the number of a runner, what it has sampled, without its rollout; and metrics.
        batch: the rollouts, for those who learn from them.
        undelivered: by the number of a runner that lives, why its rollout could not be had.
    """

    samples: dict[int, tuple[StoredSample, Any]]
    batch: Learnable
    undelivered: dict[int, str]


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
