"""Who takes part in the episode of a world: teams may be smaller in one than in the next.

Of each team the first ones do. The others lie at NOWHERE until it ends, as absent objects do.
"""

from __future__ import annotations

from envs.hide_and_seek.kernels.constants import F0
from envs.hide_and_seek.kernels.jit import bare, inlined
from envs.hide_and_seek.kernels.random_stream import next_below


@inlined
def is_there(pos, a):
    """Whether agent a takes part, pos [A, 2]."""
    return pos[a, 0] >= F0


@bare
def _end_of(pos, first, end):
    """The end of those who take part, of a team that has the agents `first` to `end`."""
    while end > first and not is_there(pos, end - 1):
        end -= 1
    return end


@inlined
def team_ends(pos, num_seekers):
    """The end of the seekers and the end of the hiders who take part, pos [A, 2]."""
    return _end_of(pos, 0, num_seekers), _end_of(pos, num_seekers, pos.shape[0])


@inlined
def turns(pos, num_seekers):
    """How many of both teams take part, and the end of the seekers among them."""
    end_seekers, end_hiders = team_ends(pos, num_seekers)
    return end_seekers + end_hiders - num_seekers, end_seekers


@inlined
def whose_turn(k, time, count, end_seekers, num_seekers):
    """The agent who comes k-th in a step, of `turns`: everybody in turn comes first."""
    place = (k + time) % count
    return place if place < end_seekers else place + num_seekers - end_seekers


@bare
def draw_size(stream, n, fewest, most):
    """How many of a team take part in world n's next episode; with one size nothing is drawn."""
    return most if fewest >= most else fewest + next_below(stream, n, most - fewest + 1)
