"""The search for a best response: one team learns against a policy that does not."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from trainer.cluster.ray_failures import failures_of_ray
from trainer.cluster.ray_session import stop_ray
from trainer.config.schema import Config
from trainer.config.types import TEAMS
from trainer.evaluation.anchors import OTHER
from trainer.evaluation.cross_table import Cell, play_pairings
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.matches import PolicyPlayer
from trainer.ppo.networks import ActorCritic, weights_hash
from trainer.ppo_trainer import create_ppo_trainer

POINTS = 20  # of the curve, about


class Stopped(Exception):  # noqa: N818 - no error
    """A measurement was left early, as it was asked to."""


class FrozenPolicyChanged(RuntimeError):  # noqa: N818 - reads as what has happened
    """The policy that was not to learn has other weights than before."""

    exit_code = 1


@dataclass(frozen=True)
class Point:
    """A measurement on the way.

    Attributes:
        iteration: of the search; 0 before any training.
        agent_steps: sampled so far, of both teams.
        seconds: since the search began, without the first iteration, which compiles.
        cell: the games of the responder against the frozen policy.
    """

    iteration: int
    agent_steps: int
    seconds: float
    cell: Cell


@dataclass
class Search:
    """What a search has found.

    Attributes:
        frozen: the team whose policy is tested.
        curve: the measurements, in order; all on the same games.
        best: the network of the point at which the frozen policy got least.
        best_point: that point.
        iterations: done in all.
    """

    frozen: str
    curve: list[Point] = field(default_factory=list)
    best: ActorCritic | None = None
    best_point: Point | None = None
    iterations: int = 0

    @property
    def responder(self) -> str:
        """The team that learns."""
        return OTHER[self.frozen]

    def add(
        self, agent_steps: int, seconds: float, cell: Cell, networks: Mapping[str, ActorCritic]
    ) -> None:
        """Takes a measurement of the networks, and a copy of the responder's if it is the best."""
        point = Point(self.iterations, agent_steps, seconds, cell)
        self.curve.append(point)
        if self.best_point is None or self._score(point) > self._score(self.best_point):
            self.best_point = point
            self.best = copy.deepcopy(networks[self.responder]).eval()

    def _score(self, point: Point) -> float:
        return float(point.cell.share_of(self.responder).mean(dtype=np.float64))


@dataclass(frozen=True)
class Length:
    """How long a search is: of the two, one is None."""

    seconds: float | None
    iterations: int | None

    def done(self, iterations: int, seconds: float) -> float:
        """The share of the search that is behind; at least 1 at its end."""
        if self.iterations is not None:
            return iterations / self.iterations
        return seconds / (self.seconds or 1.0)


def measure(
    config: Config,
    networks: Mapping[str, ActorCritic],
    games: int,
    seed: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Cell:
    """Games between two networks by team, whose actions are sampled.

    Raises:
        Stopped: before all were played.
    """
    seeker, hider = (PolicyPlayer(networks[team]) for team in TEAMS)
    pairings = play_pairings(
        config.game, [lambda: seeker], [lambda: hider], games, seed, stopped=stopped
    )
    for _, stats in pairings:
        if len(stats["length"]) == games:
            return Cell(stats)
    raise Stopped


def search(
    config: Config,
    sources: Mapping[str, Path],
    frozen: str,
    length: Length,
    games: int,
    seed: int,
    *,
    told: Callable[[Search, float], None],
    measured: Callable[[Search], None],
    stopped: Callable[[], bool],
) -> Search:
    """Trains the other team against the frozen one, and measures it now and then.

    Args:
        config: of the training; its alternation never gives the frozen team a turn.
        sources: the checkpoint that a policy begins with, by policy.
        frozen: the team that does not learn.
        length: of the search.
        games: of each measurement.
        seed: which games are played at each of them.
        told: called after each iteration, with the seconds since the search began.
        measured: called after each measurement.
        stopped: whether to leave, with what there is.

    Raises:
        FrozenPolicyChanged: a fault of the training.
    """
    found = Search(frozen)
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(stop_ray)
        cleanup.enter_context(failures_of_ray())
        trainer, config = create_ppo_trainer(config, warmstart=sources)
        cleanup.callback(trainer.stop)
        before, begun = _frozen_hash(trainer, frozen), time.monotonic()
        wanted = 0  # points of the curve that should be there by now, without the first
        while True:
            seconds = time.monotonic() - begun
            done = length.done(found.iterations, seconds)
            if done * POINTS >= wanted or done >= 1:
                wanted = int(done * POINTS) + 1
                networks = _networks(trainer)
                try:
                    cell = measure(config, networks, games, seed, stopped)
                except Stopped:
                    break
                found.add(trainer.progress.agent_steps, seconds, cell, networks)
                measured(found)
            if done >= 1 or stopped():
                break
            trainer.train()
            found.iterations += 1
            if found.iterations == 1:
                begun = time.monotonic()  # it has compiled, which is no search
            told(found, time.monotonic() - begun)
        if _frozen_hash(trainer, frozen) != before:
            raise FrozenPolicyChanged(f"the {frozen}s have learned, though they were not to")
    return found


def _networks(trainer: TeamPPO) -> dict[str, ActorCritic]:
    """The current networks by team."""
    return {team: trainer.networks()[f"{team}_policy"] for team in TEAMS}


def _frozen_hash(trainer: TeamPPO, team: str) -> str:
    """The hash of a team's weights, which learner and runner are checked to share."""
    trainer.check_weights()
    return weights_hash({team: _networks(trainer)[team]})
