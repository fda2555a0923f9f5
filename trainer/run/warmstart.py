"""Starts a new run with networks from checkpoints: weights and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from envs.hide_and_seek.config import of_checkpoint
from envs.hide_and_seek.levels import LEVELS
from trainer.checkpoints import layout, manifest, metadata
from trainer.checkpoints.safe_io import safe_yaml
from trainer.errors import IncompatibleCheckpoint
from trainer.ppo.networks import PolicySpec
from trainer.ppo.policy_files import load_policy

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO
    from trainer.ppo.learner import TeamPPOLearner

_MOMENTS = ("normalizer.", "state_normalizer.")
_OF_THE_POLICY = ("actor.", "policy_head.", "normalizer.")
_VALUE_HEAD = "value_head.weight"


def load_networks(
    sources: Mapping[str, Path], specs: Mapping[str, PolicySpec], *, normalizer: bool
) -> dict[str, dict[str, torch.Tensor]]:
    """The weights to start with, by policy; everything is checked before any of it is used.

    Where only the value function's input is another (`ppo.critic`), they are the policy's alone.

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
        wanted = specs[policy_id]
        same_policy = replace(network.spec, state_size=wanted.state_size)
        if changes := same_policy.changes_to(wanted):
            raise IncompatibleCheckpoint(
                f"{path}: {policy_id} does not fit (checkpoint -> configuration): {changes}"
            )
        state = network.state_dict()
        if network.spec != wanted:
            state = {name: v for name, v in state.items() if name.startswith(_OF_THE_POLICY)}
        if not normalizer:
            state = {name: v for name, v in state.items() if not name.startswith(_MOMENTS)}
        weights[policy_id] = dict(state)
    return weights


def notes_on(weights: Mapping[str, Mapping[str, torch.Tensor]]) -> list[str]:
    """A line if value functions start anew, which names their teams."""
    anew = [
        name.removesuffix("_policy") for name, state in weights.items() if _VALUE_HEAD not in state
    ]
    if not anew:
        return []
    teams = "s and ".join(anew)
    why = "since the checkpoint's read another input (ppo.critic)"
    return [f"the value functions of the {teams}s start anew, {why}"]


def level_notes(sources: Mapping[str, Path], level: str) -> list[str]:
    """A line if a network was trained at another level of hide and seek than this one.

    Args:
        sources: a checkpoint folder by policy; one whose level cannot be read is passed over.
        level: that the run begins with.
    """
    found = (_level_of(path) for path in dict.fromkeys(sources.values()))
    others = dict.fromkeys(other for other in found if other not in (None, level))
    return (
        [f"trained at {' and '.join(map(str, others))}, this run is at {level}"] if others else []
    )


def _level_of(checkpoint: Path) -> str | None:
    """The level that a run was at, of a curriculum the one that it had come to."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        values = {
            **of_checkpoint(safe_yaml.read(checkpoint / layout.CONFIG)["env"]),
            **metadata.read(checkpoint),
        }
        return values["level"] if values["level"] in LEVELS else None
    return None


def start_from(trainer: TeamPPO, weights: Mapping[str, dict[str, torch.Tensor]]) -> str:
    """Sets these weights in learners and runners; returns the hash that all agree on."""

    def load(learner: TeamPPOLearner) -> None:
        for policy_id, state in weights.items():
            network = learner.network(policy_id.removesuffix("_policy"))
            # Moments and value functions that were not taken stay new; nothing else may be missing.
            network.load_state_dict({**network.state_dict(), **state}, strict=True)

    trainer.foreach_learner(load)
    trainer.push_weights()
    return trainer.check_weights()
