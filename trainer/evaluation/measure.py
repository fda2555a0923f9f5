"""Games of one team's present policy against several opponents, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from envs.hide_and_seek.config import HideAndSeekConfig
from trainer.evaluation.anchors import OTHER
from trainer.evaluation.ratings import DRAWN, LOST, WON, Rating
from trainer.ppo.matches import MatchBlock, Player, Segments

EVEN = 0.5
"""The share of the seeking steps at which nobody wins."""
SEED = 20_190_917
"""Of the games of an evaluation, whatever the seed of the run: runs can be compared by them."""


@dataclass(frozen=True)
class Opponent:
    """Whom a team meets.

    Attributes:
        name: as in the metrics; several may have the same.
        player: plays the other team.
        games: how many it is met in.
        rating: what the team is rated by; None: these games do not count for the rating.
    """

    name: str
    player: Player
    games: int
    rating: Rating | None = None


class TeamGames:
    """The games of a team: the same ones whenever they are played, in worlds that are kept."""

    def __init__(self, config: HideAndSeekConfig, team: str) -> None:
        """Prepares; the worlds are made with the first games.

        Args:
            config: the game.
            team: whose policy is measured.
        """
        self._config, self._team = config, team
        self._players: dict[str, Player] = {}
        self._games: tuple[int, ...] = ()
        self._block: MatchBlock | None = None

    def play(self, player: Player, opponents: Sequence[Opponent]) -> list[np.ndarray]:
        """Plays everybody.

        Args:
            player: of the team.
            opponents: whom it meets; game k is in the same world for all of them.

        Returns:
            By opponent, the team's share of the seeking steps in each game, [games] 0-1.
        """
        block, parts = self._started(player, opponents)
        while not block.finished.all():
            block.step()
        seen = block.stats()["seen_fraction"].astype(np.float64)
        shares = share_of(self._team, seen)
        return [shares[part] for part in parts]

    def try_out(self, player: Player, opponents: Sequence[Opponent]) -> None:
        """Plays one step of everybody."""
        self._started(player, opponents)[0].step()

    def _started(
        self, player: Player, opponents: Sequence[Opponent]
    ) -> tuple[MatchBlock, list[slice]]:
        """The worlds at the beginning of all games, and which of them are whose."""
        ends = list(accumulate((opponent.games for opponent in opponents), initial=0))
        parts = [slice(*pair) for pair in pairwise(ends)]
        others = [opponent.player for opponent in opponents]
        self._players[self._team] = player
        self._players[OTHER[self._team]] = Segments(list(zip(parts, others, strict=True)))
        block = self._worlds(tuple(opponent.games for opponent in opponents))
        block.start(0)
        return block, parts

    def _worlds(self, games: tuple[int, ...]) -> MatchBlock:
        if self._block is None or self._games != games:
            episodes = [episode for count in games for episode in range(count)]
            self._games = games
            self._block = MatchBlock(self._config, self._players, SEED, episodes)
        return self._block


def share_of(team: str, seen_fraction: np.ndarray) -> np.ndarray:
    """A team's share of the seeking steps of games [E]: those in which it sees, or is not seen."""
    return seen_fraction if team == "seeker" else 1.0 - seen_fraction


def outcome(share: float) -> float:
    """Of a game in which a team had this share of the seeking steps: won by the larger share."""
    return WON if share > EVEN else LOST if share < EVEN else DRAWN
