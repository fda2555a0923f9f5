"""Env runners in other processes: asked together, taken in again when they come back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from trainer.cluster.ray_failures import ask_actors, failures_of_learners
from trainer.errors import ProcessDied
from trainer.ppo.env_runner import BatchedEnvRunner
from trainer.ppo.remote_rollouts import (
    DIED,
    TAKEN,
    Learnable,
    RolloutLost,
    Sampled,
    StoredSample,
    sample_and_store,
    shards_of,
)

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO

T = TypeVar("T")
_RESTART_S = 120.0  # how long all runners may be gone at once


def ask(trainer: TeamPPO, function: Callable[[BatchedEnvRunner], T]) -> dict[int, T]:
    """What `function(runner)` returns on every remote runner that takes part, by its number.

    One that has died and come back between two calls does not: it would play with the weights that
    it was built with. It counts as dead until it has got the present ones.
    """
    runners = trainer.remote_runners
    answers = ask_actors(runners, partial(_if_admitted, function), "env runner", trainer.tell)
    for number in [number for number, answer in answers.items() if answer is None]:
        runners.set_actor_state(number, healthy=False)
    return {number: answer[0] for number, answer in answers.items() if answer is not None}


def admit(trainer: TeamPPO, numbers: Sequence[int]) -> None:
    """Lets runners take part that have the present weights."""
    runners = trainer.remote_runners
    actors = runners.actors()
    for number in filter(runners.is_actor_healthy, numbers):
        # The answer is not waited for: an actor keeps the order of its calls.
        actors[number].apply.remote(_admit)


def sample(trainer: TeamPPO, again: Callable[[], None]) -> Sampled:
    """The samples and metrics of all living runners; if none gives any, tries again for a while.

    Args:
        trainer: whose runners sample; without remote ones the local one does.
        again: called before a second try, which restarted runners may take part in.

    Raises:
        ProcessDied: no runner lives, and none has come back in time; or no rollout can be had.
    """
    if trainer.config.num_env_runners == 0:
        return _delivered(trainer, {0: sample_and_store(trainer.env_runner)}, {})
    deadline = time.monotonic() + _RESTART_S
    while True:
        sampled = ask(trainer, sample_and_store)
        undelivered: dict[int, str] = {}
        while sampled:
            try:
                return _delivered(trainer, sampled, undelivered)
            except RolloutLost as error:
                undelivered |= {n: why for n, why in error.reasons.items() if why != DIED}
                sampled = {n: kept for n, kept in sampled.items() if n not in error.reasons}
        if time.monotonic() > deadline:
            raise ProcessDied(_nothing_sampled(trainer.config.num_env_runners, undelivered))
        trainer.restore_env_runners(trainer.env_runner_group)
        again()


def _delivered(
    trainer: TeamPPO, sampled: dict[int, tuple[StoredSample, Any]], undelivered: dict[int, str]
) -> Sampled:
    """All of it with the rollouts where they are learned from, and no reference to any kept.

    Raises:
        RolloutLost: some cannot be had.
    """
    batch = hand_out(trainer, [stored for stored, _ in sampled.values()])
    samples = {n: (replace(stored, rollout=None), own) for n, (stored, own) in sampled.items()}
    return Sampled(samples, batch, undelivered)


def _nothing_sampled(count: int, undelivered: dict[int, str]) -> str:
    if not undelivered:
        return f"all env runners ({count}) died, and none could be restarted"
    number, why = min(undelivered.items())
    return f"no env runner ({count}) gave a rollout; of runner {number}, {why}"


def hand_out(trainer: TeamPPO, samples: Sequence[StoredSample]) -> Learnable:
    """Brings the rollouts to where they are learned from.

    Raises:
        RolloutLost: some cannot be had. No learner has begun to learn then, in which it would wait
            for the others.
        ProcessDied: a learner has died.
    """
    learners = trainer.config.num_learners
    if not learners:
        return shards_of(samples, 1)[0].fetch()
    shards = shards_of(samples, learners)
    with failures_of_learners(trainer.learner_group), trainer.bounded("the learners"):
        reasons = trainer.foreach_learner(lambda learner: learner.take(shards))
    if any(reasons):
        raise RolloutLost({n: why for of_one in reasons for n, why in of_one.items()})
    return [TAKEN] * learners


def _if_admitted(
    function: Callable[[BatchedEnvRunner], T], runner: BatchedEnvRunner
) -> tuple[T] | None:
    return (function(runner),) if runner.admitted else None


def _admit(runner: BatchedEnvRunner) -> None:
    runner.admitted = True
