"""Which objects an agent sees, and which are in its reach. One world at a time."""

from __future__ import annotations

from envs.hide_and_seek.kernels.jit import bare


@bare
def look_at_objects(world, objects, n, num_blind, rules, walls, num_walls):
    """Fills objects.sees_objects[n] and objects.near[n], a bit for each object."""
