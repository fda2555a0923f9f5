"""The metrics row of an iteration: what the history, the trackers and the console show of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainer.ppo.progress import IterationStats, Progress
from trainer.reporting.metrics import DEFAULT_TEAMS, TEAM, Row, empty_row


@dataclass(frozen=True)
class Lap:
    """The time from one row to the next.

    Attributes:
        total_s: seconds of the whole iteration, saving included.
        save_s: seconds of it for which saving held up training.
    """

    total_s: float
    save_s: float


def metrics_row(progress: Progress, stats: IterationStats, lap: Lap) -> Row:
    """The row of the iteration that `progress` has just counted.

    Args:
        progress: counters that include the iteration and its time.
        stats: what it sampled and learned.
        lap: how long it took.
    """
    means = progress.window.means()
    row = empty_row()
    row |= {
        "iteration": progress.iteration,
        "env_steps": progress.env_steps,
        "agent_steps": progress.agent_steps,
        "episodes_completed": progress.episodes_completed,
        "episodes_this_iter": len(stats.episode_stats),
        "runners_missing": len(stats.missing_runners),
        # The game is zero-sum: the mean over all agents would always be 0.
        "reward_mean": means["hider_return"],
        "episode_len_mean": means["length"],
        "time/sample_s": stats.sample_s,
        "time/learn_s": stats.learn_s,
        "time/save_s": lap.save_s,
        "time/other_s": max(0.0, lap.total_s - stats.sample_s - stats.learn_s - lap.save_s),
        "time/iteration_s": lap.total_s,
        "time/total_s": progress.time_total_s,
        "agent_steps_per_s": stats.agent_steps / lap.total_s if lap.total_s > 0 else math.nan,
    }
    for name in ("seen_fraction", "first_seen_step", "perfect_hide"):
        row[name] = means.get(name, math.nan)
    for team in DEFAULT_TEAMS:
        row[f"{team}_reward"] = means[f"{team}_return"]
        learned = stats.learned[f"{team}_policy"]
        row |= {f"{team}/{key}": float(learned[key]) for key in TEAM if key in learned}
    return {**row, **stats.settings}
