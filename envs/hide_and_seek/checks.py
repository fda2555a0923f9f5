"""Errors that name what is wrong with an array, what it should be and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from envs.batch_env import ObsBuffers, TeamSpec
from envs.hide_and_seek.config import HideAndSeekConfig, ResolvedConfig
from envs.hide_and_seek.kernels.constants import (
    ARENA,
    DIAGONAL,
    NOWHERE,
    NUM_HEADINGS,
    TOP_SPEED,
)
from envs.hide_and_seek.kernels.state import Objects, allocate_objects, allocate_world
from envs.hide_and_seek.object_checks import check_objects
from envs.hide_and_seek.restarts import KEPT, VISITED, Restarts
from envs.hide_and_seek.setting_types import MAX_REWARD, MAX_STEPS
from envs.hide_and_seek.spaces import HEADS, NUM_HEADS, NVEC, OLDER_STATS
from envs.hide_and_seek.word_hints import nearest

_TOP_SPEED = TOP_SPEED * np.float32(1.001)  # but for rounding
_MAX_CREDIT = np.float32(1e6)

_ABSENT = {"holding": -1} | dict.fromkeys(
    ("vel", "climb", "crossed", "near", "sees_objects", "sees"), 0
)  # the values of one who does not take part
ADDED = ("moving_return", *Objects._fields)
"""Arrays that states of older checkpoints lack."""


def check_array(name: str, array: Any, shape: tuple[int, ...], dtype: Any) -> None:
    """Raises ValueError unless `array` is a C-contiguous numpy array of this shape and type."""
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name} must be a numpy array, got {type(array).__name__}")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if array.dtype != dtype:
        raise ValueError(f"{name} must be {np.dtype(dtype).name}, got {array.dtype}")
    if not array.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous")


def check_buffers(buffers: ObsBuffers, spec: TeamSpec, num_envs: int) -> None:
    """Raises ValueError unless the buffers fit the team and the number of worlds."""
    shape = (num_envs, spec.num_agents)
    check_array(f"out[{spec.name!r}].obs", buffers.obs, (*shape, spec.obs_size), np.float32)
    mask_shape = (*shape, spec.num_logits)
    check_array(f"out[{spec.name!r}].action_mask", buffers.action_mask, mask_shape, np.bool_)
    check_array(f"out[{spec.name!r}].valid", buffers.valid, shape, np.bool_)
    if buffers.state is not None:
        state_shape = (*shape, spec.state_size)
        check_array(f"out[{spec.name!r}].state", buffers.state, state_shape, np.float32)


def describe_action(actions: np.ndarray, index: int, teams: tuple[TeamSpec, ...]) -> str:
    """Says which entry of actions [N, A, H] (both teams, flat index) is out of its range."""
    world, agent, head = np.unravel_index(index, actions.shape)
    names = [name for spec in teams for name in spec.agents]
    value = actions[world, agent, head]
    assert actions.shape[2] == NUM_HEADS
    return (
        f"action {list(HEADS)[head]} of {names[agent]} in world {world} must be from 0 to "
        f"{NVEC[head] - 1}, got {value}"
    )


def check_state(
    arrays: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray], game: ResolvedConfig
) -> None:
    """Raises ValueError unless `state` fits the arrays it is to be copied into, and the game."""
    for name in state:
        if name not in arrays:
            close = nearest(name, list(arrays))
            raise ValueError(f"state has an unknown array {name!r}; did you mean {close!r}?")
    for name, array in arrays.items():
        if name not in state and name in ADDED:
            continue
        if name not in state:
            raise ValueError(f"state lacks the array {name!r}")
        given = np.asarray(state[name])
        older = name == "episode_stats" and given.shape == (*array.shape[:-1], OLDER_STATS)
        if given.shape != array.shape and not older:
            raise ValueError(
                f"state array {name!r} must have shape {array.shape}, got {given.shape}"
            )
        if given.dtype != array.dtype:
            raise ValueError(f"state array {name!r} must be {array.dtype}, got {given.dtype}")
        odd = np.isinf if name == "episode_stats" else _is_not_finite  # restarts leave nan there
        if given.dtype.kind == "f" and np.any(odd(given)):
            raise ValueError(f"state array {name!r} holds a number that is not finite")
    values = {name: np.asarray(array) for name, array in state.items()}
    _check_values(values, game)
    if f"{VISITED}worth" in values:
        _check_visited(values, game)


def check_foreign_state(
    state: Mapping[str, np.ndarray], config: HideAndSeekConfig, num_stats: int
) -> None:
    """Raises ValueError unless `state` is that of some number of worlds of this game.

    Args:
        state: arrays of unknown origin.
        config: the game.
        num_stats: columns of `episode_stats`.
    """
    game = config.resolved()
    num_envs = np.shape(state.get("time", ()))[:1] or (0,)
    if not num_envs[0]:
        raise ValueError("state holds no worlds")
    num_agents = game.num_seekers + game.num_hiders
    one = allocate_world(1, num_agents)._asdict() | allocate_objects(1, num_agents)._asdict()
    one["moving_return"] = np.zeros((1, 2), np.float32)
    one["episode_stats"] = np.zeros((1, num_stats), np.float32)
    if game.restart_share > 0.0:
        restarts = (game.restart_share, game.restart_slots)
        one |= Restarts.allocate(*restarts, 1, num_agents).arrays()
    # As large as the state is said to be, in the memory of one world.
    wanted = {n: np.broadcast_to(a, (*num_envs, *a.shape[1:])) for n, a in one.items()}
    check_state(wanted, state, game)


def _check_values(state: Mapping[str, np.ndarray], game: ResolvedConfig) -> None:
    """Bounds all that a kernel uses as an index, and all that it relies on."""
    prep, steps, time = state["prep_steps"], state["episode_steps"], state["time"]
    _refuse(state, "layout", (0, game.bank_size - 1))
    _refuse(state, "heading", (0, NUM_HEADINGS - 1))
    _refuse(state, "vel", (-_TOP_SPEED, _TOP_SPEED))
    _refuse(state, "credit", (-_MAX_CREDIT, _MAX_CREDIT))
    check_objects(state)
    _check_presence(state, game)
    if np.any((steps < 1) | (steps > MAX_STEPS)):
        raise ValueError(f"state array 'episode_steps' must be from 1 to {MAX_STEPS}")
    if np.any((prep < 0) | (prep >= steps)):
        raise ValueError("state array 'prep_steps' must be from 0 to below 'episode_steps'")
    if np.any((time < 0) | (time > steps)):
        raise ValueError("state array 'time' must be from 0 to 'episode_steps'")
    played = np.maximum(time - prep, 0)  # steps of the main phase
    # A reward for each step, a bonus at the first sight or the end.
    if np.any(np.abs(state["raw_return"]) > MAX_REWARD * (played + 1)):
        raise ValueError("state array 'raw_return' is more than the steps played can pay")
    if np.any(np.abs(state["shaping_return"]) > 2.0 * float(_MAX_CREDIT) * time):
        raise ValueError("state array 'shaping_return' is more than the steps played can pay")
    if "moving_return" in state:
        most = MAX_REWARD * float(DIAGONAL)  # per step: no disc moves farther
        if np.any(np.abs(state["moving_return"]) > most * time[:, None]):
            raise ValueError("state array 'moving_return' is more than the steps played can pay")
    seen, first = state["seen_steps"], state["first_seen"]
    if np.any((seen < 0) | (seen > played)):
        raise ValueError("state array 'seen_steps' must be from 0 to the steps played")
    if np.any(np.where(seen > 0, (first < 0) | (first >= played), first != -1)):
        raise ValueError("state array 'first_seen' must be -1 or a step played")


def _check_presence(state: Mapping[str, np.ndarray], game: ResolvedConfig) -> None:
    """Raises ValueError unless all agents are in the arena, or at NOWHERE where they may be."""
    pos = state["pos"]
    inside = np.all((pos >= 0) & (pos <= ARENA), axis=-1)
    fits = inside | np.all(pos == NOWHERE, axis=-1)
    first = 0
    for fewest, most in game.team_ranges.values():
        count = inside[:, first : first + most].sum(axis=1, keepdims=True)
        the_first = np.arange(most) < np.maximum(count, fewest)
        fits[:, first : first + most] &= inside[:, first : first + most] == the_first
        first += most
    if not fits.all():
        varied = any(fewest < most for fewest, most in game.team_ranges.values())
        rest = f", or all {NOWHERE:g} for the last of a team, who do not take part"
        raise ValueError(f"state array 'pos' must be from 0 to {ARENA:g}{rest if varied else ''}")
    for name, idle in _ABSENT.items():
        if name in state and np.any(state[name][~inside] != idle):
            raise ValueError(f"state array {name!r} is not {idle} of one who does not take part")
    if "sees" in state and np.any(state["sees"].transpose(0, 2, 1)[~inside]):
        raise ValueError("state array 'sees' has somebody see one who does not take part")


def _check_visited(state: Mapping[str, np.ndarray], game: ResolvedConfig) -> None:
    """Bounds the visited states of worlds as those of the worlds themselves."""
    times = state[f"{VISITED}time"]
    num_states, num_agents = times.size, state["heading"].shape[1]
    one = allocate_world(1, num_agents)._asdict()
    values = {n: np.broadcast_to(a, (num_states, *a.shape[1:])) for n, a in one.items()}
    for name in KEPT:
        array = state[f"{VISITED}{name}"]
        values[name] = array.reshape(num_states, *array.shape[2:])
    try:
        _check_values(values, game)
    except ValueError as error:
        raise ValueError(f"visited states: {error}") from None
    for name in ("worth", "seen"):
        _refuse(state, f"{VISITED}{name}", (0, 1))
    _refuse(state, "keep_at", (-1, MAX_STEPS))
    slots = state["restart_slot"]
    _refuse(state, "restart_slot", (-1, times.shape[1] - 2))
    kept = (state["keep_at"] >= 0) & (state["keep_at"] <= state["time"])
    for slot, counts in ((slots, slots >= 0), (np.full_like(slots, -1), kept)):
        if np.any(counts & ~_leads_to_now(state, slot)):
            raise ValueError("visited states: one is not of the episode that is played from it")


def _leads_to_now(state: Mapping[str, np.ndarray], slot: np.ndarray) -> np.ndarray:
    """Whether each world can have come from its visited state in a slot; [N] bool."""
    rows = np.arange(len(slot))
    then = {name: state[f"{VISITED}{name}"][rows, slot] for name in KEPT}
    prep, steps, time = (state[name] for name in ("prep_steps", "episode_steps", "time"))
    same = (then["prep_steps"] == prep) & (then["episode_steps"] == steps)
    # Of what is left then, a share is found: there has to be something.
    in_order = (then["time"] <= time) & (then["time"] < steps)
    played = np.maximum(time, prep) - np.maximum(then["time"], prep)
    seen = state["seen_steps"] - then["seen_steps"]
    return same & in_order & (seen >= 0) & (seen <= played)


def _is_not_finite(array: np.ndarray) -> Any:
    return ~np.isfinite(array)


def _refuse(state: Mapping[str, np.ndarray], name: str, bounds: tuple[Any, Any]) -> None:
    low, high = bounds
    if np.any((state[name] < low) | (state[name] > high)):
        raise ValueError(f"state array {name!r} must be from {low:g} to {high:g}")
