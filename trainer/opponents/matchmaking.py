"""Which earlier policies each runner plays now, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trainer.opponents.meetings import LIVE, MIXED, Opponent
from trainer.opponents.pool import Pool
from trainer.opponents.seating import SLOTS, slot_names

Drawn = dict[str, dict[str, list[int]]]
"""By runner (its number as text) and team: the iteration of the member in each slot."""


class Matchmaker:
    """Draws the members that each runner plays, and counts their games.

    From time to time one slot of every runner and team is drawn anew, in turn, so that an episode
    mostly meets one opponent and a runner several. All of it is drawn from one stream.

    Attributes:
        pools: by team, the first one first.
        drawn: who plays where; empty while there are no members.
    """

    def __init__(
        self, pools: dict[str, Pool], runners: Sequence[int], how: str, seed: Sequence[int]
    ) -> None:
        """Nobody is drawn yet.

        Args:
            pools: by team.
            runners: the numbers of those that sample.
            how: see `Pool.draw`.
            seed: of the stream.
        """
        self.pools = pools
        self.drawn: Drawn = {}
        self._runners = [str(number) for number in runners]
        self._how = how
        self._random = np.random.default_rng(seed)
        self._slot = 0  # that was drawn last
        self._since = 0  # iterations since then

    def advance(self, episode_steps: float, rollout_steps: int) -> None:
        """Draws what is due before the next rollout.

        Args:
            episode_steps: usual length of an episode; nan: not known yet.
            rollout_steps: steps of a rollout.
        """
        if not all(pool.members for pool in self.pools.values()):
            return
        known = math.isfinite(episode_steps)
        period = math.ceil(episode_steps / rollout_steps) if known else 1
        self._since += 1
        is_due = self._since >= period
        if is_due:
            self._slot, self._since = (self._slot + 1) % SLOTS, 0
        before, self.drawn = self.drawn, {}
        for runner in self._runners:
            had = before.get(runner, {})
            self.drawn[runner] = {
                team: [
                    self._member(pool, slot, had.get(team), is_due and slot == self._slot)
                    for slot in range(SLOTS)
                ]
                for team, pool in self.pools.items()
            }

    def _member(self, pool: Pool, slot: int, had: Sequence[int] | None, is_due: bool) -> int:
        """The member for a slot, a new one if it is due or the old one has left."""
        if had is None or is_due or pool.find(had[slot]) is None:
            return pool.draw(self._random, self._how).iteration
        return had[slot]

    def opponents(self, runner: int) -> dict[str, Opponent]:
        """Who plays on a runner, by player of `slot_names`."""
        drawn = self.drawn[str(runner)]
        return {
            player: Opponent(number, iteration)
            for number, team in enumerate(self.pools)
            for player, iteration in zip(slot_names(team), drawn[team], strict=True)
        }

    def weights(self, opponent: Opponent) -> Mapping[str, np.ndarray]:
        """The weights of a member that is drawn."""
        member = self._pool(opponent).find(opponent.iteration)
        assert member is not None
        return member.weights

    def note(self, meetings: np.ndarray, leads: np.ndarray) -> None:
        """Counts the episodes that were played against one member as its games.

        Args:
            meetings: [K] whom each episode was played against.
            leads: [K] the first team's return minus the other's; nan: does not count.
        """
        counts = (meetings != LIVE) & (meetings != MIXED) & ~np.isnan(leads)
        for meeting in np.unique(meetings[counts]).tolist():
            opponent = Opponent.of(meeting)
            own = leads[counts & (meetings == meeting)] * (1 - 2 * opponent.team)
            wins = np.count_nonzero(own > 0) + np.count_nonzero(own == 0) / 2
            self._pool(opponent).note(opponent.iteration, float(len(own)), float(wins))

    def _pool(self, opponent: Opponent) -> Pool:
        return list(self.pools.values())[opponent.team]

    def wins(self) -> dict[str, float]:
        """By team, the share of games that its present policies win against the other's pool."""
        one, other = self.pools
        return {
            one: 1.0 - self.pools[other].win_rate(),
            other: 1.0 - self.pools[one].win_rate(),
        }

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`; the pools are not among them."""
        return {
            "random": self._random.bit_generator.state,
            "slot": self._slot,
            "since": self._since,
            "drawn": self.drawn,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from `state`; without a random stream, its own stays.

        Runners that are new, and slots whose member has left, are drawn for at the next `advance`.
        """
        if state["random"] is not None:
            self._random.bit_generator.state = state["random"]
        self._slot, self._since = state["slot"] % SLOTS, state["since"]
        self.drawn = {
            runner: {team: list(slots) for team, slots in teams.items()}
            for runner, teams in state["drawn"].items()
            if runner in self._runners and all(len(s) == SLOTS for s in teams.values())
        }
