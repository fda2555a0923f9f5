"""Grabbing, letting go, locking and unlocking. One world at a time."""

from __future__ import annotations

from envs.hide_and_seek.kernels.jit import bare


@bare
def handle(world, objects, n, num_seekers, num_frozen, ramp_locks, actions):
    """Plays the grab and lock heads in world n. actions [A, H] int64."""
