"""Agents on a ramp walk over obstacles for some steps. One world at a time."""

from __future__ import annotations

from envs.hide_and_seek.kernels.jit import bare


@bare
def climb(world, objects, n, num_seekers, walls, num_walls):
    """After the movement in world n: who is up, who has to come down, who has crossed."""
