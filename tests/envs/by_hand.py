"""Games with objects that are set up by hand and played choice by choice."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.hide_and_seek.spaces import NOOP
from tests.envs.drives import split
from tests.envs.playing import Place, Play, Rect, place

EAST, NORTH, WEST, SOUTH = 0, 8, 16, 24
CUBE, RAMP = (0.6, 0.6), (0.4, 0.4)
FAR_AWAY: Place = (11.0, 11.0, NORTH)  # for the agent that a test is not about


def game(
    walls: list[Rect],
    seekers: list[Place],
    hiders: list[Place],
    objects: dict[int, Rect],
    **more: Any,
) -> Play:
    """A world that goes on for long enough, `time` as in `place`."""
    return place(walls, seekers, hiders, objects=objects, episode_steps=400, **more)


def act(play: Play, steps: int, *choices: tuple[int, int, int, int, int]) -> None:
    """Plays some steps; the choices are those of agents 0, 1, ..., the others do nothing."""
    count = play.env.world.pos.shape[1]
    rows = [*choices, *[NOOP] * (count - len(choices))]
    for _ in range(steps):
        play.step(split(play, np.array([rows])))
