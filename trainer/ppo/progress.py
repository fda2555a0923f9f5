"""What an iteration sampled and learned, and the counters over the whole life of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainer.ppo.collapse import CollapseMonitor
from trainer.ppo.episode_window import EpisodeWindow
from trainer.ppo.sampled_episode import SampledEpisode

COUNTERS = ("iteration", "env_steps", "agent_steps", "episodes_completed", "time_total_s")
_COLLAPSED = "collapsed"


@dataclass(frozen=True)
class IterationStats:
    """What one iteration sampled and learned.

    Attributes:
        episode_stats: [K, S] float32, the statistics of the K episodes that ended in it.
        env_steps: world steps sampled; one moves every agent of a world.
        agent_steps: agent steps sampled.
        missing_runners: remote runners (from 1) whose samples it did without.
        learned: what the learners report, by policy and name.
        settings: the effective value of each scheduled setting when it began.
        sample_s: seconds spent sampling.
        learn_s: seconds spent in the update.
        live: [K] bool, the episodes that present policies alone have played; None: all.
        wins: by team, its share of the games against earlier policies, 0-1; none without opponents.
        episodes: by runner, an episode that was sampled for a session record.
        undelivered: by runner, why the rollout of a missing one that lives could not be had.
    """

    episode_stats: np.ndarray
    env_steps: int
    agent_steps: int
    missing_runners: tuple[int, ...]
    learned: Mapping[str, Mapping[str, float]]
    settings: Mapping[str, float]
    sample_s: float
    learn_s: float
    live: np.ndarray | None = None
    wins: Mapping[str, float] = field(default_factory=dict)
    episodes: Mapping[int, SampledEpisode] = field(default_factory=dict)
    undelivered: Mapping[int, str] = field(default_factory=dict)


class Progress:
    """What has been done since the very first iteration, across all resumes.

    Attributes:
        window: the episodes behind the reported means, of present policies alone.
        iteration: iterations done.
        env_steps: world steps sampled.
        agent_steps: agent steps sampled.
        episodes_completed: episodes that ended.
        time_total_s: seconds of training; `advance` does not count them.
        collapse: which policies have collapsed.
        news: what the last iteration changed in that, a line each.
    """

    def __init__(self, window_episodes: int, stat_names: tuple[str, ...]) -> None:
        self.window = EpisodeWindow(window_episodes, stat_names)
        self.iteration = 0
        self.env_steps = 0
        self.agent_steps = 0
        self.episodes_completed = 0
        self.time_total_s = 0.0
        self.collapse = CollapseMonitor()
        self.news: list[str] = []

    def advance(self, stats: IterationStats) -> None:
        """Counts one iteration."""
        self.iteration += 1
        self.env_steps += stats.env_steps
        self.agent_steps += stats.agent_steps
        self.episodes_completed += len(stats.episode_stats)
        own = stats.episode_stats if stats.live is None else stats.episode_stats[stats.live]
        self.window.extend(own)
        self.news = self.collapse.observe(self.iteration, stats.learned)

    def counters(self) -> dict[str, Any]:
        """Plain values that `restore` continues from."""
        counters = {name: getattr(self, name) for name in COUNTERS}
        return counters | {_COLLAPSED: self.collapse.state()}

    def restore(self, counters: Mapping[str, Any], episodes: Mapping[str, np.ndarray]) -> None:
        """Continues from `counters` and the state of a window (empty: from an empty window)."""
        for name in COUNTERS:
            setattr(self, name, counters[name])
        self.collapse.restore(counters.get(_COLLAPSED, {}))  # absent in older checkpoints
        if episodes:
            self.window.set_state(episodes)
