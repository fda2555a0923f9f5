"""Who plays in which worlds of a runner: present policies, and earlier ones as opponents.

The first team's earlier policies play in the first worlds, the other's in the last ones, and the
present policies in all others. So the worlds that a present policy learns from lie side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

SLOTS = 2
"""Earlier policies of a team that a runner plays at a time."""


class Seat(NamedTuple):
    """Some worlds in which one policy plays a team.

    Attributes:
        player: the team's name for its present policy, else of `slot_names`.
        first: the first of the worlds.
        end: the first that is no longer one of them; `first` if there are none.
    """

    player: str
    first: int
    end: int


Seats = dict[str, tuple[Seat, ...]]
"""By team, always as many: the present policy's, and one for each slot if there are opponents."""


def slot_names(team: str) -> tuple[str, ...]:
    """What the earlier policies of a team are called as players."""
    return tuple(f"{team}#{slot}" for slot in range(SLOTS))


def frozen_counts(num_envs: int, share: float, learns: Mapping[str, bool]) -> dict[str, int]:
    """The number of worlds in which an earlier policy plays a team.

    Half of the share for each team that both learn; all of it goes to the opponents of a team that
    learns alone.

    Args:
        num_envs: worlds of the runner.
        share: of the worlds, 0-1.
        learns: by team, whether its present policy learns.
    """
    one, other = learns
    if learns[one] and learns[other]:
        return dict.fromkeys(learns, round(share * num_envs / 2))
    return {team: 0 if learns[team] else round(share * num_envs) for team in learns}


def seats_of(num_envs: int, frozen: Mapping[str, int]) -> Seats:
    """Who plays where.

    Args:
        num_envs: worlds of the runner.
        frozen: of `frozen_counts`, the first team first.
    """
    first, last = frozen
    begin, end = frozen[first], num_envs - frozen[last]
    return {
        first: (Seat(first, begin, num_envs), *_slots(first, 0, begin)),
        last: (Seat(last, 0, end), *_slots(last, end, num_envs)),
    }


def present_only(teams: Iterable[str], num_envs: int) -> Seats:
    """The seats without opponents: every team's present policy plays everywhere."""
    return {team: (Seat(team, 0, num_envs),) for team in teams}


def within(seats: Iterable[Seat], worlds: slice) -> list[Seat]:
    """The share of the seats in some of the worlds; seats without any stay, empty."""
    cut = []
    for seat in seats:
        first = min(max(seat.first, worlds.start), worlds.stop)
        cut.append(Seat(seat.player, first, max(first, min(seat.end, worlds.stop))))
    return cut


def _slots(team: str, first: int, end: int) -> list[Seat]:
    """The seats of the earlier policies of a team, nearly equal."""
    edges = [first + (end - first) * slot // SLOTS for slot in range(SLOTS + 1)]
    return [Seat(name, *edges[slot : slot + 2]) for slot, name in enumerate(slot_names(team))]
