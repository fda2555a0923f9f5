"""The spaces of a PettingZoo agent as those of a `TeamSpec`: flat observations, action heads.

An observation may be a Dict with the key "action_mask", by PettingZoo's convention; the mask is no
part of what the policy sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

if TYPE_CHECKING:
    from pettingzoo import ParallelEnv

ACTION_MASK = "action_mask"


def flat(space: spaces.Space, observation: Any) -> np.ndarray:
    """An observation of a `ParallelEnv` as the policy sees it: flat [D], without its mask."""
    space, observation = _without_mask(space), _unmasked(space, observation)
    return np.asarray(spaces.flatten(space, observation), np.float32)


def shape_of(env: ParallelEnv, agent: str) -> tuple[int, tuple[int, ...]]:
    """Size of an agent's flat observation, and the choices of its action heads (ValueError)."""
    seen, action = _without_mask(env.observation_space(agent)), env.action_space(agent)
    if not seen.is_np_flattenable:
        raise ValueError(f"{agent!r}: an observation of {seen} has no fixed size")
    if isinstance(action, spaces.Discrete):
        return spaces.flatdim(seen), (int(action.n),)
    if isinstance(action, spaces.MultiDiscrete) and action.nvec.ndim == 1:
        return spaces.flatdim(seen), tuple(int(n) for n in action.nvec)
    raise ValueError(f"{agent!r}: actions must be Discrete or MultiDiscrete, got {action}")


def state_size(env: ParallelEnv) -> int:
    """Size of the flat state of a `ParallelEnv` that has a `state_space`; 0: it has none."""
    space = getattr(env, "state_space", None)
    flattens = isinstance(space, spaces.Space) and space.is_np_flattenable
    return spaces.flatdim(space) if flattens else 0


def has_mask(space: spaces.Space) -> bool:
    """Whether an observation holds the mask of the actions."""
    return isinstance(space, spaces.Dict) and ACTION_MASK in space.spaces


def _without_mask(space: spaces.Space) -> spaces.Space:
    if not has_mask(space):
        return space
    return spaces.Dict({key: part for key, part in space.spaces.items() if key != ACTION_MASK})


def _unmasked(space: spaces.Space, observation: Any) -> Any:
    if not has_mask(space):
        return observation
    return {key: part for key, part in observation.items() if key != ACTION_MASK}


def first_choices(nvec: Sequence[int]) -> np.ndarray:
    """[L] bool, the first choice of every head alone."""
    mask = np.zeros(sum(nvec), np.bool_)
    mask[np.cumsum([0, *nvec[:-1]])] = True
    return mask
