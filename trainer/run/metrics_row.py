"""The metrics row of an iteration: what the history, the trackers and the console show of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from types import MappingProxyType

from envs.game import GameSettings
from trainer.ppo.progress import IterationStats, Progress
from trainer.reporting.metrics import (
    CURRICULUM,
    EVALUATION_S,
    NEWEST,
    TEAM,
    Row,
    empty_row,
    wins_key,
)
from trainer.schedules.scheduler import STAGE


@dataclass(frozen=True)
class Lap:
    """The time from one row to the next.

    Attributes:
        total_s: seconds of the whole iteration, saving included.
        save_s: seconds of it for which saving held up training.
    """

    total_s: float
    save_s: float


def metrics_row(
    progress: Progress,
    stats: IterationStats,
    lap: Lap,
    game: GameSettings,
    evaluation: Mapping[str, float | int] = MappingProxyType({}),
) -> Row:
    """The row of the iteration that `progress` has just counted.

    Args:
        progress: counters that include the iteration and its time.
        stats: what it sampled and learned.
        lap: how long it took.
        game: the game played.
        evaluation: what was measured after it (`Evaluations.after_iteration`).
    """
    evaluation_s = max(0.0, evaluation.get(EVALUATION_S, 0.0))  # nan: there was none
    means = progress.window.means()
    row = empty_row(tuple(game.team_sizes), game.metrics)
    row |= {
        "iteration": progress.iteration,
        "env_steps": progress.env_steps,
        "agent_steps": progress.agent_steps,
        "episodes_completed": progress.episodes_completed,
        "episodes_this_iter": len(stats.episode_stats),
        "runners_missing": len(stats.missing_runners),
        "reward_mean": fmean(means[name] for name in game.reward_stats),
        "episode_len_mean": means["length"],
        "time/sample_s": stats.sample_s,
        "time/learn_s": stats.learn_s,
        "time/save_s": lap.save_s,
        "time/other_s": max(
            0.0, lap.total_s - stats.sample_s - stats.learn_s - lap.save_s - evaluation_s
        ),
        "time/iteration_s": lap.total_s,
        "time/total_s": progress.time_total_s,
        "agent_steps_per_s": stats.agent_steps / lap.total_s if lap.total_s > 0 else math.nan,
    }
    row |= {metric: means.get(stat, math.nan) for metric, stat in game.metrics.items()}
    if STAGE in stats.settings:
        newest = progress.window.means(level=round(stats.settings[STAGE]))
        row |= {
            f"{NEWEST}{metric}": newest.get(stat, math.nan)
            for metric, stat in game.metrics.items()
            if metric not in CURRICULUM
        }
    for team in game.team_sizes:
        row[f"{team}_reward"] = means[f"{team}_return"]
        learned = stats.learned[f"{team}_policy"]
        row |= {f"{team}/{key}": float(learned[key]) for key in TEAM if key in learned}
    wins = {wins_key(team): share for team, share in stats.wins.items()}
    return {**row, **wins, **evaluation, **stats.settings}
