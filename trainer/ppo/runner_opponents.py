"""The opponents of one runner: who plays in its worlds, with which earlier weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from envs.batch_env import TeamSpec
from trainer.opponents.meetings import LIVE, Meetings, Opponent
from trainer.opponents.seating import Seats, present_only, seats_of, slot_names
from trainer.ppo.frozen import empty_network, set_acting
from trainer.ppo.networks import ActorCritic, PolicySpec
from trainer.ppo.rollout import RolloutBatch


class RunnerOpponents:
    """Present policies play everywhere until `seat` is called.

    Attributes:
        networks: by player, of the earlier policies; none where there are no opponents.
        teams: by player, whom it plays.
        seats: who plays in the next rollout.
        held: by player, whose weights its network has.
        meetings: whom the episodes under way have been played against.
    """

    def __init__(
        self, teams: Sequence[TeamSpec], specs: Mapping[str, PolicySpec], num_envs: int
    ) -> None:
        """Makes room for the weights.

        Args:
            teams: who plays.
            specs: of their networks, by team; empty: there are no opponents.
            num_envs: worlds of the runner.
        """
        self._num_envs = num_envs
        self.teams = {player: team for team in specs for player in slot_names(team)}
        self.networks: dict[str, ActorCritic] = {
            player: empty_network(specs[team]) for player, team in self.teams.items()
        }
        self.held: dict[str, Opponent] = {}
        self._opponents: dict[str, Opponent] = {}
        self.seats: Seats = present_only([spec.name for spec in teams], num_envs)
        self.meetings = Meetings(num_envs)
        if specs:
            self.seats = seats_of(num_envs, dict.fromkeys(specs, 0))

    def seat(self, frozen: dict[str, int], opponents: dict[str, Opponent]) -> set[Opponent]:
        """Sets who plays from the next rollout on.

        Args:
            frozen: by team, the number of worlds where an earlier policy plays it.
            opponents: by player.

        Returns:
            Those whose weights this runner lacks; `take` must follow for them.
        """
        self.seats = seats_of(self._num_envs, frozen)
        self._opponents = opponents
        return {who for player, who in opponents.items() if self.held.get(player) != who}

    def take(self, weights: Mapping[Opponent, Mapping[str, np.ndarray]]) -> None:
        """Takes over the weights that `seat` has asked for."""
        for player, who in self._opponents.items():
            if self.held.get(player) != who:
                set_acting(self.networks[player], weights[who])
                self.held[player] = who

    def is_present(self, player: str) -> bool:
        """Whether this player is a team's present policy."""
        return player not in self.networks

    def earlier_at(self, world: int) -> dict[str, int]:
        """By team that an earlier policy plays in a world, the iteration of that policy."""
        return {
            team: self._opponents[seat.player].iteration
            for team, seats in self.seats.items()
            for seat in seats
            if seat.first <= world < seat.end and not self.is_present(seat.player)
        }

    def settle(self, batch: RolloutBatch) -> np.ndarray:
        """Takes what earlier policies did out of a rollout: nobody learns from it.

        The last observations, from which the next rollout starts, stay as they are.

        Returns:
            [K] the meetings of the episodes that ended, by step and then by world.
        """
        now = np.full(self._num_envs, LIVE)
        for team, seats in self.seats.items():
            for seat in seats:
                if not self.is_present(seat.player) and seat.first < seat.end:
                    now[seat.first : seat.end] = self._opponents[seat.player].meeting
                    batch.teams[team].valid[:-1, seat.first : seat.end] = False
        return self.meetings.play(now, batch.dones)
