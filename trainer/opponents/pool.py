"""The earlier policies of a team that the other team meets again, and how they are drawn.

A team that learns against the present policy of the other alone may forget how to beat an earlier
one; games against policies of the whole run prevent that (Bansal et al. 2018,
https://arxiv.org/abs/1710.03748).

Knows neither Ray nor the configuration.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from trainer.opponents.weights import flat_weights, named_weights

UNRATED = (25.0, 25.0 / 3.0)
"""Mean and deviation of the rating of a policy that has never been rated."""
MAX_SIZE = 64
"""Members of a pool at most."""
_LEAST_SHARE = 0.1  # of a member that never wins, as if it won that often: it may win again
_REMEMBERED = 256.0  # games; older ones fade, since the policy they were won against has changed


@dataclass(frozen=True, eq=False)
class Member:
    """A policy as it was when it joined.

    Attributes:
        iteration: iterations done when it joined; no two of a pool have the same.
        weights: what acts, by name: a part of the network's `state_dict`, float32.
        mu: mean of its rating when it joined.
        sigma: deviation of that rating.
        games: episodes that the other team's present policies played against it; older ones fade.
        wins: those that it won, a draw counting half.
    """

    iteration: int
    weights: Mapping[str, np.ndarray]
    mu: float = UNRATED[0]
    sigma: float = UNRATED[1]
    games: float = 0.0
    wins: float = 0.0

    @property
    def win_rate(self) -> float:
        """The share of games that it wins, 0-1; near a half while few have been played."""
        return (self.wins + 1.0) / (self.games + 2.0)


class PoolState(NamedTuple):
    """What `Pool.restored` needs, for M members of P weights.

    Attributes:
        values: plain values of each member.
        weights: [M, P] float32.
    """

    values: list[dict[str, Any]]
    weights: np.ndarray


class Pool:
    """The earlier policies of one team, oldest first.

    Attributes:
        size: how many are kept.
        members: those that are there.
    """

    def __init__(self, size: int, members: Sequence[Member] = ()) -> None:
        """Takes over `members`, oldest first; more than `size` are thinned."""
        self.size = size
        self.members = list(members)
        self._thin()

    def add(self, member: Member) -> None:
        """Lets a policy join, newer than all others; one that is too much leaves.

        Raises:
            ValueError: it is not newer.
        """
        if self.members and member.iteration <= self.members[-1].iteration:
            newest = self.members[-1].iteration
            raise ValueError(f"a member of iteration {member.iteration} is not after {newest}")
        self.members.append(member)
        self._thin()

    def find(self, iteration: int) -> Member | None:
        """The member of an iteration, if it is there."""
        return next((m for m in self.members if m.iteration == iteration), None)

    def draw(self, random: np.random.Generator, how: str) -> Member:
        """A member, by one number of the stream.

        Args:
            random: the stream.
            how: "uniform": each as often; "hard": by its share of games won, so that the present
                policy meets those more often that it loses to (Vinyals et al. 2019,
                https://doi.org/10.1038/s41586-019-1724-z).

        Raises:
            ValueError: there is no member.
        """
        if not self.members:
            raise ValueError("the pool is empty")
        hard = [max(member.win_rate, _LEAST_SHARE) for member in self.members]
        shares = hard if how == "hard" else [1.0] * len(hard)
        *ends, total = itertools.accumulate(shares)
        return self.members[bisect.bisect_right(ends, random.random() * total)]

    def note(self, iteration: int, games: float, wins: float) -> None:
        """Counts games against the member of an iteration, and those that it won.

        One that has left meanwhile counts nothing any more.
        """
        for index, member in enumerate(self.members):
            if member.iteration == iteration:
                played = member.games + games
                kept = min(1.0, _REMEMBERED / played) if played else 1.0
                won = (member.wins + wins) * kept
                self.members[index] = replace(member, games=played * kept, wins=won)

    def win_rate(self) -> float:
        """The members' share of the games against them, 0-1; nan before the first."""
        games = sum(member.games for member in self.members)
        return sum(member.wins for member in self.members) / games if games else float("nan")

    def state(self) -> PoolState:
        """All members, as plain values and one array."""
        names = ("iteration", "mu", "sigma", "games", "wins")
        values = [{name: getattr(member, name) for name in names} for member in self.members]
        rows = [flat_weights(member.weights) for member in self.members]
        return PoolState(values, np.stack(rows) if rows else np.zeros((0, 0), np.float32))

    @classmethod
    def restored(cls, size: int, state: PoolState, shapes: Mapping[str, tuple[int, ...]]) -> Pool:
        """A pool with the members of a state; fewer where `size` is smaller now.

        Args:
            size: how many are kept.
            state: of `state`.
            shapes: of the weights by name, in their order.
        """
        members = [
            Member(weights=named_weights(row, shapes), **values)
            for values, row in zip(state.values, state.weights, strict=True)
        ]
        return cls(size, members)

    def _thin(self) -> None:
        """Keeps the newest half, and of the others the oldest and some spread between.

        One leaves at a time: the one without which the gap in its place, in iterations, is the
        smallest. So those that stay are spread over the run however long it becomes.
        """
        newest = (self.size + 1) // 2
        while len(self.members) > self.size:
            older = len(self.members) - newest
            if self.size == newest:  # one alone
                del self.members[0]
                continue
            ages = [member.iteration for member in self.members]
            gaps = [(ages[index + 1] - ages[index - 1], index) for index in range(1, older)]
            del self.members[min(gaps)[1]]
