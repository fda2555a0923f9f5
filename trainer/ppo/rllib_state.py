"""The part of a checkpoint that RLlib keeps, as plain values, and how a learner takes it over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from trainer.ppo.learner import TeamPPOLearner


@dataclass(frozen=True)
class RLlibState:
    """What RLlib has kept.

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


def set_learner(learner: TeamPPOLearner, state: RLlibState) -> None:
    """Give a learner its weights, optimizers and metrics; Adam's settings stay its own."""
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
