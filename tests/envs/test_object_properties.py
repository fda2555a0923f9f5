"""What holds in every game with boxes and ramps, whatever the level, the seed and the actions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.hide_and_seek.spaces import BOX_SLOTS, NUM_OBJECTS, STAGES
from tests.envs.drives import DRIVES, split
from tests.envs.object_invariants import Watch, gaps
from tests.envs.playing import Play, make_play

LEVELS = ["L1", "L2", "L3", "L4", "Q"]
MORE: dict[str, Any] = {"L2": {"num_ramps": 1}}  # than the level has by itself


@lru_cache(maxsize=64)
def play_for(level: str, seekers: int, hiders: int, worlds: int) -> Play:
    return make_play(
        worlds,
        level=level,
        num_seekers=seekers,
        num_hiders=hiders,
        num_layouts=8,
        prep_steps=40,
        episode_steps=200,
        **MORE.get(level, {}),
    )


def put_ramps_at_obstacles(play: Play, rng: np.random.Generator) -> int:
    """Moves ramps to walls and boxes, where there is room for them; returns how many."""
    env, moved = play.env, 0
    for n in range(env.num_envs):
        rects = env.objects.object_rect[n]
        walls = env.layouts.walls[env.world.layout[n]].T
        for k in range(BOX_SLOTS, NUM_OBJECTS):
            solids = np.concatenate([walls, rects[:BOX_SLOTS]])
            if rects[k, 2] == 0.0:
                continue
            for _ in range(20):
                x, y, half_x, half_y = solids[rng.integers(len(solids))]
                side = rng.choice([-1.0, 1.0])
                if rng.random() < 0.5:
                    x += side * (half_x + 0.4 + rng.uniform(0.0, 0.19))
                    y += rng.uniform(-half_y, half_y)
                else:
                    y += side * (half_y + 0.4 + rng.uniform(0.0, 0.19))
                    x += rng.uniform(-half_x, half_x)
                rect = np.array([x, y, 0.4, 0.4], np.float32)
                others = np.concatenate([solids, np.delete(rects[BOX_SLOTS:], k - BOX_SLOTS, 0)])
                apart = np.maximum(*gaps(rect[None, None].astype(float), others[None])).min()
                if apart >= 0.0 and np.all(np.abs(rect[:2] - 6.0) <= 5.6):
                    rects[k], moved = rect, moved + 1
                    break
    env.observe(play.out)
    return moved


def watch_play(play: Play, drive: str, steps: int, seed: int) -> np.ndarray:
    """Plays and checks; returns the sums of what finished episodes have counted, [14]."""
    watch, rng = Watch(play), np.random.default_rng(seed)
    counted = np.zeros(len(STAGES))
    for time in range(steps):
        if drive == "climb" and time % 200 == 0:
            put_ramps_at_obstacles(play, rng)
        watch.step(split(play, DRIVES[drive](play, rng, time)))
        counted += play.env.episode_stats[play.dones, -len(STAGES) :].sum(axis=0)
    return counted + play.env.objects.stage.sum(axis=0)


@settings(max_examples=25, deadline=None)
@given(
    level=st.sampled_from(LEVELS),
    seekers=st.integers(1, 3),
    hiders=st.integers(1, 3),
    drive=st.sampled_from(list(DRIVES)),
    seed=st.integers(0, 2**64 - 1),
    moves=st.integers(0, 2**32 - 1),
)
def test_invariants(
    level: str, seekers: int, hiders: int, drive: str, seed: int, moves: int
) -> None:
    play = play_for(level, seekers, hiders, 2)
    play.reset(seed, 2**64 - 1 - seed)
    play.env.world.time[1] = 40  # one in the preparation, one after it
    watch_play(play, drive, 30, moves)


@pytest.mark.parametrize("drive", DRIVES)
@pytest.mark.parametrize("level", LEVELS)
def test_crowds_that_look_for_trouble(level: str, drive: str) -> None:
    play = play_for(level, 3, 3, 24)
    play.reset(*range(24))
    watch_play(play, drive, 60, seed=1)
