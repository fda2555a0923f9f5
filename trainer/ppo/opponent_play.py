"""Games against earlier policies: who plays on which runner, and what comes of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import ray

from trainer.opponents.matchmaking import Matchmaker
from trainer.opponents.meetings import LIVE
from trainer.opponents.pool import UNRATED, Pool, PoolState
from trainer.opponents.seating import frozen_counts
from trainer.ppo.frozen import acting_shapes, member_of
from trainer.ppo.remote_rollouts import StoredSample
from trainer.ppo.sample import Sample

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO

_STREAM = 2**31  # beside the runners' numbers


class Ended(NamedTuple):
    """The episodes that ended in an iteration.

    Attributes:
        stats: [K, S] float32, the statistics of all.
        live: [K] bool, those that present policies alone have played.
    """

    stats: np.ndarray
    live: np.ndarray


def make_pools(custom: Mapping[str, Any]) -> dict[str, Pool]:
    """The pools of a new run, by team; none where nobody plays their members.

    Args:
        custom: the `learner_config_dict` of `TeamPPOLearner`.
    """
    if not custom["keeps_opponents"]:
        return {}
    return {team: Pool(custom["opponents"].pool) for team in custom["teams"]}


def fill_pools(trainer: TeamPPO, states: Mapping[str, PoolState]) -> None:
    """Gives the pools of a trainer the members of other ones, by team; too many are thinned."""
    networks = trainer.networks()
    for team, state in states.items():
        shapes = acting_shapes(networks[f"{team}_policy"].spec)
        size = trainer.opponents[team].size
        trainer.opponents[team] = Pool.restored(size, state, shapes)


def make_matchmaker(trainer: TeamPPO) -> Matchmaker | None:
    """What draws the opponents of a trainer; None if there are none."""
    custom, runners = trainer.config.learner_config_dict, trainer.config.num_env_runners
    if custom["opponents"].share == 0:
        return None
    return Matchmaker(
        trainer.opponents,
        range(1, runners + 1) if runners else [0],
        custom["opponents"].draw,
        [custom["seed"], _STREAM],
    )


def prepare(trainer: TeamPPO) -> None:
    """Before an iteration: lets the present policies join if it is time, draws what is due."""
    iteration, networks = trainer.progress.iteration, trainer.networks()
    if iteration % trainer.config.learner_config_dict["opponents"].every == 0:
        for team, pool in trainer.opponents.items():
            rating = trainer.ratings.get(team, UNRATED)
            pool.add(member_of(networks[f"{team}_policy"], iteration, rating))
    if trainer.matchmaker is not None:
        length = trainer.progress.window.means().get("length", math.nan)
        trainer.matchmaker.advance(length, int(trainer.config.rollout_fragment_length))


def seat_runners(trainer: TeamPPO, learns: Mapping[str, bool]) -> None:
    """Tells every runner, restarted ones too, who plays in the next rollout.

    Weights are sent to those runners that lack them.

    Args:
        trainer: whose runners.
        learns: by team, whether its present policy learns.
    """
    matchmaker = trainer.matchmaker
    if matchmaker is None or not matchmaker.drawn:
        return
    share = trainer.config.learner_config_dict["opponents"].share
    frozen = frozen_counts(int(trainer.config.num_envs_per_env_runner), share, learns)
    who = {int(runner): matchmaker.opponents(int(runner)) for runner in matchmaker.drawn}
    lacking = trainer.foreach_runner(
        lambda runner: runner.opponents.seat(frozen, who[runner.worker_index])
    )
    wanted = sorted(set().union(*lacking))
    if not wanted:
        return
    weights = {opponent: matchmaker.weights(opponent) for opponent in wanted}
    if trainer.config.num_env_runners == 0:
        trainer.foreach_runner(lambda runner: runner.opponents.take(weights))
        return
    reference = ray.put(weights)
    trainer.foreach_runner(lambda runner: runner.opponents.take(ray.get(reference)))


def count_games(trainer: TeamPPO, samples: Iterable[Sample | StoredSample]) -> Ended:
    """Counts the episodes that ended as games of the members they were played against.

    A team has won with a return above the other's.
    """
    samples = list(samples)
    stats = np.concatenate([sample.episode_stats for sample in samples])
    meetings = np.concatenate([sample.meetings for sample in samples])
    if trainer.matchmaker is not None:
        names = trainer.progress.window.names
        one, other = (stats[:, names.index(f"{team}_return")] for team in trainer.opponents)
        trainer.matchmaker.note(meetings, one - other)
    return Ended(stats, meetings == LIVE)
