"""Tiny checkpoints of a short game, written without Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from tests.checkpoints.fakes import BY_REWARD, FakeAlgorithm
from trainer.checkpoints.manager import CheckpointManager
from trainer.config.schema import Config
from trainer.ppo.networks import ActorCritic, PolicySpec
from trainer.ppo.policy_files import save_policy

GAME: dict[str, Any] = {
    "level": "L0",
    "prep_steps": 2,
    "episode_steps": 8,
    "num_layouts": 2,
    "num_seekers": 2,
}
SPEC = PolicySpec(obs_size=158, nvec=(3, 3, 5, 2, 3), hiddens=(8,))
REWARDS = {10: 1.5, 20: 3.25, 30: -2.0}


def make_network(seed: int, spec: PolicySpec = SPEC) -> ActorCritic:
    torch.manual_seed(seed)
    network = ActorCritic(spec).eval()
    # A fresh head is near uniform; this one has opinions, so that players differ.
    torch.nn.init.normal_(network.policy_head.weight, std=2.0)
    return network


def save_checkpoint(
    manager: CheckpointManager,
    iteration: int,
    *,
    game: dict[str, Any] = GAME,
    spec: PolicySpec = SPEC,
    tags: Sequence[str] = (),
    training: Mapping[str, Any] | None = None,
) -> Path:
    """A checkpoint with the policies `make_network(2 * iteration)` and one more.

    Args:
        manager: of the folder.
        iteration: of the checkpoint.
        game: the group `env`.
        spec: of the policies.
        tags: of the checkpoint.
        training: other groups of the configuration.
    """

    def write_policies(folder: Path) -> None:
        for k, team in enumerate(("seeker", "hider")):
            save_policy(make_network(2 * iteration + k, spec), folder / f"{team}_policy")

    def write_config(path: Path) -> None:
        values = Config.from_dict({"env": game, **(training or {})}).to_dict()
        path.write_text(yaml.safe_dump(values), encoding="utf-8")

    return manager.save(
        FakeAlgorithm(),
        iteration=iteration,
        metadata={"reward_mean": REWARDS.get(iteration, 0.0), "best_by": BY_REWARD},
        writers={"policies": write_policies, "config.yaml": write_config},
        tags=tags,
    )
