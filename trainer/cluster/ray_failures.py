"""The death of actors and of Ray itself, in one line of our own.

Ray reports a dead actor in seven lines, a dead raylet with 'Broken pipe' and a dead control service
(GCS) not at all: a minute later it ends this process.
"""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.rllib.core.learner.learner_group import LearnerGroup
from ray.rllib.utils.actor_manager import CallResult, FaultTolerantActorManager

from trainer.cluster.exit_watch import WHY
from trainer.cluster.ray_session import dead_daemon
from trainer.cluster.waits import INTERRUPT, PATIENCE_S, Tell, interrupt, late_ones, silent
from trainer.errors import ProcessDied, TrainingFailed

T = TypeVar("T")
_PING_S = 10.0


def actor_failure(error: RayError, who: str) -> Exception:
    """What ends the training after a call to an actor has failed with `error`.

    Args:
        error: as Ray raised it.
        who: the actor, as a user knows it.
    """
    if isinstance(error, RayTaskError):
        return error.cause if isinstance(error.cause, Exception) else ProcessDied(_first(error))
    if isinstance(error, RayActorError):
        found = re.search(r"^\s*pid: (\d+)", str(error), re.MULTILINE)
        process = f" (process {found[1]})" if found else ""
        return ProcessDied(f"{who}{process} died{WHY if found else ''}")
    return ProcessDied(f"{who} does not answer: {_first(error)}")


def ask_actors(
    manager: FaultTolerantActorManager,
    function: Callable[[Any], T],
    kind: str,
    tell: Tell = silent,
    patience_s: float = PATIENCE_S,
) -> dict[int, T]:
    """What `function(actor)` returns on every actor that lives, by its number.

    RLlib's own call takes an error inside an actor for its death, and restarts it for ever; and it
    waits for ever for one that does not answer. Here such an actor is killed, and so restarted.

    Args:
        manager: of the actors.
        function: called with the actor's object, in its process.
        kind: what the actors are, as a user knows them.
        tell: gets a line for each minute of waiting, and for each actor that is given up.
        patience_s: seconds until that.

    Raises:
        ProcessDied: Ray itself has died.
        Exception: what `function` has raised on an actor.
    """
    check_ray()
    actors = manager.actors()
    living = [number for number in sorted(actors) if manager.is_actor_healthy(number)]
    asked = {actors[number].apply.remote(function): number for number in living}
    late = late_ones(asked, kind, tell, patience_s)
    for number in late:
        tell(f"{kind} {number} has not answered for {patience_s / 60:.0f} min; restarting it")
        ray.kill(actors[number], no_restart=False)
        manager.set_actor_state(number, healthy=False)
    check_ray()  # to fetch an answer from a Ray that is gone would end this process at once
    given = {}
    for reference, number in asked.items():
        if number in late:
            continue
        try:
            given[number] = ray.get(reference)
        except RayActorError:
            manager.set_actor_state(number, healthy=False)
        except RayError as error:
            raise actor_failure(error, f"{kind} {number}") from error
    return given


@contextlib.contextmanager
def failures_of_learners(learners: LearnerGroup) -> Iterator[None]:
    """Raises `ProcessDied` for whatever fails inside because a learner has died.

    RLlib drops a dead learner from its list silently, and fails later because the list is empty.
    """
    try:
        yield
    except Exception as error:
        ours = isinstance(error, TrainingFailed) and not isinstance(error, RayError)
        if learners.is_local or ours:
            raise
        check_ray(error)
        # First, since the living learners report only a broken connection then.
        if dead := _dead_learner(learners._worker_manager):
            raise dead from error
        if isinstance(error, RayError):
            raise actor_failure(error, "a learner or another actor") from error
        raise


def answers_of(results: Iterable[CallResult], count: int) -> list[Any]:
    """What all `count` learners have answered.

    Raises:
        RayError: one does not answer.
        Exception: what one has raised.
    """
    answers = list(results)
    for answer in answers:
        if not answer.ok:
            raise answer.get()
    if len(answers) < count:
        raise RayError(f"only {len(answers)} of {count} learners answer")
    return [answer.get() for answer in answers]


def _dead_learner(manager: FaultTolerantActorManager) -> Exception | None:
    answers = manager.foreach_actor(
        lambda learner: None, healthy_only=False, timeout_seconds=_PING_S
    )
    for answer in answers:
        if not answer.ok and isinstance(answer.get(), RayActorError):
            who = f"learner {answer.actor_id + 1} of {manager.num_actors()}"
            return actor_failure(answer.get(), who)
    return None


@contextlib.contextmanager
def failures_of_ray(poll_s: float = 1.0, grace_s: float = 10.0) -> Iterator[None]:
    """Raises `ProcessDied` for whatever fails inside because Ray itself has died.

    Where RLlib waits for an actor that will never answer, the wait is interrupted (in the main
    thread of a program; elsewhere only an error that comes by itself is turned into ours).

    Args:
        poll_s: seconds between two looks at Ray's processes.
        grace_s: seconds from a death to the interruption, and between two of them.

    Raises:
        ProcessDied: one of Ray's processes or an actor has died.
    """
    with _interrupted_waits(poll_s, grace_s):
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            check_ray(error)
            if isinstance(error, RayError):
                raise actor_failure(error, "an actor of Ray") from error
            raise


def check_ray(error: BaseException | None = None) -> None:
    """Raises `ProcessDied` if one of Ray's own processes has died; `error` is its consequence."""
    if dead := dead_daemon():
        raise ProcessDied(f"{dead} died{WHY}") from error


@contextlib.contextmanager
def _interrupted_waits(poll_s: float, grace_s: float) -> Iterator[None]:
    if INTERRUPT is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    ended, waiting = threading.Event(), threading.get_ident()

    def watch() -> None:
        while not ended.wait(poll_s):
            if dead_daemon() is not None:
                # Usually an error follows, or the iteration ends, and no interruption is needed.
                while not ended.wait(grace_s):
                    # A real signal: Python's `interrupt_main` does not wake a waiting thread.
                    signal.pthread_kill(waiting, INTERRUPT)
                return

    previous = signal.signal(INTERRUPT, interrupt)
    watcher = threading.Thread(target=watch, name="ray-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        signal.signal(INTERRUPT, previous)


def _first(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
