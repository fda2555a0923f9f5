"""Each kernel against the slow reference, from random states and step by step in real games."""

from __future__ import annotations

import numpy as np
import pytest

from envs.hide_and_seek import layouts
from envs.hide_and_seek.kernels import lidar, physics, random_stream, vision
from envs.hide_and_seek.kernels.jit import SOURCES
from envs.hide_and_seek.kernels.step import observe_worlds, step_worlds
from envs.jit import digest_of
from tests.envs import reference
from tests.envs.playing import Play, make_play

WALLS = np.array(
    [[4.0, 4.0, 0.1, 1.5], [4.9, 5.4, 1.0, 0.1], [8.0, 7.0, 0.8, 0.6], [6.0, 11.0, 0.1, 1.1]],
    np.float32,
)


def as_walls(rects: np.ndarray) -> list[reference.Wall]:
    """Rectangles [W, 4] as the reference takes them."""
    return [(x, y, half_x, half_y) for x, y, half_x, half_y in rects.astype(float).tolist()]


REFERENCE_WALLS = as_walls(WALLS)
PACKED = layouts.pack_walls(WALLS, len(WALLS))


def walls_of(play: Play, n: int) -> list[reference.Wall]:
    layout = play.env.world.layout[n]
    return as_walls(layouts.walls_of(play.env.layouts, layout))


def test_random_stream_is_splitmix64() -> None:
    stream = np.zeros(1, np.uint64)
    drawn = [int(random_stream.next_uint(stream, 0)) for _ in range(3)]
    # The published first outputs of SplitMix64 from state 0.
    assert drawn == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_random_stream_stays_in_its_ranges() -> None:
    stream = np.array([7], np.uint64)
    below = [random_stream.next_below(stream, 0, 5) for _ in range(500)]
    unit = [random_stream.next_unit(stream, 0) for _ in range(500)]
    assert set(below) == {0, 1, 2, 3, 4}
    assert 0.0 <= min(unit) < 0.02
    assert 0.98 < max(unit) < 1.0


@pytest.mark.parametrize("seed", range(3))
def test_push_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    near_wall = WALLS[rng.integers(0, len(WALLS), 300)]
    spots = near_wall[:, :2] + rng.uniform(-1.0, 1.0, (300, 2)) * (near_wall[:, 2:] + 0.3)
    pos, vel = spots.astype(np.float32), rng.uniform(-0.25, 0.25, (300, 2)).astype(np.float32)
    expected = [
        reference.push_out(p, v, REFERENCE_WALLS)
        for p, v in zip(pos.astype(float), vel.astype(float), strict=True)
    ]
    before = pos.copy()
    touched = [physics.push_out(pos, vel, a, False, PACKED, len(WALLS)) for a in range(300)]
    np.testing.assert_allclose(pos, [p for p, _ in expected], atol=1e-5)
    np.testing.assert_allclose(vel, [v for _, v in expected], atol=1e-5)
    deep = np.array([reference.depth(p, REFERENCE_WALLS) > 0.0 for p in before.astype(float)])
    assert deep.any()
    assert np.all(np.array(touched)[deep])
    inside = np.all((before >= 0.25) & (before <= 11.75), axis=1)
    assert not np.any(np.array(touched)[~deep & inside])


def test_overlap_depth() -> None:
    rng = np.random.default_rng(0)
    for x, y in rng.uniform(2.0, 9.0, (300, 2)).astype(np.float32):
        depth = physics.overlap_depth(x, y, PACKED, len(WALLS))
        expected = reference.depth(np.array([x, y], float), REFERENCE_WALLS)
        assert depth == pytest.approx(expected, abs=1e-5)


def test_line_is_clear() -> None:
    rng = np.random.default_rng(1)
    answers = []
    for line in rng.uniform(0.3, 11.7, (1500, 4)).astype(np.float32):
        clear = vision.line_is_clear(*line, PACKED, len(WALLS))
        back = vision.line_is_clear(line[2], line[3], line[0], line[1], PACKED, len(WALLS))
        ends = line.astype(float)
        assert clear == back == reference.line_is_clear(ends[:2], ends[2:], REFERENCE_WALLS)
        answers.append(clear)
    assert 0.2 < np.mean(answers) < 0.9  # both answers have been asked for


@pytest.mark.parametrize("view", [20.0, 135.0, 180.0, 360.0])
def test_in_cone(view: float) -> None:
    rng = np.random.default_rng(2)
    half = np.float32(np.cos(np.radians(view) / 2.0))
    for dx, dy in rng.uniform(-8.0, 8.0, (300, 2)).astype(np.float32):
        heading = int(rng.integers(32))
        inside = vision.in_cone(dx, dy, heading, half, np.float32(6.0))
        target = np.array([dx, dy], float)
        assert inside == reference.in_cone(np.zeros(2), heading, target, view, 6.0)


@pytest.mark.parametrize("lidar_range", [3.0, 20.0])
def test_cast_rays(lidar_range: float) -> None:
    rng = np.random.default_rng(3)
    rays = np.empty(64, np.float32)
    for x, y in rng.uniform(0.3, 11.7, (60, 2)).astype(np.float32):
        if reference.depth(np.array([x, y], float), REFERENCE_WALLS) > 0.0:
            continue
        lidar.cast_rays(x, y, np.float32(lidar_range), PACKED, len(WALLS), rays)
        eye = np.array([x, y], float)
        angles = [reference.angle_of(k) for k in range(32)]
        expected = [reference.ray(eye, t, lidar_range, REFERENCE_WALLS) for t in angles]
        np.testing.assert_allclose(rays, 2 * expected, atol=1e-4)


GAMES = [("L0", 1, 1), ("L1", 2, 1), ("L2", 2, 2), ("L3", 3, 3)]


@pytest.mark.parametrize(("level", "seekers", "hiders"), GAMES)
def test_whole_games_agree_with_the_reference(level: str, seekers: int, hiders: int) -> None:
    """Movement, sight, reward and all observation columns, at every step of a crowded game."""
    play = make_play(
        2,
        level=level,
        num_seekers=seekers,
        num_hiders=hiders,
        num_boxes=0,
        prep_steps=8,
        episode_steps=30,
    )
    play.env.autoreset = False
    play.reset(5, 6)
    rng = np.random.default_rng(4)
    world, config = play.env.world, play.env.config
    for time in range(30):
        actions = play.random_actions(rng)
        for team in actions.values():
            team[..., 0] = np.maximum(team[..., 0], 1)  # ahead, so that they meet walls
        together = np.concatenate([actions["seeker"], actions["hider"]], axis=1)
        frozen = seekers if time < 8 else 0
        expected = [
            reference.move(
                world.pos[n].astype(float),
                world.vel[n].astype(float),
                world.heading[n],
                together[n],
                range(frozen),
                walls_of(play, n),
            )
            for n in range(2)
        ]
        play.step(actions)
        for n in range(2):
            pos, vel, heading = expected[n]
            np.testing.assert_allclose(world.pos[n], pos, atol=2e-5)
            np.testing.assert_allclose(world.vel[n], vel, atol=2e-5)
            np.testing.assert_array_equal(world.heading[n], heading)
            check_perception(play, n, time + 1, config)


NARROW = np.array([[6.0, 6.0, 0.1, 2.0], [6.5, 6.0, 0.1, 2.0], [9.0, 6.0, 1.0, 0.1]], np.float32)


def crowd_near(rng: np.random.Generator, middle: tuple[float, float]) -> np.ndarray:
    """Six discs on top of each other around a place, all clear of the walls, [6, 2]."""
    walls = as_walls(NARROW)
    places: list[np.ndarray] = []
    while len(places) < 6:
        spot = (np.array(middle) + rng.uniform(-0.4, 0.4, 2)).astype(np.float32)
        if reference.depth(spot.astype(float), walls) == 0.0:
            places.append(spot)
    return np.array(places)


@pytest.mark.parametrize("middle", [(6.25, 8.3), (5.7, 6.0), (9.0, 6.4)])
@pytest.mark.parametrize("frozen", [0, 2])
def test_crowds_in_gaps_and_at_walls(middle: tuple[float, float], frozen: int) -> None:
    """A gap too narrow for a disc, a thin wall: shoved from all sides, nobody ends in a wall."""
    rng = np.random.default_rng(int(middle[0] * 10) + frozen)
    walls = as_walls(NARROW)
    for _ in range(40):
        pos = crowd_near(rng, middle)
        vel = rng.uniform(-0.17, 0.17, (6, 2)).astype(np.float32)
        vel[:frozen] = 0.0
        heading = rng.integers(0, 32, 6).astype(np.int32)
        actions = np.stack([rng.integers(0, size, 6) for size in (3, 3, 5, 2, 3)], axis=1)
        expected = reference.move(
            pos.astype(float), vel.astype(float), heading, actions, range(frozen), walls
        )
        before, scratch = pos.copy(), np.empty((2, 6, 2), np.float32)
        packed = layouts.pack_walls(NARROW, len(NARROW))
        fixed, climb = np.arange(6) < frozen, np.zeros(6, np.int32)
        physics.move_agents(
            *(pos, vel, heading, actions, fixed, climb, packed, len(NARROW)),
            *(scratch[0], scratch[1]),
        )
        np.testing.assert_allclose(pos, expected[0], atol=1e-4)
        np.testing.assert_allclose(vel, expected[1], atol=1e-4)
        for a in range(6):
            assert reference.depth(pos[a].astype(float), walls) <= 1.1e-3
            assert reference.line_is_clear(before[a].astype(float), pos[a].astype(float), walls)


def check_perception(play: Play, n: int, time: int, config) -> None:
    """Compares sight, reward and observations of world n at `time` with the reference."""
    world, walls = play.env.world, walls_of(play, n)
    pos, vel = world.pos[n].astype(float), world.vel[n].astype(float)
    seekers, prep = config.num_seekers, config.prep_steps
    blind = seekers if time < prep else 0
    sees = reference.sight(pos, world.heading[n], blind, 135.0, 17.0, walls)
    np.testing.assert_array_equal(world.sees[n], sees)
    found = sees[:seekers, seekers:].any()
    reward = 0.0 if time <= prep else (1.0 if found else -1.0)
    assert np.all(play.rewards["seeker"][n] == reward)
    assert np.all(play.rewards["hider"][n] == -reward)
    rows = np.concatenate([play.out["seeker"].obs[n], play.out["hider"].obs[n]])
    for a, row in enumerate(rows):
        expected = reference.observe(
            a, pos, vel, world.heading[n], sees, seekers, walls, time, prep, 30, config.lidar_range
        )
        np.testing.assert_allclose(row, expected, atol=1e-4)


def test_machine_code_is_kept_and_notices_a_change_in_any_kernel_file() -> None:
    for entry in (step_worlds, observe_worlds, lidar.cast_rays):
        index = entry._cache._cache_file
        assert index._source_stamp[1] == digest_of(SOURCES)
