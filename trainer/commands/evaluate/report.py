"""What a table says: lines for people, and the same as plain values."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from envs.hide_and_seek.config import ResolvedConfig
from trainer.commands.evaluate.contestants import Contestant
from trainer.commands.players.game import describe
from trainer.commands.players.names import RANDOM
from trainer.commands.tables import Column, aligned
from trainer.evaluation.cross_table import Cell, CrossTable
from trainer.evaluation.nash import Equilibrium
from trainer.evaluation.proportions import Interval
from trainer.evaluation.ratings import START, Rating
from trainer.evaluation.table_ratings import TableRatings
from trainer.reporting.formatting import UNKNOWN, plural
from trainer.reporting.terminal import Style

SHOWN = {
    "seen": "Seen: share of the steps of seeking",
    "won": "Won by the seekers: percent of the games, with the 95% interval",
    "first": "First seen at: step of seeking (never seen = {})",
}
_FOOT = (
    "Rows are seekers, columns are hiders; every pairing plays the same games.",
    "Seekers win a game if a hider is seen in more than half of the steps of seeking.",
    "Nash: share seen (seekers) or unseen (hiders) against the other side's best mix; mix: its",
    "share of that mix. docs/evaluation.md says what the ratings mean.",
)


@dataclass(frozen=True)
class Report:
    """A played table.

    Attributes:
        people: who took part, in the order of the command line.
        table: its rows and columns are those of them that can play the team.
        game: what was played.
        games: of each pairing.
        seed: which games.
        explore: whether policies sampled their actions.
    """

    people: Sequence[Contestant]
    table: CrossTable
    game: ResolvedConfig
    games: int
    seed: int
    explore: bool

    @cached_property
    def ratings(self) -> TableRatings:
        return self.table.ratings(RANDOM)

    @cached_property
    def nash(self) -> Equilibrium | None:
        return self.table.nash()

    @property
    def seeking(self) -> int:
        return self.game.episode_steps - self.game.prep_steps

    @property
    def actions(self) -> str:
        """How policies chose their actions."""
        return "sampled" if self.explore else "most likely"

    @property
    def owner(self) -> str | None:
        """Whose game is played; None: the configuration file's."""
        return next((p.name for p in self.people if p.game is not None), None)

    def head(self) -> list[str]:
        """What is played, a line each; for the beginning."""
        whose = f"that of {self.owner}" if self.owner else "of the configuration file"
        size = f"{len(self.table.seekers)} x {len(self.table.hiders)}"
        how = f"seed {self.seed}, {self.actions} actions"
        return [
            f"game    {describe(self.game)} ({whose})",
            f"games   {self.games} of each pairing, {size}, {how}",
            *(f"note    {note}" for note in self.notes()),
        ]

    def notes(self) -> list[str]:
        """What a reader should know about the players."""
        found = []
        for person in self.people:
            if person.selected or (person.by_path and person.name != person.address):
                found.append(f"{person.name} is {person.address}")
            for alias in person.aliases:
                found.append(f"{alias} is the same checkpoint as {person.name}")
            if person.game is not None and person.game.title != self.game.title:
                found.append(f"{person.name} was trained on {person.game.title}")
        return found

    def lines(self, style: Style) -> list[str]:
        """The tables."""
        first = SHOWN["first"].format(self.seeking)
        return [
            style.paint(SHOWN["seen"], "1"),
            *self._cells(_seen),
            "",
            style.paint(SHOWN["won"], "1"),
            *self._cells(_won),
            "",
            style.paint(first, "1"),
            *self._cells(_first),
            "",
            style.paint("Ratings", "1"),
            *self._ratings(),
            "",
            *self._summary(),
            *_FOOT,
        ]

    def as_dict(self) -> dict[str, Any]:
        """Everything, as strict JSON values."""
        table = self.table
        return {
            "game": {"of": self.owner, **self.game.model_dump(mode="json")},
            "games": self.games,
            "seed": self.seed,
            "actions": self.actions,
            "complete": table.is_complete,
            "notes": self.notes(),
            "seekers": self._players("seeker"),
            "hiders": self._players("hider"),
            "nash_value": None if self.nash is None else self.nash.value,
            "balance": self.ratings.balance,
            "cells": [
                {
                    "seeker": table.seekers[row],
                    "hider": table.hiders[column],
                    **_cell_values(table.cells[row, column]),
                }
                for row, column in sorted(table.cells)
            ],
        }

    def _cells(self, shown: Callable[[Cell], str]) -> list[str]:
        """A row for each seeker, a column for each hider."""

        def cell(column: int, row: int) -> str:
            found = self.table.cells.get((row, column))
            return UNKNOWN if found is None else shown(found)

        columns: list[Column[int]] = [Column("", self.table.seekers.__getitem__, text=True)]
        columns += [Column(name, partial(cell, k)) for k, name in enumerate(self.table.hiders)]
        lines = aligned(columns, range(len(self.table.seekers)), gap="   ", width=_width())
        return [f"  {line}".rstrip() for line in lines]

    def _ratings(self) -> list[str]:
        """A row for each player, with columns for both of the teams that it can play."""
        known = {team: {p["name"]: p for p in self._players(team)} for team in ("seeker", "hider")}

        def value(team: str, show: Callable[[Mapping[str, Any]], str], who: Contestant) -> str:
            found = known[team].get(who.name)
            return UNKNOWN if found is None else show(found)

        columns: list[Column[Contestant]] = [Column("", lambda who: who.name, text=True)]
        for team in known:
            columns += [
                Column(f"as {team}", partial(value, team, _rating)),
                Column("Nash", partial(value, team, _nash), optional=True),
                Column("mix", partial(value, team, _mix), optional=True),
            ]
        return [f"  {line}".rstrip() for line in aligned(columns, self.people, gap="   ")]

    def _summary(self) -> list[str]:
        balance = f"{self.ratings.balance:+.1f}"
        lines = [f"Balance of the game for the seekers: {balance} points of rating."]
        if self.nash is not None:
            value = f"{self.nash.value:.1%}"
            lines.append(f"Both sides at their best mix: a hider is seen in {value} of the steps.")
        return lines

    def _players(self, team: str) -> list[dict[str, Any]]:
        """The players of a team as plain values."""
        table, nash = self.table, self.nash
        if team == "seeker":
            names, ratings = table.seekers, self.ratings.seekers
            scores = None if nash is None else (nash.row_payoffs, nash.rows)
        else:
            names, ratings = table.hiders, self.ratings.hiders
            scores = None if nash is None else (1.0 - nash.column_payoffs, nash.columns)
        people = {person.name: person for person in self.people}
        return [
            {
                "name": name,
                "checkpoint": people[name].address,
                "trained_on": _title(people[name].game),
                "rating": {
                    "mu": ratings[k].mu,
                    "sigma": ratings[k].sigma,
                    "fixed": ratings[k] == START and name == RANDOM,
                },
                "nash": None
                if scores is None
                else {"score": float(scores[0][k]), "mix": float(scores[1][k])},
            }
            for k, name in enumerate(names)
        ]


def _width() -> int | None:
    """The characters of a line of the terminal, without the margin; a pipe has no width."""
    return shutil.get_terminal_size().columns - 2 if sys.stdout.isatty() else None


def _title(game: ResolvedConfig | None) -> str | None:
    return None if game is None else game.title


def in_percent(interval: Interval, sign: str = "") -> str:
    """A share and its interval, `41% [29, 53]`; `sign`: of the percent."""
    share, low, high = interval
    return f"{100 * share:.0f}{sign} [{100 * low:.0f}, {100 * high:.0f}]"


def _seen(cell: Cell) -> str:
    return f"{cell.mean('seen_fraction'):.3f}"


def _won(cell: Cell) -> str:
    return in_percent(cell.outcomes.win_rate)


def _first(cell: Cell) -> str:
    return f"{cell.mean('first_seen_step'):.1f}"


def _rating(player: Mapping[str, Any]) -> str:
    rating = player["rating"]
    if rating["fixed"]:
        return f"{rating['mu']:.1f} fixed"
    return shown_rating(Rating(rating["mu"], rating["sigma"]))


def shown_rating(rating: Rating) -> str:
    """A rating and its standard deviation."""
    return f"{rating.mu:.1f} ± {rating.sigma:.1f}"


def _nash(player: Mapping[str, Any]) -> str:
    return UNKNOWN if player["nash"] is None else f"{player['nash']['score']:.3f}"


def _mix(player: Mapping[str, Any]) -> str:
    return UNKNOWN if player["nash"] is None else f"{player['nash']['mix']:.0%}"


def _cell_values(cell: Cell) -> dict[str, Any]:
    """A pairing as plain values."""
    outcomes = cell.outcomes
    return {
        "games": cell.games,
        "seen_fraction": cell.mean("seen_fraction"),
        "seen_fraction_standard_error": cell.standard_error("seen_fraction"),
        "seeker_wins": outcomes.won,
        "draws": outcomes.drawn,
        "hider_wins": outcomes.lost,
        "win_rate": outcomes.win_rate._asdict(),
        "first_seen_step": cell.mean("first_seen_step"),
        "perfect_hide": cell.mean("perfect_hide"),
        "seeker_return": cell.mean("seeker_return"),
        "hider_return": cell.mean("hider_return"),
    }


def left_early(table: CrossTable, games: int) -> str:
    """How much of a table there is after Ctrl-C."""
    whole = sum(cell.games == games for cell in table.cells.values())
    pairings = len(table.seekers) * len(table.hiders)
    return f"left after {whole} of {plural(pairings, 'pairing')}; the others are shown so far"
