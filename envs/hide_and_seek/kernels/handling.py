"""Grabbing, letting go, locking and unlocking. One world at a time."""

from __future__ import annotations

from envs.hide_and_seek.kernels.constants import F1, NOBODY
from envs.hide_and_seek.kernels.jit import bare, inlined
from envs.hide_and_seek.kernels.presence import turns, whose_turn
from envs.hide_and_seek.kernels.targets import (
    grab_target,
    lock_target,
    locker,
    unlock_target,
    useful_bits,
)
from envs.hide_and_seek.spaces import GRAB, HEADS, LOCK, STAGES

_LET_GO, _HOLD = HEADS["grab"].index("let_go"), HEADS["grab"].index("hold")
_LOCK, _UNLOCK = HEADS["lock"].index("lock"), HEADS["lock"].index("unlock")
_LOCKS = STAGES.index("hider_locks_prep")


@inlined
def who_and_when(world, n, a, num_seekers):
    """Where agent a counts now among three `STAGES`: hiders preparing, hiders, seekers."""
    if a < num_seekers:
        return 2
    return 0 if world.time[n] < world.prep_steps[n] else 1


@inlined
def turn_key(world, objects, n, a, num_seekers, ramp_locks, choice):
    """Plays agent a's choice of the lock head. What gets locked falls out of its hands."""
    if choice == _LOCK:
        target = lock_target(world, objects, n, a, ramp_locks)
        if target >= 0:
            objects.lock_team[n, target] = locker(a, num_seekers)
            objects.stage[n, _LOCKS + who_and_when(world, n, a, num_seekers)] += F1
            if objects.holding[n, a] == target:
                objects.holding[n, a] = -1
    elif choice == _UNLOCK:
        target = unlock_target(world, objects, n, a, num_seekers)
        if target >= 0:
            objects.lock_team[n, target] = NOBODY


@inlined
def use_hands(world, objects, n, a, choice):
    """Plays agent a's choice of the grab head."""
    if choice != _HOLD:
        objects.holding[n, a] = -1
    elif objects.holding[n, a] < 0:
        objects.holding[n, a] = grab_target(world, objects, n, a)
        objects.grip[n, a] = world.heading[n, a]


@bare
def handle(world, objects, n, num_seekers, num_frozen, ramp_locks, actions):
    """Plays the lock heads and then the grab heads in world n, actions [A, H] int64.

    Another agent comes first in every step: of two that want one object, now one is faster, now
    the other. The first `num_frozen` agents and those who climb do nothing and hold nothing. A
    choice that was masked does nothing either, even if it could do something by now.
    """
    num_agents = actions.shape[0]
    useful = 0  # three bits for each agent
    for a in range(num_agents):
        useful |= useful_bits(world, objects, n, a, num_seekers, ramp_locks) << 3 * a
    count, end_seekers = turns(world.pos[n], num_seekers)
    for k in range(count):
        a = whose_turn(k, world.time[n], count, end_seekers, num_seekers)
        if a < num_frozen or objects.climb[n, a] > 0:
            objects.holding[n, a] = -1
            continue
        allowed = useful >> 3 * a
        if allowed >> actions[a, LOCK] & 1:
            turn_key(world, objects, n, a, num_seekers, ramp_locks, actions[a, LOCK])
        use_hands(world, objects, n, a, actions[a, GRAB] if allowed & 1 else _LET_GO)
