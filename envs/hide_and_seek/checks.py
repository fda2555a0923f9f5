"""Errors that name what is wrong with an array, what it should be and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from envs.batch_env import ObsBuffers, TeamSpec
from envs.hide_and_seek.config import nearest
from envs.hide_and_seek.spaces import HEADS, NUM_HEADS, NVEC


def check_array(name: str, array: Any, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise ValueError unless `array` is a C-contiguous numpy array of this shape and type."""
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name} must be a numpy array, got {type(array).__name__}")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if array.dtype != dtype:
        raise ValueError(f"{name} must be {np.dtype(dtype).name}, got {array.dtype}")
    if not array.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous")


def check_buffers(buffers: ObsBuffers, spec: TeamSpec, num_envs: int) -> None:
    """Raise ValueError unless the buffers fit the team and the number of worlds."""
    shape = (num_envs, spec.num_agents)
    check_array(f"out[{spec.name!r}].obs", buffers.obs, (*shape, spec.obs_size), np.float32)
    mask_shape = (*shape, spec.num_logits)
    check_array(f"out[{spec.name!r}].action_mask", buffers.action_mask, mask_shape, np.bool_)
    check_array(f"out[{spec.name!r}].valid", buffers.valid, shape, np.bool_)


def describe_action(actions: np.ndarray, index: int, teams: tuple[TeamSpec, ...]) -> str:
    """Say which entry of actions [N, A, H] (both teams, flat index) is out of its range."""
    world, agent, head = np.unravel_index(index, actions.shape)
    names = [name for spec in teams for name in spec.agents]
    value = actions[world, agent, head]
    assert actions.shape[2] == NUM_HEADS
    return (
        f"action {list(HEADS)[head]} of {names[agent]} in world {world} must be from 0 to "
        f"{NVEC[head] - 1}, got {value}"
    )


def check_state(
    arrays: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray], num_layouts: int
) -> None:
    """Raise ValueError unless `state` fits the arrays it is to be copied into."""
    for name in state:
        if name not in arrays:
            close = nearest(name, list(arrays))
            raise ValueError(f"state has an unknown array {name!r}; did you mean {close!r}?")
    for name, array in arrays.items():
        if name not in state:
            raise ValueError(f"state lacks the array {name!r}")
        given = np.asarray(state[name])
        if given.shape != array.shape:
            raise ValueError(
                f"state array {name!r} must have shape {array.shape}, got {given.shape}"
            )
        if given.dtype != array.dtype:
            raise ValueError(f"state array {name!r} must be {array.dtype}, got {given.dtype}")
        if given.dtype.kind == "f" and not np.all(np.isfinite(given)):
            raise ValueError(f"state array {name!r} holds a number that is not finite")
    layout = np.asarray(state["layout"])
    if np.any((layout < 0) | (layout >= num_layouts)):
        raise ValueError(f"state array 'layout' must be from 0 to {num_layouts - 1}")
    prep, steps = np.asarray(state["prep_steps"]), np.asarray(state["episode_steps"])
    if np.any((prep < 0) | (prep >= steps)):
        raise ValueError("state array 'prep_steps' must be from 0 to below 'episode_steps'")
