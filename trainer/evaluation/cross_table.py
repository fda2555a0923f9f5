"""Every seeker against every hider, on the same games.

    table = CrossTable.empty(("old", "new"), ("old", "random"))
    for pairing, stats in play_pairings(config, seekers, hiders, games=256, seed=0):
        table.add(pairing, stats)

Letters: S seekers, H hiders, E games.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import product
from threading import Event
from typing import NamedTuple

import numpy as np
import torch

from envs.hide_and_seek.config import HideAndSeekConfig
from trainer.config.usable_cores import usable_cores
from trainer.evaluation.measure import EVEN, share_of
from trainer.evaluation.nash import Equilibrium, equilibrium
from trainer.evaluation.proportions import Interval, wilson
from trainer.evaluation.table_ratings import TableRatings, rate_table
from trainer.ppo.matches import MatchBlock, Player, Stats, play_blocks

_LOOK = 0.2  # seconds between two looks at whether to stop

Pairing = tuple[int, int]  # the row of the seekers, the column of the hiders
Maker = Callable[[], Player]
"""Makes a player of its own for each pairing: scripted ones remember things."""


class Outcomes(NamedTuple):
    """How many games the seekers won, drew and lost."""

    won: int
    drawn: int
    lost: int

    @classmethod
    def of(cls, seen_fraction: np.ndarray) -> Outcomes:
        """Of games [E], by the share of the seeking steps in which a hider was in sight."""
        won, lost = (seen_fraction > EVEN).sum(), (seen_fraction < EVEN).sum()
        return cls(int(won), len(seen_fraction) - int(won + lost), int(lost))

    @property
    def games(self) -> int:
        return sum(self)

    @property
    def win_rate(self) -> Interval:
        """The seekers' share of the games with its 95% interval; a draw is half a game."""
        return self.win_rate_of("seeker")

    def win_rate_of(self, team: str) -> Interval:
        """The same for a team."""
        wins = self.won if team == "seeker" else self.lost
        return wilson(wins + 0.5 * self.drawn, self.games)


@dataclass(frozen=True)
class Cell:
    """A pairing.

    Attributes:
        stats: of its games, [E] each, in their order.
    """

    stats: Stats

    @property
    def games(self) -> int:
        return len(self.stats["seen_fraction"])

    @property
    def outcomes(self) -> Outcomes:
        return Outcomes.of(self.stats["seen_fraction"])

    def mean(self, name: str) -> float:
        """The mean of a statistic over the games."""
        return float(self.stats[name].mean(dtype=np.float64))

    def standard_error(self, name: str) -> float | None:
        """How far the mean of a statistic is from that of infinitely many games, one sigma."""
        return standard_error(self.stats[name])

    def share_of(self, team: str) -> np.ndarray:
        """A team's share of the seeking steps, [E]."""
        return share_of(team, self.stats["seen_fraction"])


def standard_error(values: np.ndarray) -> float | None:
    """How far the mean of values [E] is from that of infinitely many; None: not known of one."""
    if len(values) == 1:
        return None
    return float(values.std(dtype=np.float64, ddof=1) / np.sqrt(len(values)))


@dataclass
class CrossTable:
    """The cells of a table so far.

    Attributes:
        seekers, hiders: the names of the players, by row and column.
        cells: by pairing; one whose games have not been played is missing.
    """

    seekers: tuple[str, ...]
    hiders: tuple[str, ...]
    cells: dict[Pairing, Cell]

    @classmethod
    def empty(cls, seekers: Sequence[str], hiders: Sequence[str]) -> CrossTable:
        return cls(tuple(seekers), tuple(hiders), {})

    def add(self, pairing: Pairing, stats: Stats) -> None:
        """Puts in the games of a pairing."""
        self.cells[pairing] = Cell(stats)

    @property
    def is_complete(self) -> bool:
        return len(self.cells) == len(self.seekers) * len(self.hiders)

    def means(self, name: str) -> np.ndarray:
        """[S, H] float64, the mean of a statistic in each cell; nan in a missing one."""
        found = np.full((len(self.seekers), len(self.hiders)), np.nan)
        for pairing, cell in self.cells.items():
            found[pairing] = cell.mean(name)
        return found

    def ratings(self, anchor: str) -> TableRatings:
        """Everybody's rating, by the games there are; those of the player `anchor` are fixed."""
        counts = np.zeros((len(self.seekers), len(self.hiders), 3), int)
        for pairing, cell in self.cells.items():
            counts[pairing] = cell.outcomes
        places = (
            names.index(anchor) if anchor in names else None
            for names in (self.seekers, self.hiders)
        )
        return rate_table(counts, *places)

    def nash(self) -> Equilibrium | None:
        """The equilibrium of a complete table, by the share of the steps in sight, else None."""
        return equilibrium(self.means("seen_fraction")) if self.is_complete else None


def play_pairings(
    config: HideAndSeekConfig,
    seekers: Sequence[Maker],
    hiders: Sequence[Maker],
    games: int,
    seed: int,
    *,
    told: Callable[[int], None] = lambda played: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Pairing, Stats]]:
    """Plays games 0 to `games` - 1 of a seed for every pairing, several pairings side by side.

    A pairing's games are those of `play_matches`, whoever else is in the table.

    Args:
        config: the game.
        seekers, hiders: who plays.
        games: of each pairing.
        seed: which games.
        told: called in this thread with the number of games played so far, many times.
        stopped: whether to leave; pairings under way then come with the games they have, if any.

    Yields:
        Each pairing with its figures, as soon as it is played.
    """
    played = [0] * (len(seekers) * len(hiders))
    left = Event()  # nobody waits for more, after an error or a second Ctrl-C

    def leaves() -> bool:
        return left.is_set() or stopped()

    def play(number: int, pairing: Pairing) -> tuple[Pairing, Stats | None]:
        row, column = pairing
        players = {"seeker": seekers[row](), "hider": hiders[column]()}
        parts = []
        for part in play_blocks(MatchBlock(config, players, seed), games, leaves):
            parts.append(part)
            played[number] += len(part["length"])
        if not parts:
            return pairing, None
        return pairing, {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    threads = torch.get_num_threads()
    workers = usable_cores()  # a block of worlds keeps one busy, outside of the GIL
    pairings = list(product(range(len(seekers)), range(len(hiders))))
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        waiting: set[Future[tuple[Pairing, Stats | None]]]
        waiting = {pool.submit(play, number, pair) for number, pair in enumerate(pairings)}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=_LOOK, return_when=FIRST_COMPLETED)
                told(sum(played))
                for future in done:
                    pairing, stats = future.result()
                    if stats is not None:
                        yield pairing, stats
        finally:
            left.set()
            pool.shutdown(wait=False, cancel_futures=True)
            torch.set_num_threads(threads)  # some of its libraries have one number for all threads
