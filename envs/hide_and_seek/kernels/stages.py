"""Doors that are blocked, shelters that are sealed. One world at a time."""

from __future__ import annotations

from envs.hide_and_seek.kernels.jit import bare


@bare
def note_stage(world, objects, n, rules, layouts, ended, walls, num_walls):
    """Fills what `STAGES` counts at the end of the preparation, or of the episode."""
