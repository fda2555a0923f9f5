"""What an env runner hands on for one iteration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.ppo.rollout import RolloutBatch
from trainer.ppo.sampled_episode import SampledEpisode


@dataclass
class Sample:
    """The result of one call of `sample`.

    Attributes:
        batch: the rollout; a local runner reuses its arrays at the next call.
        episode_stats: [K, len(stat_names)] float32, one row per episode finished.
        meetings: [K] int64, whom each of them was played against (`trainer.opponents.meetings`).
        episode: one that was asked for and is ready; None: none is.
    """

    batch: RolloutBatch
    episode_stats: np.ndarray
    meetings: np.ndarray
    episode: SampledEpisode | None = None

    @property
    def env_steps(self) -> int:
        return self.batch.env_steps

    @property
    def agent_steps(self) -> int:
        return self.batch.agent_steps
