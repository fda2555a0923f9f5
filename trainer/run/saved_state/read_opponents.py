"""Reads the opponents of a checkpoint and checks them before use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from trainer.checkpoints.safe_io.plain_values import COUNT, finite, mapping, sequence, whole
from trainer.opponents.pool import MAX_SIZE, PoolState
from trainer.opponents.weights import named_weights
from trainer.ppo.frozen import acting_shapes
from trainer.ppo.networks import PolicySpec
from trainer.run.saved_state.opponents_state import (
    LARGEST_DEVIATION,
    LARGEST_RATING,
    OPPONENTS,
    OPPONENTS_FILE,
    OpponentsState,
)
from trainer.run.saved_state.plain_arrays import read_npz
from trainer.run.saved_state.random_checks import check_random

_MEMBER = ("iteration", "mu", "sigma", "games", "wins")
_MATCHES = ("random", "slot", "since", "drawn")
_MAX_SLOTS = 64
_ROOM = 2**16  # bytes of the headers
_MOMENTS, _VARIANCE = "normalizer.", "normalizer.var"
_LARGEST_WEIGHT = 1e9
"""Of a policy that acts: products of larger ones leave the range of float32 within a few layers."""


def read_opponents(
    folder: Path, state: Mapping[str, Any], networks: Mapping[str, PolicySpec]
) -> OpponentsState | None:
    """The opponents of a checkpoint, checked; None if it has none.

    Args:
        folder: `training_state/`.
        state: the values of its state.json.
        networks: by team.

    Raises:
        OSError, ValueError: a file is missing, or no training has written it.
    """
    if state.get(OPPONENTS) is None:
        return None
    values = mapping(state[OPPONENTS], OPPONENTS, ("pools", "matches"))
    teams = tuple(networks)
    members = mapping(values["pools"], f"{OPPONENTS}: pools", teams)
    newest = state["progress"]["iteration"] - 1  # policies join before an iteration
    for team, pool in members.items():
        _check_members(pool, f"{OPPONENTS}: pools.{team}", newest)
    if values["matches"] is not None:
        _check_matches(values["matches"], teams)
    shapes = {team: acting_shapes(spec) for team, spec in networks.items()}
    sizes = {team: sum(map(math.prod, own.values())) for team, own in shapes.items()}
    limit = 4 * sum(len(members[team]) * size for team, size in sizes.items()) + _ROOM
    arrays = read_npz(folder / OPPONENTS_FILE, limit)
    names = tuple(f"pool_{number}" for number in range(len(teams)))
    mapping(arrays, OPPONENTS_FILE, names)
    pools = {}
    for name, team in zip(names, teams, strict=True):
        wanted = (len(members[team]), sizes[team] if members[team] else 0)
        _check_weights(arrays[name], wanted, shapes[team], f"{OPPONENTS_FILE}: {name}")
        pools[team] = PoolState(members[team], arrays[name])
    return OpponentsState(pools, values["matches"])


def _check_members(pool: Any, name: str, newest: int) -> None:
    if len(sequence(pool, name)) > MAX_SIZE:
        raise ValueError(f"{name} has {len(pool)} members, more than {MAX_SIZE}")
    for number, member in enumerate(pool):
        where = f"{name}.{number}"
        mapping(member, where, _MEMBER)
        # Those that a warm start has brought along are from before the first iteration.
        whole(member["iteration"], f"{where}: iteration", -COUNT, newest)
        finite(member["mu"], f"{where}: mu", -LARGEST_RATING, LARGEST_RATING)
        finite(member["sigma"], f"{where}: sigma", 0.0, LARGEST_DEVIATION)
        finite(member["games"], f"{where}: games", 0.0, COUNT)
        finite(member["wins"], f"{where}: wins", 0.0, member["games"])
    for older, newer in pairwise(member["iteration"] for member in pool):
        if older >= newer:
            raise ValueError(f"{name}: the member of iteration {newer} comes after that of {older}")


def _check_matches(matches: Any, teams: tuple[str, ...]) -> None:
    name = f"{OPPONENTS}: matches"
    mapping(matches, name, _MATCHES)
    check_random(matches["random"], f"{name}: random")
    whole(matches["slot"], f"{name}: slot", 0, _MAX_SLOTS)
    whole(matches["since"], f"{name}: since")
    for runner, drawn in mapping(matches["drawn"], f"{name}: drawn").items():
        where = f"{name}: drawn.{runner}"
        for team, slots in mapping(drawn, where, teams).items():
            if len(sequence(slots, f"{where}.{team}")) > _MAX_SLOTS:
                raise ValueError(f"{where}.{team} has {len(slots)} members")
            for iteration in slots:
                whole(iteration, f"{where}.{team}", -COUNT)


def _check_weights(
    array: np.ndarray, wanted: tuple[int, int], shapes: Mapping[str, tuple[int, ...]], name: str
) -> None:
    if array.dtype != np.float32 or array.shape != wanted:
        raise ValueError(f"{name} has the shape {array.shape} of {array.dtype}, not {wanted}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds a number that is not finite")
    for row in array:
        weights = named_weights(row, shapes)
        if _VARIANCE in weights and (weights[_VARIANCE] < 0).any():
            raise ValueError(f"{name}: {_VARIANCE} is negative")
        for part, values in weights.items():
            if not part.startswith(_MOMENTS) and (np.abs(values) > _LARGEST_WEIGHT).any():
                largest = np.abs(values).max()
                raise ValueError(
                    f"{name}: {part} holds {largest:.2g}, more than {_LARGEST_WEIGHT:g}"
                )
