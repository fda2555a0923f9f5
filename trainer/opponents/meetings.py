"""Whom the episodes of a runner's worlds have been played against, from their beginning on.

A meeting is a number: which member of which team's pool plays, or one of the values below.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_TEAMS = 2
LIVE = -(2**62)
"""Present policies alone."""
MIXED = LIVE + 1
"""Several: the opponent has changed in mid-episode."""
FRESH = LIVE + 2
"""The episode has not begun."""
_LATEST = 2**53
MEETINGS = "meetings_of_worlds"
"""Of `Meetings.episodes` among the saved arrays of a runner's worlds."""


class Opponent(NamedTuple):
    """A member of a pool.

    Attributes:
        team: the number of its team, 0 or 1.
        iteration: of the member.
    """

    team: int
    iteration: int

    @property
    def meeting(self) -> int:
        """The number of a meeting with it."""
        return self.iteration * _TEAMS + self.team

    @classmethod
    def of(cls, meeting: int) -> Opponent:
        """Who was met."""
        return cls(meeting % _TEAMS, meeting // _TEAMS)


def check_meetings(values: np.ndarray, num_envs: int) -> None:
    """Checks an array of unknown origin that is to be `Meetings.episodes` (ValueError)."""
    if values.dtype != np.int64 or values.shape != (num_envs,):
        raise ValueError(f"{values.shape} of {values.dtype} are no meetings of {num_envs} worlds")
    members = np.abs(values // _TEAMS) <= _LATEST
    if not (members | np.isin(values, (LIVE, MIXED, FRESH))).all():
        raise ValueError("holds a number that is no meeting")


class Meetings:
    """The meetings of N worlds, through all rollouts.

    Attributes:
        episodes: [N] int64, whom the episode under way has been played against so far.
    """

    def __init__(self, num_envs: int) -> None:
        """All worlds are about to begin an episode."""
        self.episodes = np.full(num_envs, FRESH, np.int64)

    @property
    def are_live(self) -> bool:
        """Whether no episode under way has met an earlier policy."""
        return bool(np.isin(self.episodes, (LIVE, FRESH)).all())

    def play(self, now: np.ndarray, dones: np.ndarray) -> np.ndarray:
        """Takes over a rollout.

        Args:
            now: [N] whom each world played against in it.
            dones: [T, N] bool, whether the episode ended with that step.

        Returns:
            [K] the meetings of the episodes that ended, by step and then by world.
        """
        so_far = np.where(self.episodes == FRESH, now, self.episodes)
        so_far[so_far != now] = MIXED
        steps, worlds = np.nonzero(dones)
        # The first end in each world is of the episode that began earlier.
        ended, first = now[worlds], np.zeros(len(now), np.int64)
        has_end = dones.any(axis=0)
        first[has_end] = dones[:, has_end].argmax(axis=0)
        older = steps == first[worlds]
        ended[older] = so_far[worlds[older]]
        self.episodes = np.where(dones[-1], FRESH, np.where(has_end, now, so_far))
        return ended
