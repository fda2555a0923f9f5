"""What an agent would grab, lock or unlock now: asked by `handling` and for the action mask.

Objects 0 to 5 are the bits of a number. An agent on the ground that is not frozen has to be asked
about; for the others `Objects.near` is 0 and nothing is in hand.
"""

from __future__ import annotations

from envs.hide_and_seek.kernels.constants import F0, FAR, HIDERS, NOBODY, SEEKERS
from envs.hide_and_seek.kernels.jit import inlined
from envs.hide_and_seek.spaces import BOX_SLOTS, NUM_OBJECTS

BOX_BITS = (1 << BOX_SLOTS) - 1
RAMP_BITS = (1 << NUM_OBJECTS) - 1 - BOX_BITS


@inlined
def locker(a, num_seekers):
    """The team of agent a as `Objects.lock_team` names it."""
    return SEEKERS if a < num_seekers else HIDERS


@inlined
def gap_squared(rect, x, y):
    """The square of the distance from a place to the nearest point of rect [4]; 0 inside."""
    gap_x = max(abs(x - rect[0]) - rect[2], F0)
    gap_y = max(abs(y - rect[1]) - rect[3], F0)
    return gap_x * gap_x + gap_y * gap_y


@inlined
def nearest_point(rect, x, y, inside):
    """The point of rect [4], drawn in by `inside` meters on all sides, that is nearest to x, y."""
    half_x, half_y = rect[2] - inside, rect[3] - inside
    near_x = min(max(x, rect[0] - half_x), rect[0] + half_x)
    near_y = min(max(y, rect[1] - half_y), rect[1] + half_y)
    return near_x, near_y


@inlined
def held_bits(holding):
    """The objects that some agent of holding [A] has in hand."""
    bits = 0
    for a in range(holding.shape[0]):
        if holding[a] >= 0:
            bits |= 1 << holding[a]
    return bits


@inlined
def locked_bits(lock_team, team):
    """The objects of lock_team [6] that `team` has locked; NOBODY: those that are open."""
    bits = 0
    for k in range(NUM_OBJECTS):
        if lock_team[k] == team:
            bits |= 1 << k
    return bits


@inlined
def ramps_stood_on(rects, pos):
    """The ramps of rects [6, 4] with the middle of some agent of pos [A, 2] on them."""
    bits = 0
    for k in range(BOX_SLOTS, NUM_OBJECTS):
        for a in range(pos.shape[0]):
            if gap_squared(rects[k], pos[a, 0], pos[a, 1]) == F0:
                bits |= 1 << k
    return bits


@inlined
def nearest_of(bits, rects, x, y):
    """The object of `bits` whose nearest point is nearest to x, y, -1 if there is none."""
    found, least = -1, FAR
    for k in range(NUM_OBJECTS):
        if bits >> k & 1:
            gap = gap_squared(rects[k], x, y)
            if gap < least:
                found, least = k, gap
    return found


@inlined
def grab_target(world, objects, n, a):
    """What agent a of world n has in hand after the choice "hold", -1 = nothing."""
    if objects.holding[n, a] >= 0:
        return objects.holding[n, a]
    bits = objects.near[n, a]
    if bits == 0:
        return -1
    pos, rects = world.pos[n], objects.object_rect[n]
    bits &= locked_bits(objects.lock_team[n], NOBODY) & ~held_bits(objects.holding[n])
    if bits & RAMP_BITS:
        bits &= ~ramps_stood_on(rects, pos)
    return nearest_of(bits, rects, pos[a, 0], pos[a, 1])


@inlined
def lock_target(world, objects, n, a, ramp_locks):
    """What agent a of world n would lock, -1 = nothing; ramps only if `ramp_locks`."""
    lockable = BOX_BITS | RAMP_BITS if ramp_locks else BOX_BITS
    held = objects.holding[n, a]
    if held >= 0 and lockable >> held & 1:
        return held
    bits = objects.near[n, a] & lockable
    if bits == 0:
        return -1
    bits &= locked_bits(objects.lock_team[n], NOBODY) & ~held_bits(objects.holding[n])
    return nearest_of(bits, objects.object_rect[n], world.pos[n, a, 0], world.pos[n, a, 1])


@inlined
def unlock_target(world, objects, n, a, num_seekers):
    """What agent a of world n would unlock, -1 = nothing."""
    bits = objects.near[n, a]
    if bits == 0:
        return -1
    bits &= locked_bits(objects.lock_team[n], locker(a, num_seekers))
    return nearest_of(bits, objects.object_rect[n], world.pos[n, a, 0], world.pos[n, a, 1])


@inlined
def useful_bits(world, objects, n, a, num_seekers, ramp_locks):
    """What would do something for agent a of world n now: 1 to hold, 2 to lock, 4 to unlock."""
    bits = 1 if grab_target(world, objects, n, a) >= 0 else 0
    bits |= 2 if lock_target(world, objects, n, a, ramp_locks) >= 0 else 0
    bits |= 4 if unlock_target(world, objects, n, a, num_seekers) >= 0 else 0
    return bits
