"""Env runners in other processes: asked together, taken in again when they come back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from trainer.cluster.ray_failures import ask_actors, failures_of_learners
from trainer.errors import ProcessDied
from trainer.ppo.env_runner import BatchedEnvRunner
from trainer.ppo.remote_rollouts import (
    Learnable,
    RolloutLost,
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


def sample(
    trainer: TeamPPO, again: Callable[[], None]
) -> tuple[dict[int, tuple[StoredSample, Any]], Learnable]:
    """The samples and metrics of all living runners; if none lives, waits for one to restart.

    Args:
        trainer: whose runners sample; without remote ones the local one does.
        again: called before a second try, which restarted runners may take part in.

    Returns:
        By the number of a runner, what it has sampled; and what is learned from them.

    Raises:
        ProcessDied: no runner lives, and none has come back in time.
    """
    if trainer.config.num_env_runners == 0:
        stored, metrics = sample_and_store(trainer.env_runner)
        return {0: (stored, metrics)}, hand_out(trainer, [stored])
    deadline = time.monotonic() + _RESTART_S
    while True:
        sampled = ask(trainer, sample_and_store)
        while sampled:
            try:
                return sampled, hand_out(trainer, [stored for stored, _ in sampled.values()])
            except RolloutLost as error:
                sampled = {n: taken for n, taken in sampled.items() if n not in error.runners}
        if time.monotonic() > deadline:
            count = trainer.config.num_env_runners
            raise ProcessDied(f"all env runners ({count}) died, and none could be restarted")
        trainer.restore_env_runners(trainer.env_runner_group)
        again()


def hand_out(trainer: TeamPPO, samples: Sequence[StoredSample]) -> Learnable:
    """Brings the rollouts to where they are learned from.

    Raises:
        RolloutLost: some cannot be had any more. No learner has begun to learn then, in which it
            would wait for the others.
        ProcessDied: a learner has died.
    """
    learners = trainer.config.num_learners
    if not learners:
        return shards_of(samples, 1)[0].fetch()
    shards = shards_of(samples, learners)
    with failures_of_learners(trainer.learner_group), trainer.bounded("the learners"):
        lost = trainer.foreach_learner(lambda learner: learner.take(shards))
    if any(lost):
        raise RolloutLost(frozenset().union(*lost))
    return shards


def _if_admitted(
    function: Callable[[BatchedEnvRunner], T], runner: BatchedEnvRunner
) -> tuple[T] | None:
    return (function(runner),) if runner.admitted else None


def _admit(runner: BatchedEnvRunner) -> None:
    runner.admitted = True
