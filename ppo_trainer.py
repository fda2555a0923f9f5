"""`from ppo_trainer import create_ppo_trainer, CheckpointManager` in a user's own scripts."""

from trainer.ppo_trainer import CheckpointManager, create_ppo_trainer, train

__all__ = ["CheckpointManager", "create_ppo_trainer", "train"]
