"""What the present policies are worth, by games against opponents that do not learn.

    evaluator = Evaluator(config)
    numbers, ratings = evaluator.measure(networks, pools, ratings)
    numbers["evaluation/score"]

An evaluation is a function of the policies, the pools, the ratings before it and the configuration:
the games are always the same ones, and no random stream of the training is touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import fmean
from typing import NamedTuple

import torch

from envs.hide_and_seek.config import ResolvedConfig
from envs.hide_and_seek.players.anchors import RANDOM
from trainer.checkpoints.metadata import SCORE, evaluation_key
from trainer.config.engine import engine_of
from trainer.config.evaluation_keys import PAST
from trainer.config.schema import Config
from trainer.evaluation.anchors import OTHER, make_anchor
from trainer.evaluation.measure import Opponent, TeamGames, outcome
from trainer.evaluation.players import make_policy_player
from trainer.evaluation.ratings import START, Rating, handicap, rate
from trainer.opponents.pool import Member, Pool
from trainer.ppo.frozen import frozen_network
from trainer.ppo.matches import Player
from trainer.ppo.networks import ActorCritic, one_thread

SCRIPTED_PART = 4
"""A scripted player is met in one of so many games: it plans a walk through the arena at every
step, and takes dozens of times as long as a network."""


RATED_GAMES = 32
"""Games against each opponent that count for a rating; more take time and hardly move it."""


class Evaluation(NamedTuple):
    """What was measured.

    Attributes:
        numbers: by their key in the metrics.
        ratings: of the present policies, by team.
    """

    numbers: dict[str, float]
    ratings: dict[str, Rating]


class Evaluator:
    """Plays the games of an evaluation; its worlds and players are kept from one to the next."""

    def __init__(self, config: Config) -> None:
        """Builds the players.

        Args:
            config: of a run that is evaluated (`Config.opponents_met`).
        """
        self._config, self._settings = config, config.evaluation
        self._threads = config.train.threads
        self._anchors = {
            team: {name: make_anchor(name, OTHER[team]) for name in names if name != PAST}
            for team, names in config.opponents_met.items()
        }
        self._past: dict[tuple[str, int], Player] = {}
        self._engine = engine_of(config)
        game = game_of(config)
        self._specs = {spec.name: spec for spec in game.spec.teams}
        self._games = {team: TeamGames(game, team) for team in self._anchors}
        self._handicaps: dict[str, float] = {}

    def prepare(self) -> None:
        """Has all players act once: scripted ones are compiled at their first step."""
        for team, players in self._anchors.items():
            met = [Opponent(name, player, 1) for name, player in players.items()]
            self._games[team].try_out(make_anchor(RANDOM, team), met)

    def measure(
        self,
        networks: Mapping[str, ActorCritic],
        pools: Mapping[str, Pool],
        ratings: Mapping[str, Sequence[float]],
    ) -> Evaluation:
        """Plays all games.

        Args:
            networks: the present policies by team.
            pools: earlier policies by team; a team may be missing.
            ratings: by team, the mean and deviation that the last evaluation gave; a team may be
                missing.
        """
        if not self._handicaps:
            self._handicaps = self._measured_handicaps()
        opponents = {team: self._opponents(team, networks, pools) for team in self._games}
        players = {
            team: make_policy_player(networks[team], self._specs[team], self._engine)
            for team in self._games
        }

        def play(team: str) -> list:
            torch.set_num_threads(1)  # of this thread
            return self._games[team].play(players[team], opponents[team])

        with one_thread(), ThreadPoolExecutor(min(self._threads, len(opponents))) as threads:
            shares = dict(zip(opponents, threads.map(play, opponents), strict=True))
        numbers: dict[str, float] = {}
        rated: dict[str, Rating] = {}
        for team, met in opponents.items():
            named: dict[str, list[float]] = {}
            for opponent, found in zip(met, shares[team], strict=True):
                named.setdefault(opponent.name, []).extend(found.tolist())
            means = {name: fmean(values) for name, values in named.items()}
            fixed = fmean(mean for name, mean in means.items() if name != PAST)
            numbers[f"evaluation/{team}"] = fixed
            numbers |= {evaluation_key(team, name): mean for name, mean in means.items()}
            before = ratings.get(team, START)
            player, extra = Rating(before[0], START.sigma), self._handicaps[team]
            rated[team] = _rated(player, met, shares[team], extra)
            numbers[f"evaluation/{team}_rating"] = rated[team].mu
        numbers[SCORE] = fmean(numbers[f"evaluation/{team}"] for team in opponents)
        return Evaluation(numbers, rated)

    def _measured_handicaps(self) -> dict[str, float]:
        """By team, what makes random players of both sides equal to each other, as START."""
        random = Opponent(RANDOM, make_anchor(RANDOM, "hider"), self._settings.games)
        games = TeamGames(game_of(self._config), "seeker")
        (shares,) = games.play(make_anchor(RANDOM, "seeker"), [random])
        won = [outcome(share) for share in shares[:RATED_GAMES]]
        return {"seeker": handicap(won), "hider": handicap([1.0 - points for points in won])}

    def _opponents(
        self, team: str, networks: Mapping[str, ActorCritic], pools: Mapping[str, Pool]
    ) -> list[Opponent]:
        """Everybody that a team meets now."""
        games, other = self._settings.games, OTHER[team]
        found = []
        for name, player in self._anchors[team].items():
            rating = START if name == RANDOM else None
            count = games if name == RANDOM else max(1, games // SCRIPTED_PART)
            found.append(Opponent(name, player, count, rating))
        members = pools[other].members if other in pools else ()
        past = {}
        for member in spread(members, self._settings.past):
            key = other, member.iteration
            if key not in self._past:
                network = frozen_network(networks[other].spec, member.weights)
                self._past[key] = make_policy_player(network, self._specs[other], self._engine)
            past[key] = self._past[key]
            found.append(Opponent(PAST, past[key], games, Rating(member.mu, member.sigma)))
        self._past = {key: player for key, player in self._past.items() if key[0] != other} | past
        return found


def game_of(config: Config) -> ResolvedConfig:
    """The game that a run is evaluated in: the last level of a curriculum, nothing scheduled."""
    env = config.env
    return (env if env.curriculum is None else env.at_level(env.levels[-1])).resolved()


def spread(members: Sequence[Member], count: int) -> list[Member]:
    """So many of a pool's members, newest first: the newest, the oldest, and some between."""
    last, count = len(members) - 1, min(count, len(members))
    return [members[last - (k * last) // max(count - 1, 1)] for k in range(count)]


def _rated(player: Rating, opponents: Sequence[Opponent], shares: Sequence, extra: float) -> Rating:
    """The rating after the games that count, by turns against each opponent.

    extra: points on the opponents' ratings for the difference between the sides of the game.
    """
    counted = [
        [
            (Rating(opponent.rating.mu + extra, opponent.rating.sigma), outcome(share))
            for share in found[:RATED_GAMES]
        ]
        for opponent, found in zip(opponents, shares, strict=True)
        if opponent.rating is not None
    ]
    return rate(player, [game for turn in zip(*counted, strict=True) for game in turn])
