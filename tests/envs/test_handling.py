"""What agents do with boxes and ramps: every step of crowded games against the slow reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from envs.hide_and_seek.spaces import BOXES_AT, STAGES
from tests.envs import reference, reference_handling, reference_objects
from tests.envs.crowds import crowded_worlds, row_of, scene_of
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


def busy_actions(play: Play, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """They hold on to what they have, press ahead, and lock now and then."""
    actions = play.random_actions(rng)
    for team in actions.values():
        shape = team.shape[:-1]
        team[..., 0] = np.where(rng.random(shape) < 0.6, 2, team[..., 0])
        team[..., 3] = rng.random(shape) < 0.9
        team[..., 4] *= rng.random(shape) < 0.15
    return actions


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


def play_and_compare(play: Play, steps: int, seed: int) -> np.ndarray:
    """Plays busily; returns the sums of what was counted, of turned planks and of lost grips."""
    rng, env = np.random.default_rng(seed), play.env
    seen = np.zeros(len(STAGES) + 2)
    for _ in range(steps):
        actions = busy_actions(play, rng)
        together = np.concatenate([actions["seeker"], actions["hider"]], axis=1)
        moments = [moment_of(play, n) for n in range(env.num_envs)]
        stages, rects = env.objects.stage.copy(), env.objects.object_rect.copy()
        before = env.objects.holding.copy()
        play.step(actions)
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
    seen = play_and_compare(play, 25, seed=1)
    assert seen[:11].min() >= 1.0  # everything that is counted has come up
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


@pytest.mark.parametrize("level", ["L2", "L3", "L4", "Q"])
def test_whole_games_agree_with_the_reference(level: str) -> None:
    play = make_play(3, level=level, num_seekers=3, num_hiders=3, prep_steps=30, episode_steps=90)
    play.env.autoreset = False
    play.reset(1, 2, 3)
    for third in range(3):
        play_and_compare(play, 30, seed=third)
        for n in range(3):
            check_perception(play, n)
