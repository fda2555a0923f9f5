"""The one workload that every contender trains on: same game, networks and PPO settings."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.config.loading import load_config
from trainer.config.schema import Config
from trainer.project import PROJECT_ROOT


@dataclass(frozen=True)
class Measurement:
    """One contender's speed in one round.

    Attributes:
        agent_steps: trained on in the measured iterations, frozen agents' no-ops included.
        seconds: wall clock of those iterations, sampling and learning.
    """

    agent_steps: int
    seconds: float

    @property
    def rate(self) -> float:
        """agent-steps per second."""
        return self.agent_steps / self.seconds


def default_config(*overrides: str) -> Config:
    """The shipped configuration without files beside the checkpoints."""
    return load_config(PROJECT_ROOT / "config.yaml", ["tracking.tensorboard_dir=null", *overrides])
