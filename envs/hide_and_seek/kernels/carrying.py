"""Agents that hold an object move with it as one piece. One world at a time."""

from __future__ import annotations

from envs.hide_and_seek.kernels.jit import bare


@bare
def carry(world, objects, n, num_seekers, actions, fixed, walls, num_walls):
    """Moves every holder in world n, its object and its plank's direction; sets fixed [A] there.

    walls [4, W]: `num_walls` walls, then the boxes, which are kept up to date.
    """
