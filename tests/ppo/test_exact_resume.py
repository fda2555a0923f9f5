"""Exact resume with other runners and learners than those that were saved; without Ray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.exact_resume import set_training_state, training_state


class Runner:
    """Holds one array; refuses one of another length."""

    def __init__(self, index: int, worlds: int = 2) -> None:
        self.worker_index, self.state = index, np.full(worlds, index)

    def get_training_state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {"clock": self.state}, {"random": self.worker_index}

    def set_training_state(self, arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
        if len(arrays["clock"]) != len(self.state):
            raise ValueError(f"{len(arrays['clock'])} worlds in the checkpoint")
        self.state = arrays["clock"] + 10 * values["random"]


class Learner:
    def __init__(self, rank: int) -> None:
        self.rank, self.state = rank, {"kl_coeffs": rank, "generators": f"stream {rank}"}

    def get_training_state(self) -> dict[str, Any]:
        return self.state

    def set_training_state(self, state: dict[str, Any]) -> None:
        self.state = state


class Trainer:
    def __init__(self, runners: list[Runner], learners: int = 1) -> None:
        self.runners, self.learners = runners, [Learner(rank) for rank in range(learners)]

    def foreach_runner(self, function: Callable[[Any], Any]) -> list[Any]:
        return [function(runner) for runner in self.runners]

    def foreach_learner(self, function: Callable[[Any], Any]) -> list[Any]:
        return [function(learner) for learner in self.learners]


def resume(old: Trainer, new: Trainer) -> list[str]:
    arrays, values = training_state(cast(TeamPPO, old))
    return set_training_state(cast(TeamPPO, new), arrays, values)


def test_every_runner_and_learner_gets_its_own_state_back() -> None:
    new = Trainer([Runner(2), Runner(1)], learners=2)
    new.runners[0].state[:] = new.runners[1].state[:] = 0
    assert resume(Trainer([Runner(1), Runner(2)], learners=2), new) == []
    assert [list(runner.state) for runner in new.runners] == [[22, 22], [11, 11]]
    assert [learner.state["generators"] for learner in new.learners] == ["stream 0", "stream 1"]


def test_what_is_not_carried_over_is_named() -> None:
    old = Trainer([Runner(1), Runner(2), Runner(3)])
    assert resume(old, Trainer([Runner(2, worlds=5), Runner(3), Runner(4)])) == [
        "runner 1 is gone, and its worlds with it",
        "worlds of runner 2 start fresh: 2 worlds in the checkpoint",
        "runner 4 is new: its worlds start fresh",
    ]


def test_a_new_learner_shares_the_coefficients_and_keeps_its_own_stream() -> None:
    new = Trainer([Runner(1)], learners=2)
    resume(Trainer([Runner(1)], learners=1), new)
    assert new.learners[1].state == {"kl_coeffs": 0, "generators": None}
