"""Which engine samples and learns: the fused one where it can, else torch."""

from __future__ import annotations

import os

from trainer.config.device import device_of
from trainer.config.schema import Config
from trainer.config.types import ConfigError


def engine_of(config: Config) -> str:
    """The engine of a run, "torch" or "fused".

    Raises:
        ConfigError: the fused engine is asked for and cannot do what is configured.
    """
    if config.train.engine == "torch":
        return "torch"
    missing = why_torch(config)
    if missing and config.train.engine == "fused":
        raise ConfigError(f"train.engine = 'fused' does not support {missing}; use 'auto'")
    return "torch" if missing else "fused"


def why_torch(config: Config) -> str:
    """What the fused engine cannot work with; empty: it can do all that is configured."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return "NUMBA_DISABLE_JIT"
    if config.train.device == "cuda":
        return "train.device = cuda"
    if config.ray.num_gpus_per_learner:
        return f"ray.num_gpus_per_learner = {config.ray.num_gpus_per_learner:g}"
    if config.ray.num_learners > 1:
        return f"ray.num_learners = {config.ray.num_learners}"
    for team in config.played.team_sizes:
        settings = config.ppo.team(team)
        if settings.vf_share_layers:
            return "ppo.vf_share_layers"
        if not settings.hiddens:
            return "ppo.hiddens = []"
    return "train.device = auto" if device_of(config) == "cuda" else ""
