"""Errors that name what is wrong with the boxes and ramps of a state."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from envs.hide_and_seek.kernels.constants import (
    ARENA,
    CLIMB_STEPS,
    HIDERS,
    NOBODY,
    NUM_HEADINGS,
    PLANK_LONG,
)
from envs.hide_and_seek.kernels.state import allocate_objects
from envs.hide_and_seek.setting_types import MAX_STEPS
from envs.hide_and_seek.spaces import NUM_OBJECTS

_ROUNDING = 1e-3
_MOST_COUNTED = 10.0 * MAX_STEPS  # meters, locks or crossings of an episode
_BOUNDS = {
    "lock_team": (NOBODY, HIDERS),
    "holding": (-1, NUM_OBJECTS - 1),
    "grip": (0, NUM_HEADINGS - 1),
    "climb": (0, CLIMB_STEPS),
    "near": (0, 2**NUM_OBJECTS - 1),
    "sees_objects": (0, 2**NUM_OBJECTS - 1),
    "stage": (0, _MOST_COUNTED),
}


def check_objects(state: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError unless a kernel can play on with the objects of a state.

    state: arrays by name, of the right shapes and types; those of `Objects` that it lacks are as in
    worlds without objects.
    """
    num_envs, num_agents = state["heading"].shape
    fresh = allocate_objects(1, num_agents)._asdict()
    arrays = {n: np.broadcast_to(a, (num_envs, *a.shape[1:])) for n, a in fresh.items()}
    arrays |= {name: state[name] for name in fresh if name in state}
    for name, (low, high) in _BOUNDS.items():
        if np.any((arrays[name] < low) | (arrays[name] > high)):
            raise ValueError(f"state array {name!r} must be from {low:g} to {high:g}")
    half = arrays["object_rect"][..., 2:]
    reach = np.abs(arrays["object_rect"][..., :2] - ARENA / 2) + half
    is_present = half[..., 0] != 0
    fits = (half > 0) & (half <= PLANK_LONG) & (reach <= ARENA / 2 + _ROUNDING)
    if np.any(is_present & ~fits.all(axis=-1) | ~is_present & half.any(axis=-1)):
        raise ValueError("state array 'object_rect' has an object that is not in the arena")
    numbers = np.arange(NUM_OBJECTS)
    for name in ("near", "sees_objects"):
        shows = (arrays[name][..., None] >> numbers & 1).any(axis=1)
        if np.any(shows & ~is_present):
            raise ValueError(f"state array {name!r} has an object that is not there")
    holders = (arrays["holding"][..., None] == numbers).sum(axis=1)
    can_hold = is_present & (arrays["lock_team"] == NOBODY)
    if np.any(holders > can_hold):
        raise ValueError(
            "state array 'holding' has an object that is locked, not there, or held by two"
        )
