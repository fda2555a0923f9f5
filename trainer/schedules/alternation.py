"""Alternating training: one team learns while the other keeps its weights.

Knows neither Ray nor the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Alternation:
    """Whose turn it is.

    Attributes:
        teams: in the order in which they take turns.
        every: iterations of a turn; None: all teams always learn.
        turn: index of the team whose turn it is.
        done: iterations done in this turn.
        switches: how often the turn has changed.
    """

    teams: tuple[str, ...]
    every: int | None = None
    turn: int = 0
    done: int = 0
    switches: int = 0

    def trains(self, team: str) -> bool:
        """Whether this team learns in the present iteration."""
        return self.every is None or self.teams[self.turn] == team

    @property
    def since_switch(self) -> int | None:
        """Iterations done since the turn last changed; None if it never did."""
        return self.done if self.switches else None

    def advanced(self) -> Alternation:
        """The alternation after one more iteration."""
        if self.every is None:
            return self
        return replace(self, done=self.done + 1)._switched_if_due()

    def resumed(self, state: dict[str, Any] | None) -> Alternation:
        """This alternation at the saved turn; a turn that is shorter now may be over at once."""
        if state is None or self.every is None or state["team"] not in self.teams:
            return self
        turn = self.teams.index(state["team"])
        now = replace(self, turn=turn, done=int(state["done"]), switches=int(state["switches"]))
        return now._switched_if_due()

    def state(self) -> dict[str, Any] | None:
        """Plain values for `resumed`; None without alternation."""
        if self.every is None:
            return None
        return {"team": self.teams[self.turn], "done": self.done, "switches": self.switches}

    def _switched_if_due(self) -> Alternation:
        if self.every is None or self.done < self.every:
            return self
        turn = (self.turn + 1) % len(self.teams)
        return replace(self, turn=turn, done=0, switches=self.switches + 1)
