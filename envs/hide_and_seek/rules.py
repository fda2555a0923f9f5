"""The numbers that the kernels use, from the settings of a game."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.config import ResolvedConfig
from envs.hide_and_seek.kernels.state import Pay, Rules
from envs.hide_and_seek.levels import LEVELS


def make_rules(config: ResolvedConfig) -> Rules:
    """What holds for all worlds."""
    prep_steps, episode_steps = zip(*config.times, strict=True)
    return Rules(
        num_seekers=config.num_seekers,
        min_seekers=config.min_seekers,
        min_hiders=config.min_hiders,
        has_objects=config.contents.objects,
        prep_steps=np.array(prep_steps, np.int32),
        episode_steps=np.array(episode_steps, np.int32),
        ramp_locks=np.array([LEVELS[level].ramps_lock for level in config.levels]),
        level_first=np.arange(len(config.levels) + 1, dtype=np.int32) * config.num_layouts,
        level_share=np.cumsum(config.level_shares).astype(np.float32),
        cos_half_view=np.float32(np.cos(np.radians(config.vision_angle) / 2.0)),
        vision_range=np.float32(config.vision_range),
        lidar_range=np.float32(config.lidar_range),
        beta=np.float32(config.shaping_beta),
        cover=np.float32(config.shaping_cover),
        gamma=np.float32(config.shaping_gamma),
    )


def make_pay(config: ResolvedConfig) -> Pay:
    """What the game pays."""
    return Pay(*(np.float32(getattr(config, f"reward_{name}")) for name in Pay._fields))
