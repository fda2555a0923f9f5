"""Lifetime counters and the metrics row of an iteration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from ray.rllib.utils.metrics import LEARNER_RESULTS

from trainer.ppo.collapse import CollapseMonitor
from trainer.reporting.metrics import DEFAULT_TEAMS, TEAM, EpisodeWindow, Row, empty_row
from trainer.run.saved_state.training_state import COUNTERS

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO

_COLLAPSED = "collapsed"


class Progress:
    """What has been done since the very first iteration, across all resumes.

    Attributes:
        window: the episodes behind the reported means.
        time_total_s: seconds of training.
        collapse: which policies have collapsed.
        news: what the last iteration has to tell of them.
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

    def advance(
        self,
        result: Mapping[str, Any],
        trainer: TeamPPO,
        iteration_s: float,
        save_s: float,
    ) -> Row:
        """Count one iteration and return its metrics row.

        Args:
            result: what RLlib's `train()` returned.
            trainer: holds what was sampled in this iteration.
            iteration_s: seconds since the last row, saving included.
            save_s: seconds of it spent saving.
        """
        episodes, agent_steps = trainer.episode_stats, trainer.agent_steps_sampled
        self.iteration += 1
        self.env_steps += trainer.env_steps_sampled
        self.agent_steps += agent_steps
        self.episodes_completed += len(episodes)
        self.time_total_s += iteration_s
        self.window.extend(episodes)
        self.news = self.collapse.observe(self.iteration, result[LEARNER_RESULTS])
        means = self.window.means()
        sample_s, learn_s = trainer.sample_seconds, trainer.learn_seconds
        row = empty_row()
        row |= {
            "iteration": self.iteration,
            "env_steps": self.env_steps,
            "agent_steps": self.agent_steps,
            "episodes_completed": self.episodes_completed,
            "episodes_this_iter": len(episodes),
            "runners_missing": len(trainer.missing_runners),
            # The game is zero-sum: the mean over all agents would always be 0.
            "reward_mean": means["hider_return"],
            "episode_len_mean": means["length"],
            "time/sample_s": sample_s,
            "time/learn_s": learn_s,
            "time/save_s": save_s,
            "time/other_s": max(0.0, iteration_s - sample_s - learn_s - save_s),
            "time/iteration_s": iteration_s,
            "time/total_s": self.time_total_s,
            "agent_steps_per_s": agent_steps / iteration_s if iteration_s > 0 else math.nan,
        }
        for name in ("seen_fraction", "first_seen_step", "perfect_hide"):
            row[name] = means.get(name, math.nan)
        for team in DEFAULT_TEAMS:
            row[f"{team}_reward"] = means[f"{team}_return"]
            learned = result[LEARNER_RESULTS][f"{team}_policy"]
            row |= {f"{team}/{key}": float(learned[key]) for key in TEAM if key in learned}
        return row | trainer.settings_in_force

    def counters(self) -> dict[str, Any]:
        counters = {name: getattr(self, name) for name in COUNTERS}
        return counters | {_COLLAPSED: self.collapse.state()}

    def restore(self, counters: Mapping[str, Any], episodes: Mapping[str, np.ndarray]) -> None:
        for name in COUNTERS:
            setattr(self, name, counters[name])
        self.collapse.restore(counters.get(_COLLAPSED, {}))  # older checkpoints do not tell
        if episodes:
            self.window.set_state(episodes)
