"""Deaths of Ray's processes in one line of our own; real kills are in `tests/cli`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
import ray
from ray.core.generated.common_pb2 import ActorDiedErrorContext
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError, RayTaskError
from ray.rllib.core.learner.learner_group import LearnerGroup
from ray.rllib.utils.actor_manager import CallResult, ResultOrError

from trainer.cluster import ray_failures
from trainer.cluster.ray_failures import (
    actor_failure,
    answers_of,
    check_ray,
    failures_of_learners,
    failures_of_ray,
)
from trainer.cluster.ray_session import start_ray, stop_ray, without_object_store
from trainer.config.schema import RayGroup
from trainer.errors import ProcessDied, TrainingDiverged


def died(pid: int) -> ActorDiedError:
    """As Ray raises it: eight lines."""
    context = ActorDiedErrorContext(
        pid=pid, class_name="Learner", actor_id=bytes(16), error_message="Worker exit type: ..."
    )
    return ActorDiedError(context)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (died(4321), "learner 1 of 2 (process 4321) died; was it killed, or is the memory full?"),
        (ActorDiedError(None), "learner 1 of 2 died"),
        (ActorUnavailableError("gone\nfor now", bytes(16)), "learner 1 of 2 died"),
        (RayError("one\ntwo"), "learner 1 of 2 does not answer: one"),
    ],
)
def test_a_dead_actor_is_one_line(error: RayError, text: str) -> None:
    failure = actor_failure(error, "learner 1 of 2")
    assert isinstance(failure, ProcessDied)
    assert str(failure) == text


def test_an_error_inside_an_actor_stays_what_it_is() -> None:
    cause = ValueError("the gradient is not finite")
    assert actor_failure(RayTaskError("update", "Traceback ...", cause), "a learner") is cause


def break_pipe() -> None:
    raise BrokenPipeError("Broken pipe")


def fail_in_actor() -> None:
    raise died(4321)


@pytest.fixture
def dead_raylet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A raylet that is found dead at once."""
    monkeypatch.setattr(ray_failures, "dead_daemon", lambda: "Ray's raylet (process 1)")


NAMES_IT = r"^Ray's raylet \(process 1\) died; "


@pytest.mark.usefixtures("dead_raylet")
@pytest.mark.parametrize("fail", [break_pipe, fail_in_actor, check_ray])
def test_an_error_that_follows_from_a_dead_raylet_names_it(fail: Callable[[], None]) -> None:
    with pytest.raises(ProcessDied, match=NAMES_IT), failures_of_ray():
        fail()


@pytest.mark.usefixtures("dead_raylet")
def test_a_wait_for_a_dead_raylet_is_interrupted() -> None:
    answer = threading.Event()
    gives_up = threading.Timer(30, answer.set)
    gives_up.start()
    with pytest.raises(ProcessDied, match=NAMES_IT), failures_of_ray(0.001, 0.1):
        answer.wait()
    gives_up.cancel()
    assert not answer.is_set(), "the wait was not interrupted"


def test_errors_while_ray_lives_pass() -> None:
    with pytest.raises(BrokenPipeError), failures_of_ray():
        break_pipe()
    with pytest.raises(ProcessDied, match=r"^an actor of Ray \(process 4321\) died"):  # noqa: SIM117
        with failures_of_ray():
            fail_in_actor()


class Learners:
    """A group of two whose second one answers with `error`."""

    is_local = False

    def __init__(self, error: Exception | None) -> None:
        self._worker_manager, self._error = self, error

    def num_actors(self) -> int:
        return 2

    def foreach_actor(self, function: Any, **options: Any) -> list[CallResult]:
        assert options["healthy_only"] is False  # RLlib has marked it dead already
        given = [ResultOrError(result=0), ResultOrError(0, self._error)]
        return [CallResult(number, answer, "") for number, answer in enumerate(given)]


def learners(error: Exception | None) -> LearnerGroup:
    return cast(LearnerGroup, Learners(error))


@pytest.mark.parametrize(
    "error", [IndexError("list index out of range"), died(1), AssertionError(), ConnectionError()]
)
def test_an_error_that_follows_from_a_dead_learner_names_it(error: Exception) -> None:
    with pytest.raises(ProcessDied, match=r"^learner 2 of 2 \(process 4321\) died; ") as raised:  # noqa: SIM117
        with failures_of_learners(learners(died(4321))):
            raise error
    assert raised.value.__cause__ is error


def test_errors_while_all_learners_live_pass() -> None:
    with pytest.raises(IndexError), failures_of_learners(learners(None)):
        raise IndexError
    diverged = TrainingDiverged("NaN", ("seeker_policy",))
    told = RayTaskError("update", "Traceback ...", diverged).as_instanceof_cause()
    for error in (diverged, told):
        with pytest.raises(TrainingDiverged) as raised, failures_of_learners(learners(None)):
            raise error
        assert raised.value is diverged


def test_an_answer_of_every_learner_is_needed() -> None:
    answers = Learners(None).foreach_actor(None, healthy_only=False)
    assert answers_of(answers, 2) == [0, 0]
    with pytest.raises(RayError, match="only 1 of 2 learners answer"):
        answers_of(answers[:1], 2)
    with pytest.raises(ActorDiedError):
        answers_of(Learners(died(1)).foreach_actor(None, healthy_only=False), 2)


def test_a_ray_that_ran_already_is_left_running(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "shutdown", lambda: ended.append("shutdown"))
    assert start_ray(RayGroup(num_env_runners=1)) is False
    stop_ray()
    assert ended == []


def test_only_the_thread_that_builds_does_without_the_object_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def put(value: object, *, _owner: object = None) -> tuple[str, object, object]:
        return "stored", value, _owner

    monkeypatch.setattr(ray, "put", put)
    seen: list[object] = []
    with without_object_store():
        other = threading.Thread(target=lambda: seen.append(ray.put(1, _owner="me")))
        other.start()
        other.join()
        assert ray.put(2, _owner="me") == 2
    assert seen == [("stored", 1, "me")]
    assert ray.put is put
