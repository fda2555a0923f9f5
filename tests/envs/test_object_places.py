"""Where boxes and ramps start: each level's own, and never so that anybody is shut in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from envs.hide_and_seek.kernels.spawn import start_episode
from envs.hide_and_seek.kernels.state import Layouts
from envs.hide_and_seek.layouts import build_layouts, walls_of
from envs.hide_and_seek.levels import LEVELS
from envs.hide_and_seek.spaces import BOX_SLOTS
from tests.envs.playing import Play, make_play

WITH_OBJECTS = ["L1", "L2", "L3", "L4", "Q"]
BIG_BANK = 40


def gaps(places: np.ndarray, half: np.ndarray, rects: np.ndarray) -> np.ndarray:
    """The largest gap along an axis of rectangles at places [P, 2] to rects [R, 4]: [P, R]."""
    apart = np.abs(places[:, None] - rects[:, :2]) - rects[:, 2:] - half
    return np.asarray(apart.max(axis=-1), np.float64)


def objects_of(bank: Layouts, layout: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """The objects of a layout: index, half sides, start places."""
    return [
        (k, half, bank.object_places[layout, k, : bank.num_object_places[layout, k]])
        for k, half in enumerate(bank.object_half[layout])
        if half[0] > 0
    ]


@pytest.mark.parametrize("level", WITH_OBJECTS)
def test_places_leave_a_passage_to_walls_border_and_doors(level: str) -> None:
    bank = build_layouts(level, BIG_BANK, seed=1)
    for layout in range(BIG_BANK):
        doors = bank.doors[layout, : bank.num_doors[layout]]
        solid = np.concatenate([walls_of(bank, layout), doors])
        for k, half, places in objects_of(bank, layout):
            least = 0.55 if k < BOX_SLOTS else 0.05
            assert 1 <= len(places) <= 128
            assert gaps(places, half, solid).min() >= least - 1e-5
            assert np.minimum(places - half, 12.0 - places - half).min() >= least - 1e-5


def test_levels_have_their_boxes_and_ramps() -> None:
    found = {}
    for level in LEVELS:
        bank = build_layouts(level, BIG_BANK, seed=0)
        sizes = bank.object_half[:, :BOX_SLOTS]
        cubes = (sizes[..., 0] == np.float32(0.6)) & (sizes[..., 1] == np.float32(0.6))
        lying = (sizes[..., 0] == 1.0) & (sizes[..., 1] == np.float32(0.2))
        standing = (sizes[..., 0] == np.float32(0.2)) & (sizes[..., 1] == 1.0)
        assert np.array_equal(cubes | lying | standing, sizes.any(axis=-1))
        ramps = bank.object_half[:, BOX_SLOTS:] == np.float32(0.4)
        boxes = (cubes | lying | standing).sum(axis=1)
        planks = (lying | standing).sum(axis=1)
        assert lying.any() == standing.any()
        found[level] = [
            {int(count) for count in counts}
            for counts in (boxes, planks, ramps.all(axis=-1).sum(axis=1))
        ]
    many = [{3, 4}, {1, 2}]
    assert found == {
        "L0": [{0}, {0}, {0}],
        "L1": [{1}, {0}, {0}],
        "L2": [{2}, {0}, {0}],
        "L3": [*many, {0}],
        "L4": [*many, {2}],
        "Q": [{2}, {0}, {1}],
    }


@pytest.mark.parametrize("level", ["L1", "L2", "Q"])
def test_boxes_start_in_the_room(level: str) -> None:
    bank = build_layouts(level, BIG_BANK, seed=0)
    for layout in range(BIG_BANK):
        # Seekers start outside, on the same grid: no place of a box is one of theirs.
        seekers = bank.spawns[layout, 0, : bank.num_spawns[layout, 0]]
        outside = {tuple(place) for place in seekers.tolist()}
        for k, _, places in objects_of(bank, layout):
            if k < BOX_SLOTS:
                assert not outside & {tuple(place) for place in places.tolist()}


def test_the_first_box_starts_near_the_door() -> None:
    bank = build_layouts("L1", BIG_BANK, seed=0)
    for layout in range(BIG_BANK):
        ((_, half, places),) = objects_of(bank, layout)
        to_door = np.linalg.norm(places - bank.doors[layout, 0, :2], axis=1)
        assert (to_door <= 2.0 + half.max()).all()
        assert len(places) >= 10  # not always the same


@pytest.mark.parametrize("level", list(LEVELS))
def test_doors_are_the_openings_in_walls(level: str) -> None:
    bank = build_layouts(level, BIG_BANK, seed=0)
    assert LEVELS[level].has_doors == (bank.num_doors.min() > 0) == (bank.num_doors.max() > 0)
    for layout in range(BIG_BANK):
        walls = walls_of(bank, layout)
        for door in bank.doors[layout, : bank.num_doors[layout]]:
            x, y, hx, hy = door
            assert sorted(door[2:].tolist()) == pytest.approx([0.1, 0.5])
            assert gaps(door[None, :2], door[2:] - 0.01, walls).min() > 0.0  # open
            step = np.array([0.52, 0.0] if hx > hy else [0.0, 0.52], np.float32)
            for jamb in (door[:2] - step, door[:2] + step):  # a wall at either side
                assert gaps(jamb[None], np.zeros(2), walls).min() <= 0.0, (x, y)


def starts(play: Play, episodes: int) -> None:
    """Begins episodes and checks each: all objects are there, apart, and nobody is in a box."""
    env = play.env
    for _ in range(episodes):
        for n in range(env.num_envs):
            start_episode(env.world, env.objects, n, env.layouts, env.rules)
        wanted = env.layouts.object_half[env.world.layout]
        rects = env.objects.object_rect
        assert np.array_equal(rects[..., 2:], wanted)
        for n in range(env.num_envs):
            present = rects[n][rects[n, :, 2] > 0]
            apart = np.stack([gaps(one[None, :2], one[2:], present)[0] for one in present])
            assert apart[~np.eye(len(present), dtype=bool)].min(initial=9.0) >= 0.55 - 1e-5
            boxes = rects[n, :BOX_SLOTS]
            to_boxes = np.abs(env.world.pos[n][:, None] - boxes[:, :2]) - boxes[:, 2:]
            assert np.linalg.norm(np.maximum(to_boxes, 0.0), axis=-1).min() >= 0.25


@pytest.mark.parametrize(
    "settings",
    [
        *({"level": level} for level in WITH_OBJECTS),
        {"level": "L1", "num_boxes": 4, "num_ramps": 2, "num_seekers": 3, "num_hiders": 3},
        {"level": "L2", "num_boxes": 4, "num_ramps": 2, "num_hiders": 3},
        {"level": "L0", "num_boxes": 4, "num_ramps": 2},
    ],
)
def test_every_episode_begins_with_all_objects_apart_and_no_agent_in_a_box(
    settings: dict[str, Any],
) -> None:
    play = make_play(16, num_layouts=32, **settings)
    play.reset(*range(16))
    starts(play, 40)


def test_who_finds_no_place_among_boxes_starts_where_the_others_do() -> None:
    play = make_play(1, level="L1", num_layouts=1)
    play.reset(0)
    bank = play.env.layouts
    room = bank.spawns[0, 1, : bank.num_spawns[0, 1]]
    half, places = np.zeros_like(bank.object_half), bank.object_places.copy()
    half[0, 0] = np.ptp(room, axis=0) / 2  # a box as large as the room
    places[0, 0] = (room.min(axis=0) + room.max(axis=0)) / 2
    play.env.layouts = bank._replace(object_half=half, object_places=places)
    play.env.next_episodes(play.out)
    seekers = bank.spawns[0, 0, : bank.num_spawns[0, 0]]
    hider = play.env.world.pos[0, 1]
    assert np.linalg.norm(seekers - hider, axis=1).min() <= 0.1


@pytest.mark.parametrize("level", list(LEVELS))
def test_any_level_can_be_played_without_objects(level: str) -> None:
    play = make_play(4, level=level, num_boxes=0, num_ramps=0)
    assert not play.env.rules.has_objects
    play.reset(0, 1, 2, 3)
    assert not play.env.objects.object_rect[..., 2:].any()


def test_boxes_beyond_the_level_s_own_are_cubes_anywhere() -> None:
    bank = build_layouts("L1", BIG_BANK, 0, num_boxes=3)
    assert np.all(bank.object_half[:, :3] == np.float32(0.6))
    assert not bank.object_half[:, 3:].any()
    spread = [bank.object_places[layout, 2, :, :].max() for layout in range(BIG_BANK)]
    assert min(spread) > 9.0
    none_of_planks = build_layouts("L3", BIG_BANK, 0, num_boxes=1)
    assert none_of_planks.object_half[:, 0].any()
    assert not none_of_planks.object_half[:, 1:].any()


def test_the_places_depend_on_the_seed_and_leave_the_walls_alone() -> None:
    banks = [build_layouts("L3", 6, 0, num_boxes=count) for count in (None, 0, 4)]
    for field in ("walls", "num_walls", "spawns", "num_spawns", "doors", "num_doors"):
        assert all(np.array_equal(getattr(banks[0], field), getattr(bank, field)) for bank in banks)
    other = build_layouts("L3", 6, 1)
    assert not np.array_equal(banks[0].object_places, other.object_places)
    assert not np.array_equal(banks[0].object_places[0], banks[0].object_places[1])
