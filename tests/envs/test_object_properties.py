"""What holds in every game with boxes and ramps, whatever the level, the seed and the actions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.hide_and_seek.spaces import STAGES
from tests.envs.drives import DRIVES, put_ramps_at_obstacles, split
from tests.envs.object_invariants import Watch
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


@pytest.mark.slow
@pytest.mark.parametrize("drive", DRIVES)
@pytest.mark.parametrize("level", LEVELS)
def test_millions_of_steps(level: str, drive: str) -> None:
    play = play_for(level, 3, 3, 128)
    play.reset(*range(1000, 1128))
    watch_play(play, drive, 300, seed=2)
