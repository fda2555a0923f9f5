"""The checkpoint manager around a plain RLlib algorithm: save, prune, list, restore.

    python examples/checkpoint_manager_with_rllib.py

Nothing else of this project is used. A checkpoint exists only once all its files are on the disk,
with their hashes in a manifest; the manager finds it, verifies it and thins the old ones out.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

from ray.rllib.algorithms.ppo import PPOConfig

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # not needed once it is installed

from trainer.checkpoints import CheckpointManager


def main(folder: Path) -> None:
    logging.disable(logging.WARNING)  # Ray's notices; leave them on in a program of your own
    config = (
        PPOConfig()
        .environment("CartPole-v1")
        .env_runners(num_env_runners=0, num_envs_per_env_runner=4)
        .training(train_batch_size_per_learner=256, minibatch_size=64, num_epochs=2)
        .debugging(seed=0, log_level="ERROR")
    )
    algorithm = config.build_algo()
    manager = CheckpointManager(folder, keep_last_n=2)  # an s3://... URL works as well
    for _ in range(6):
        result = algorithm.train()
        if algorithm.iteration % 2 == 0:
            reward = result["env_runners"].get("episode_return_mean")
            manager.save(algorithm, iteration=algorithm.iteration, metadata={"reward_mean": reward})

    for saved in manager.list_checkpoints():
        print("saved:", saved["iteration"], f"reward {saved['reward_mean']:.1f}")

    path = manager.open("latest", verify=True)  # or 4, "best", a name given by `label`
    restored = config.build_algo()
    restored.restore_from_path(str(path))
    print("restored:", path.name, "iteration", restored.iteration)
    restored.stop()
    algorithm.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder) / "checkpoints")
