"""The stages of whole episodes, and the picture of where the seekers get to."""

from __future__ import annotations

import numpy as np
import pytest

from envs.hide_and_seek.kernels.constants import CLIMB_STEPS, NOWHERE
from envs.hide_and_seek.reach import sheltered_cells
from envs.hide_and_seek.spaces import BOX_SLOTS, STAGES
from tests.envs.playing import Play, place

ABSENT = np.array([float(NOWHERE), float(NOWHERE), 0.0, 0.0])


def shelter(prep_steps: int) -> Play:
    """A hider behind a wall with two doors, a seeker before it, and no boxes yet."""
    walls = [(1.0, 6.0, 1.0, 0.1), (6.0, 6.0, 3.0, 0.1), (11.0, 6.0, 1.0, 0.1)]
    play = place(walls, [(6.0, 2.0, 24)], [(6.0, 10.0, 8)], time=0, prep_steps=3, episode_steps=6)
    env = play.env
    doors = np.array([[[2.5, 6.0, 0.5, 0.1], [9.5, 6.0, 0.5, 0.1]]], np.float32)
    env.layouts = env.layouts._replace(doors=doors, num_doors=np.array([2], np.int32))
    env.rules = env.rules._replace(has_objects=True)
    env.objects.object_rect[0, :] = [NOWHERE, NOWHERE, 0.0, 0.0]
    env.world.prep_steps[0] = prep_steps
    play.env.autoreset = False
    return play


def stats_of(play: Play, before_prep: list[float], before_end: list[float]) -> dict[str, float]:
    """Plays the episode, a box beside each of the x given; returns its stages."""
    rect = play.env.objects.object_rect[0]
    while not play.dones[0]:
        doors = before_prep if play.env.world.time[0] < play.env.world.prep_steps[0] else before_end
        rect[:BOX_SLOTS] = ABSENT
        for box, x in enumerate(doors):
            rect[box] = [x, 6.0, 0.6, 0.6]
        play.step(play.noop())
    names = play.env.stat_names
    return {name: float(play.env.episode_stats[0, names.index(name)]) for name in STAGES}


@pytest.mark.parametrize(
    ("before_prep", "before_end", "door_blocked", "was_sealed", "sealed_at_end"),
    [
        ([], [], 0.0, 0.0, 0.0),
        ([2.5], [2.5], 0.5, 0.0, 0.0),
        ([2.5, 9.5], [2.5], 1.0, 1.0, 0.0),
        ([9.5], [9.5, 2.5], 0.5, 0.0, 1.0),
    ],
)
def test_stages_of_a_game(
    before_prep, before_end, door_blocked: float, was_sealed: float, sealed_at_end: float
) -> None:
    stats = stats_of(shelter(3), before_prep, before_end)
    assert stats["door_blocked"] == door_blocked
    assert stats["sealed"] == was_sealed
    assert stats["sealed_at_end"] == sealed_at_end


def test_without_a_preparation_nothing_is_said_of_its_end() -> None:
    stats = stats_of(shelter(0), [2.5, 9.5], [2.5, 9.5])
    assert stats["door_blocked"] == stats["sealed"] == 0.0
    assert stats["sealed_at_end"] == 1.0


def test_sheltered_cells_are_those_behind_the_boxes() -> None:
    play = shelter(3)
    rect = play.env.objects.object_rect[0]
    rect[0] = [2.5, 6.0, 0.6, 0.6]
    assert not sheltered_cells(play.env, 0).any()
    rect[1] = [9.5, 6.0, 0.6, 0.6]
    cells = sheltered_cells(play.env, 0, cells=24)  # of half a meter
    assert cells[20, 12]
    assert not cells[4, 12]
    assert not cells[12].any()  # the wall stands there
    assert not cells[:12].any()
    play.env.objects.climb[0, 0] = CLIMB_STEPS
    play.env.world.pos[0, 0] = 6.0, 6.05  # up on the wall, and nearer to its upper side
    cells = sheltered_cells(play.env, 0, cells=24)
    assert cells[4, 12]
    assert not cells[20, 12]
