"""What agents do with boxes and ramps: every step of crowded games against the slow reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from envs.hide_and_seek.spaces import BOXES_AT, STAGES
from tests.envs import reference, reference_handling, reference_objects
from tests.envs.crowds import crowded_worlds, row_of, scene_of
from tests.envs.drives import DRIVES, put_ramps_at_obstacles, split
from tests.envs.playing import Play, make_play
from tests.envs.test_kernels import walls_of


def moment_of(play: Play, n: int) -> reference_handling.Moment:
    """World n as the reference takes it."""
    scene, world, objects = scene_of(play, n), play.env.world, play.env.objects
    return reference_handling.Moment(
        replace(scene, heading=scene.heading.copy(), walls=walls_of(play, n)),
        world.vel[n].astype(float),
        objects.grip[n].tolist(),
        objects.crossed[n].tolist(),
        int(world.time[n]),
        bool(world.time[n] < world.prep_steps[n]),
    )


def check_close(found: np.ndarray, expected: Any, atol: float = 3e-5) -> None:
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=atol)


def check_step(play: Play, n: int, moment: reference_handling.Moment, stage: np.ndarray) -> None:
    """Compares world n with what the reference made of it; stage [14]: what it had counted."""
    world, objects, scene = play.env.world, play.env.objects, moment.scene
    check_close(world.pos[n], scene.pos)
    check_close(world.vel[n], moment.vel)
    np.testing.assert_array_equal(world.heading[n], scene.heading)
    for k, rect in scene.rects.items():
        check_close(objects.object_rect[n, k], rect)
    assert objects.lock_team[n].tolist() == scene.lock_team
    assert objects.holding[n].tolist() == scene.holding
    held = [a for a in range(6) if scene.holding[a] >= 0]
    assert [objects.grip[n, a] for a in held] == [moment.grip[a] for a in held]
    assert objects.climb[n].tolist() == scene.climb
    up = [a for a in range(6) if scene.climb[a] > 0]
    assert [objects.crossed[n, a] for a in up] == [moment.crossed[a] for a in up]
    counted = [moment.counts[name] for name in STAGES[:11]]
    check_close(objects.stage[n, :11] - stage[:11], counted)


def play_and_compare(play: Play, drive: str, steps: int, seed: int) -> np.ndarray:
    """Plays; returns the sums of what was counted, of turned planks and of lost grips."""
    rng, env = np.random.default_rng(seed), play.env
    seen = np.zeros(len(STAGES) + 2)
    for time in range(steps):
        together = DRIVES[drive](play, rng, time)
        moments = [moment_of(play, n) for n in range(env.num_envs)]
        stages, rects = env.objects.stage.copy(), env.objects.object_rect.copy()
        before = env.objects.holding.copy()
        play.step(split(play, together))
        for n, moment in enumerate(moments):
            reference_handling.play(moment, together[n])
            check_step(play, n, moment, stages[n])
        seen[: len(STAGES)] += (env.objects.stage - stages).sum(axis=0)
        seen[-2] += np.sum(rects[..., 2] != env.objects.object_rect[..., 2])
        lost = (before >= 0) & (env.objects.holding < 0) & (together[..., 3:] == [1, 0]).all(-1)
        seen[-1] += lost.sum()
    return seen


def test_crowded_worlds_agree_with_the_reference() -> None:
    play = crowded_worlds(7, ramp_locks=True)
    play.env.autoreset = False
    play.env.world.time[:] = play.env.world.prep_steps - 10
    seen = play_and_compare(play, "busy", 14, seed=1)
    assert seen[:9].min() >= 1.0  # everything that is counted has come up
    assert seen[-2:].min() >= 3.0


def check_perception(play: Play, n: int) -> None:
    """Compares what agents of world n see with the reference."""
    scene, config = moment_of(play, n).scene, play.env.config
    sees = reference.sight(
        *(scene.pos, scene.heading, scene.blind, config.vision_angle, config.vision_range),
        scene.solids(),
    )
    np.testing.assert_array_equal(play.env.world.sees[n], sees)
    for a in range(6):
        row, mask = row_of(play, n, a)
        expected = reference_objects.observe(scene, a, reference_objects.seen(scene, a))
        check_close(row[BOXES_AT:], expected, atol=1e-4)
        assert list(mask[11:]) == reference_objects.mask(scene, a)


GAMES = [("L2", "crush"), ("L3", "spin"), ("L4", "climb"), ("Q", "busy")]


@pytest.mark.parametrize(("level", "drive"), GAMES)
def test_whole_games_agree_with_the_reference(level: str, drive: str) -> None:
    play = make_play(4, level=level, num_seekers=3, num_hiders=3, prep_steps=30, episode_steps=90)
    play.env.autoreset = False
    play.reset(1, 2, 3, 4)
    rng, seen = np.random.default_rng(0), np.zeros(len(STAGES) + 2)
    for third in range(3):
        if drive == "climb":
            put_ramps_at_obstacles(play, rng)
        seen += play_and_compare(play, drive, 30, seed=third)
        for n in range(4):
            check_perception(play, n)
    assert seen[9:11].min() >= 2.0 or drive != "climb"  # both teams have crossed something
