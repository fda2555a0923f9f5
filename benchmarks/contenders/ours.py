"""This trainer, all of it: RLlib, the game, sampling and learning."""

from __future__ import annotations

import trainer.cluster.environment  # noqa: F401 - first: Ray reads it at import
from benchmarks.workload import Measurement, timed
from trainer.config.schema import Config


def ours(config: Config, seconds: float) -> Measurement:
    from trainer.cluster.ray_session import stop_ray
    from trainer.ppo_trainer import create_ppo_trainer

    trainer, _ = create_ppo_trainer(config)

    def iteration() -> int:
        trainer.train()
        return trainer.last.agent_steps

    measured = timed(iteration, seconds)
    trainer.stop()
    stop_ray()
    return measured
