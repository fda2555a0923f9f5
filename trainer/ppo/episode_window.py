"""The statistics of the newest finished episodes, behind the reported means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


class EpisodeWindow:
    """The statistics of the last `size` finished episodes, whichever iteration they ended in.

    An iteration may finish few episodes, or none; the mean over a window is steadier than that of
    one iteration. Restored from `get_state`, it continues to the same bits.

    Attributes:
        size: episodes that are kept, W at most; at least 1.
        names: of the S statistics.
        episodes_completed: over the whole life of the run, not only those still in the window.
    """

    def __init__(self, size: int, names: Sequence[str]) -> None:
        """Makes an empty window; `names` are the S columns of the arrays given to `extend`."""
        self.size = size
        self.names = tuple(names)
        # Oldest first and not a ring: sums run in the order of arrival, so that a restored window
        # rounds like the one that was saved.
        self._episodes = np.empty((0, len(self.names)), np.float64)  # [W <= size, S]
        self.episodes_completed = 0

    def __len__(self) -> int:
        return len(self._episodes)

    def extend(self, episodes: np.ndarray) -> None:
        """Adds finished episodes [K, S], oldest first."""
        self._episodes = np.concatenate([self._episodes, episodes])[-self.size :]
        self.episodes_completed += len(episodes)

    def means(self, **where: float) -> dict[str, float]:
        """Mean of each statistic over the window; nan entries do not count; nan if none is left.

        Args:
            where: only of episodes with this value of a statistic; one that is not kept does not
                count.
        """
        episodes = self._episodes
        for name in where.keys() & set(self.names):
            episodes = episodes[episodes[:, self.names.index(name)] == where[name]]
        known = ~np.isnan(episodes)
        counts = known.sum(axis=0)
        sums = np.where(known, episodes, 0.0).sum(axis=0)
        means = np.divide(sums, counts, out=np.full(len(self.names), np.nan), where=counts > 0)
        return {name: float(mean) for name, mean in zip(self.names, means, strict=True)}

    def get_state(self) -> dict[str, np.ndarray]:
        """Copies of the whole state: `episodes` [W, S] float64, `episodes_completed` [] int64."""
        return {
            "episodes": self._episodes.copy(),
            "episodes_completed": np.asarray(self.episodes_completed, np.int64),
        }

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes over a state of `get_state`; a smaller window keeps its newest episodes.

        What statistics added at the end since then would have been is not known (nan).

        Raises:
            ValueError: there are too many columns.
        """
        episodes = np.array(state["episodes"], np.float64)
        added = len(self.names) - episodes.shape[-1]
        if episodes.ndim != 2 or added < 0:
            raise ValueError(
                f"'episodes' must be [W, {len(self.names)}] ({', '.join(self.names)}), "
                f"got {episodes.shape}"
            )
        self._episodes = np.pad(
            episodes[-self.size :], ((0, 0), (0, added)), constant_values=np.nan
        )
        self.episodes_completed = int(state["episodes_completed"])
