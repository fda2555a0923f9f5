"""Starts a new run with networks from checkpoints: weights and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from trainer.checkpoints import layout, manifest
from trainer.errors import IncompatibleCheckpoint
from trainer.ppo.networks import PolicySpec
from trainer.ppo.policy_files import load_policy

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO
    from trainer.ppo.learner import TeamPPOLearner

_MOMENTS = "normalizer."


def load_networks(
    sources: Mapping[str, Path], specs: Mapping[str, PolicySpec], *, normalizer: bool
) -> dict[str, dict[str, torch.Tensor]]:
    """The weights to start with, by policy; everything is checked before any of it is used.

    Args:
        sources: a checkpoint folder by policy.
        specs: the networks that the configuration asks for.
        normalizer: whether the moments of the observations are taken too.

    Raises:
        CheckpointCorrupted: a checkpoint differs from its manifest.
        IncompatibleCheckpoint: another observation or action space or network.
    """
    for path in set(sources.values()):
        manifest.verify(path)
    weights = {}
    for policy_id, path in sources.items():
        network = load_policy(path / layout.POLICIES / policy_id)
        changes = network.spec.changes_to(specs[policy_id])
        if changes:
            raise IncompatibleCheckpoint(
                f"{path}: {policy_id} does not fit (checkpoint -> configuration): {changes}"
            )
        state = network.state_dict()
        if not normalizer:
            state = {name: v for name, v in state.items() if not name.startswith(_MOMENTS)}
        weights[policy_id] = dict(state)
    return weights


def start_from(trainer: TeamPPO, weights: Mapping[str, dict[str, torch.Tensor]]) -> str:
    """Sets these weights in learners and runners; returns the hash that all agree on."""

    def load(learner: TeamPPOLearner) -> None:
        for policy_id, state in weights.items():
            network = learner.network(policy_id.removesuffix("_policy"))
            # Moments that were not taken stay new; nothing else may be missing.
            network.load_state_dict({**network.state_dict(), **state}, strict=True)

    trainer.foreach_learner(load)
    trainer.push_weights()
    return trainer.check_weights()
