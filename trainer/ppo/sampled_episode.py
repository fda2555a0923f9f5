"""An episode of one world, as a runner hands it on for a session record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from envs.rerun import Rerun


class RerunDiffers(RuntimeError):  # noqa: N818 - reads as the state it reports
    """An episode that was played again did not go as in the rollout."""


@dataclass(frozen=True)
class Stretch:
    """What was played of an episode in one rollout, all with the same weights.

    Attributes:
        iteration: of the rollout.
        steps: of the episode.
        policies: by policy, the hash of its present weights.
        opponents: by team that an earlier policy played, the iteration of that policy.
        parameters: the scheduled numbers of the game.
    """

    iteration: int
    steps: int
    policies: Mapping[str, str]
    opponents: Mapping[str, int]
    parameters: Mapping[str, float]


@dataclass(frozen=True)
class SampledEpisode:
    """One whole episode.

    Attributes:
        world: the number of its world on the runner.
        stretches: in the order in which they were played.
        statistics: by name of the game's `stat_names`; nan for what it does not have.
        rewards: by team [A], the sum of what each agent was paid in training, shaping included.
        settings: all of the game when the episode began; empty where there are no frames.
        place: where it was played; empty where there are no frames.
        frames: by name [steps + 1, ...], the world as it began and after each step; None: the
            episode could not be played again.
        without: why there are no frames.
        missed: episodes that were asked for since the last one, and not sampled.
    """

    world: int
    stretches: tuple[Stretch, ...]
    statistics: Mapping[str, float]
    rewards: Mapping[str, np.ndarray]
    settings: Mapping[str, Any]
    place: Mapping[str, Any]
    frames: Mapping[str, np.ndarray] | None
    without: str = ""
    missed: int = 0

    @property
    def iteration(self) -> int:
        """In which it began."""
        return self.stretches[0].iteration


@dataclass(frozen=True)
class Part:
    """One rollout of a world, as far as it belongs to the episode: steps `first` to `last` - 1.

    Attributes:
        rerun: the world as it was before the rollout; None: the game has no copies.
        after: its state after the rollout.
        actions: by team [T, A, H].
        rewards: by team [T, A].
        dones: [T] bool.
        first: the first step of the episode.
        last: the first step that is no longer one.
        stretch: what it was played with.
    """

    rerun: Rerun | None
    after: Mapping[str, np.ndarray]
    actions: Mapping[str, np.ndarray]
    rewards: Mapping[str, np.ndarray]
    dones: np.ndarray
    first: int
    last: int
    stretch: Stretch


def play_again(parts: Sequence[Part]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The frames of an episode by name [steps + 1, ...], and its place.

    Every rollout is played to its end, and has to end in the state in which it did.

    Raises:
        RerunDiffers: it went otherwise.
    """
    frames: list[dict[str, np.ndarray]] = []
    place: dict[str, Any] = {}
    for part in parts:
        rerun = part.rerun
        assert rerun is not None
        for step, done in enumerate(part.dones.tolist()):
            inside = part.first <= step < part.last
            if inside and not frames:
                frames.append(rerun.frame())
                place = rerun.place()
            paid, ended = rerun.step({team: array[step] for team, array in part.actions.items()})
            told = {team: array[step] for team, array in part.rewards.items()}
            if ended != done or not _same(paid, told):
                raise RerunDiffers(f"step {step} of iteration {part.stretch.iteration}")
            if inside:
                frames.append(rerun.frame())
            if ended:
                rerun.go_on()
        if not _same(rerun.state(), part.after):
            raise RerunDiffers(f"the end of iteration {part.stretch.iteration}")
    return {name: np.stack([frame[name] for frame in frames]) for name in frames[0]}, place


def _same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    """Whether two groups of arrays are equal to the bit, but for the kind of a nan."""
    return one.keys() == other.keys() and all(
        np.array_equal(array, other[name], equal_nan=array.dtype.kind == "f")
        for name, array in one.items()
    )
