"""Exact resume: the state of all learners and runners, collected and given back.

`RLlibState` is what RLlib's own checkpoint holds; the training state is what it leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO
    from trainer.ppo.env_runner import BatchedEnvRunner
    from trainer.ppo.learner import TeamPPOLearner

Worlds = dict[str, dict[str, np.ndarray]]
"""The arrays of the worlds by runner (its number as text) and name."""


@dataclass(frozen=True)
class RLlibState:
    """The part of a checkpoint that RLlib keeps, as plain values.

    Attributes:
        iteration: iterations done.
        metrics: state of the algorithm's metrics logger.
        weights: by policy and name, with RLlib's prefix `net.`.
        optimizers: by policy, the buffers of each parameter by its index; none if never trained.
        weights_seq_no: how often the weights have changed.
        learner_metrics: state of the learners' metrics loggers; None if there is none.
    """

    iteration: int
    metrics: dict[str, Any]
    weights: dict[str, dict[str, Any]]
    optimizers: dict[str, dict[int, dict[str, Any]]]
    weights_seq_no: int
    learner_metrics: dict[str, Any] | None


def restore_learner(learner: TeamPPOLearner, state: RLlibState) -> None:
    """Gives a learner its weights, optimizers and metrics; Adam's settings stay its own."""
    learner.module.set_state(state.weights)
    for policy_id, buffers in state.optimizers.items():
        optimizer = learner.get_optimizer(policy_id)
        moments = {
            index: {name: torch.tensor(value) for name, value in own.items()}
            for index, own in buffers.items()
        }
        optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    learner._weights_seq_no = state.weights_seq_no
    if state.learner_metrics is not None:
        learner.metrics.set_state(state.learner_metrics)


def training_state(trainer: TeamPPO) -> tuple[Worlds, dict[str, Any]]:
    """World arrays, and plain values of runners and learners."""
    runners = trainer.foreach_runner(lambda r: (r.worker_index, *r.get_training_state()))
    arrays = {str(index): worlds for index, worlds, _ in runners}
    values = {
        "runners": {str(index): plain for index, _, plain in runners},
        "learners": trainer.foreach_learner(lambda ln: ln.get_training_state()),
    }
    return arrays, values


def set_training_state(
    trainer: TeamPPO, arrays: Mapping[str, Mapping[str, np.ndarray]], values: Mapping[str, Any]
) -> list[str]:
    """Continues from a `training_state`; returns a line per thing not carried over."""
    learners = list(values["learners"])

    def set_learner(learner: TeamPPOLearner) -> None:
        own = learner.rank < len(learners)
        # A learner that is new shares the coefficients, but shuffles with a stream of its own.
        learner.set_training_state(
            learners[learner.rank] if own else {**learners[0], "generators": None}
        )

    def set_runner(runner: BatchedEnvRunner) -> str | None:
        key = str(runner.worker_index)
        if key not in values["runners"]:
            return f"runner {key} is new: its worlds start fresh"
        try:
            runner.set_training_state(dict(arrays.get(key, {})), values["runners"][key])
        except ValueError as error:
            return f"worlds of runner {key} start fresh: {error}"
        return None

    trainer.foreach_learner(set_learner)
    runners = trainer.foreach_runner(lambda runner: str(runner.worker_index))
    gone = [key for key in values["runners"] if key not in runners]
    return [
        *(f"runner {key} is gone, and its worlds with it" for key in gone),
        *filter(None, trainer.foreach_runner(set_runner)),
    ]
