"""Names and meaning of the figures of an iteration, and the window over finished episodes.

A row is a flat `dict[str, float | int]`; the same row goes to the history, TensorBoard, the
console and the plots. A figure that is not known yet is nan. Imports neither Ray nor torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

Row = dict[str, float | int]

DEFAULT_TEAMS = ("seeker", "hider")

TEAM_COLORS: dict[str, str] = {"seeker": "#E4572E", "hider": "#2E86AB"}
"""One color per team wherever it is drawn: vermilion against blue, apart for every kind of color
blindness (a red-green pair would not be)."""
_OTHER_COLORS = ("#8E6C8A", "#C9A227", "#3B8E5A", "#5C5C5C")

COUNTERS: dict[str, str] = {
    "iteration": "training iterations done since the very first start",
    "env_steps": "world steps over the whole life of the run (a step moves every agent of a world)",
    "agent_steps": "agent steps over the whole life of the run",
    "episodes_completed": "episodes finished over the whole life of the run",
    "episodes_this_iter": "episodes finished in this iteration",
    "runners_missing": "env runners without whose samples this iteration did; 0 but for failures",
}
GAME: dict[str, str] = {
    "reward_mean": "mean return of an episode, per hider, without shaping",
    "episode_len_mean": "mean length of an episode, in steps",
    "seen_fraction": "share of the steps after the preparation in which a hider was seen, 0-1",
    "first_seen_step": "step at which a hider was first seen",
    "perfect_hide": "share of the episodes in which no hider was ever seen, 0-1",
}
TEAM: dict[str, str] = {
    "kl": "KL divergence between the policy before and after the update, in nats",
    "kl_coeff": "weight of the KL penalty",
    "entropy": "entropy of the action distribution over all heads, in nats",
    "policy_loss": "clipped surrogate loss",
    "vf_loss": "value loss",
    "vf_explained_var": "share of the variance of the returns that the value function explains",
    "grad_norm": "global norm of the gradient before clipping",
    "clip_fraction": "share of the samples whose probability ratio left the clip range, 0-1",
    "trained": "1 if the team learned in this iteration, 0 if it was not its turn",
    "lr": "learning rate when the iteration began",
    "entropy_coeff": "weight of the entropy bonus, likewise",
    "clip_param": "clipping of the probability ratio, likewise",
    "vf_loss_coeff": "weight of the value loss, likewise",
    "kl_target": "KL per update that the penalty aims at, likewise",
}
TIME: dict[str, str] = {
    "time/sample_s": "seconds spent collecting experience in this iteration",
    "time/learn_s": "seconds spent in the update",
    "time/other_s": "seconds spent on everything else",
    "time/save_s": "seconds for which saving held training up in this iteration",
    "time/iteration_s": "seconds of the whole iteration",
    "time/total_s": "seconds of training over the whole life of the run",
    "agent_steps_per_s": "agent steps per second of this iteration",
}


def describe_metrics(teams: Sequence[str] = DEFAULT_TEAMS) -> dict[str, str]:
    """Every key of a row, in order, with its meaning and unit."""
    rewards = {f"{t}_reward": f"mean return of an episode, per {t}, without shaping" for t in teams}
    per_team = {f"{t}/{key}": f"{t}: {text}" for t in teams for key, text in TEAM.items()}
    return {**COUNTERS, **GAME, **rewards, **per_team, **TIME}


def empty_row(teams: Sequence[str] = DEFAULT_TEAMS) -> Row:
    """A row with every key, counters 0 and everything else nan: what is not measured stays nan."""
    return {key: 0 if key in COUNTERS else math.nan for key in describe_metrics(teams)}


def teams_of(keys: Iterable[str]) -> tuple[str, ...]:
    """Teams that a row or a history speaks of (those with a `<team>/kl`), in order."""
    return tuple(key.removesuffix("/kl") for key in keys if key.endswith("/kl"))


def team_color(team: str, index: int = 0) -> str:
    """Hex color of a team; teams without an agreed color take one by their index."""
    return TEAM_COLORS.get(team, _OTHER_COLORS[index % len(_OTHER_COLORS)])


class EpisodeWindow:
    """The figures of the last `size` finished episodes, whichever iteration they ended in.

    An iteration may finish few episodes, or none; the mean over a window is steadier than that of
    one iteration. Restored from `get_state`, it goes on to the same bits.
    """

    def __init__(self, size: int, names: Sequence[str]) -> None:
        """`names` are the S columns of the arrays given to `extend`.

        Raises ValueError if `size` is less than 1.
        """
        if size < 1:
            raise ValueError(f"window size must be at least 1 episode, got {size}")
        self.size = size
        self.names = tuple(names)
        # Oldest first and not a ring: sums run in the order of arrival, so that a restored window
        # rounds like the one that was saved.
        self._episodes = np.empty((0, len(self.names)), np.float64)  # [W <= size, S]
        self.episodes_completed = 0  # over the whole life, not only those still in the window

    def __len__(self) -> int:
        return len(self._episodes)

    def extend(self, episodes: np.ndarray) -> None:
        """Add finished episodes, oldest first: [E, S], or [S] for a single one."""
        new = np.atleast_2d(np.asarray(episodes, np.float64))
        if new.size == 0:
            return
        if new.ndim != 2 or new.shape[1] != len(self.names):
            raise ValueError(
                f"episode statistics must be [E, {len(self.names)}] ({', '.join(self.names)}), "
                f"got {np.shape(episodes)}"
            )
        self._episodes = np.concatenate([self._episodes, new])[-self.size :]
        self.episodes_completed += len(new)

    def means(self) -> dict[str, float]:
        """Mean per column over the window; nan entries do not count; nan where nothing is known."""
        known = ~np.isnan(self._episodes)
        counts = known.sum(axis=0)
        sums = np.where(known, self._episodes, 0.0).sum(axis=0)
        means = np.divide(sums, counts, out=np.full(len(self.names), np.nan), where=counts > 0)
        return {name: float(mean) for name, mean in zip(self.names, means, strict=True)}

    def get_state(self) -> dict[str, np.ndarray]:
        """Copies of all there is: `episodes` [W, S] float64, `episodes_completed` [] int64."""
        return {
            "episodes": self._episodes.copy(),
            "episodes_completed": np.asarray(self.episodes_completed, np.int64),
        }

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over a state of `get_state`; a smaller window keeps the newest episodes of it.

        Raises ValueError if the columns differ in number.
        """
        episodes = np.array(state["episodes"], np.float64)
        if episodes.ndim != 2 or episodes.shape[1] != len(self.names):
            raise ValueError(
                f"'episodes' must be [W, {len(self.names)}] ({', '.join(self.names)}), "
                f"got {episodes.shape}"
            )
        self._episodes = episodes[-self.size :]
        self.episodes_completed = int(state["episodes_completed"])
