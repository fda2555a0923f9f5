"""Rewards, statistics and shaping over whole episodes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.hide_and_seek.kernels import rewards as kernels
from envs.hide_and_seek.layouts import walls_of
from envs.hide_and_seek.spaces import BOX_SLOTS
from tests.envs import reference
from tests.envs.playing import Play, make_play, place
from tests.envs.reference import line_is_clear

GAMMA = 0.9


def play_episode(play: Play, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Plays one random episode of world 0; returns seeker rewards [T] and sightings [T]."""
    play.env.autoreset = False
    rng = np.random.default_rng(seed)
    play.reset(*range(play.env.num_envs))
    rewards, seen = [], []
    split = play.env.rules.num_seekers
    for _ in range(play.env.config.episode_steps):
        play.step(play.random_actions(rng))
        rewards.append(float(play.rewards["seeker"][0, 0]))
        seen.append(bool(play.env.world.sees[0, :split, split:].any()))
    assert play.dones.all()
    return np.array(rewards), np.array(seen)


def test_reward_is_zero_in_the_preparation_then_plus_or_minus_one() -> None:
    play = make_play(1, level="L0", num_seekers=3, num_hiders=2, prep_steps=10, episode_steps=40)
    rewards, seen = play_episode(play, 1)
    assert np.all(rewards[:10] == 0.0)
    assert np.array_equal(rewards[10:], np.where(seen[10:], 1.0, -1.0))
    assert 0 < seen[10:].sum() < 30  # both outcomes occur in this game


@pytest.mark.parametrize("seed", range(4))
def test_episode_stats_are_those_of_the_steps(seed: int) -> None:
    play = make_play(
        1, level="L0", num_seekers=2, prep_steps=10, episode_steps=40, layout_seed=seed
    )
    rewards, seen = play_episode(play, seed)
    main = seen[10:]
    stats = dict(zip(play.env.stat_names, play.env.episode_stats[0], strict=True))
    expected = {
        "length": 40,
        "seeker_return": rewards.sum(),
        "hider_return": -rewards.sum(),
        "seeker_return_shaped": rewards.sum(),
        "hider_return_shaped": -rewards.sum(),
        "seen_fraction": np.float32(main.mean()),
        "first_seen_step": int(np.argmax(main)) if main.any() else 30,
        "perfect_hide": float(not main.any()),
    }
    assert expected.items() <= stats.items()


def test_one_seen_hider_is_enough_and_mates_do_not_count() -> None:
    open_field: list = []
    seekers, hidden = [(2.0, 6.0, 0), (3.0, 9.0, 0)], (1.0, 1.0, 0)
    play = place(open_field, seekers, [(6.0, 6.0, 0), hidden], level="L2")
    play.step(play.noop())
    assert np.all(play.rewards["seeker"] == 1.0)
    play = place(open_field, seekers, [(1.0, 2.0, 0), hidden], level="L2")
    play.step(play.noop())
    assert np.all(play.rewards["hider"] == 1.0)


def test_potential_is_minus_the_mean_walk_to_the_nearest_seeker() -> None:
    rng = np.random.default_rng(0)
    pos = rng.uniform(0.3, 11.7, (5, 2)).astype(np.float32)
    table = rng.integers(0, 256, (576, 576)).astype(np.uint8)
    cells = [int(y / 0.5) * 24 + int(x / 0.5) for x, y in pos]
    walks = [min(table[cells[i], cells[j]] for i in range(2)) * 0.1 for j in range(2, 5)]
    expected = -np.mean(walks) / 12.0
    assert kernels.potential(pos, 2, table) == pytest.approx(expected, rel=1e-5)


def exposure(play: Play) -> float:
    """The share of the hiders of world 0 that walls and boxes do not hide from all seekers."""
    pos, split = play.env.world.pos[0].astype(float), play.env.rules.num_seekers
    rects = walls_of(play.env.layouts, play.env.world.layout[0]).astype(float)
    boxes = play.env.objects.object_rect[0, :BOX_SLOTS].astype(float)
    walls = [(x, y, w, h) for x, y, w, h in [*rects.tolist(), *boxes.tolist()]]
    return float(
        np.mean([any(line_is_clear(s, h, walls) for s in pos[:split]) for h in pos[split:]])
    )


def potentials(play: Play, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Plays as `play_episode`; returns shaped rewards [T] and potentials [T], weighted."""
    play.env.autoreset = False
    rng = np.random.default_rng(seed)
    play.reset(0)
    rewards, phi = [], []
    world, config = play.env.world, play.env.config
    for _ in range(config.episode_steps):
        play.step(play.random_actions(rng))
        rewards.append(float(play.rewards["seeker"][0, 0]))
        both = config.shaping_cover * exposure(play)
        if config.shaping_beta > 0.0:
            table = play.env.layouts.distances[world.layout[0]]
            way = kernels.potential(world.pos[0], play.env.rules.num_seekers, table)
            both += config.shaping_beta * way
        phi.append(both)
    return np.array(rewards), np.array(phi)


SHAPED: dict[str, Any] = {
    "level": "L2",
    "prep_steps": 6,
    "episode_steps": 40,
    "shaping_gamma": GAMMA,
}
WEIGHTED: list[dict[str, Any]] = [
    {"shaping_beta": 0.5},
    {"shaping_cover": 0.5},
    {"shaping_beta": 0.5, "shaping_cover": 2.0},
]


@pytest.mark.parametrize("weights", WEIGHTED)
def test_shaping_adds_the_difference_of_potentials(weights: dict[str, Any]) -> None:
    """Per step gamma phi' - phi, nothing in the preparation, phi = 0 at the end."""
    changes = 0
    for seed in range(6):
        plain, _ = play_episode(make_play(1, **SHAPED), seed)
        shaped, phi = potentials(make_play(1, **SHAPED, **weights), seed)
        changes += len(set(phi[6:-1])) - 1
        phi[:6] = 0.0
        phi[-1] = 0.0
        before = np.concatenate([[0.0], phi[:-1]])
        np.testing.assert_allclose(shaped - plain, GAMMA * phi - before, atol=1e-5)
        assert np.all(shaped[:6] == 0.0)
    assert changes >= 3  # else there was little to see


@pytest.mark.parametrize("weights", WEIGHTED)
def test_shaping_leaves_the_game_the_raw_return_and_the_discounted_sum_alone(
    weights: dict[str, Any],
) -> None:
    play = make_play(1, **SHAPED, **weights)
    shaped, _ = potentials(play, 3)
    stats = dict(zip(play.env.stat_names, play.env.episode_stats[0], strict=True))
    plain, _ = play_episode(make_play(1, **SHAPED), 3)
    discounts = GAMMA ** np.arange(len(plain))
    assert (shaped * discounts).sum() == pytest.approx((plain * discounts).sum(), abs=1e-4)
    assert not np.array_equal(shaped, plain)
    assert stats["seeker_return"] == plain.sum()
    assert stats["seeker_return_shaped"] == pytest.approx(shaped.sum(), abs=1e-4)
    assert stats["hider_return_shaped"] == -stats["seeker_return_shaped"]


@pytest.mark.parametrize("name", ["shaping_beta", "shaping_cover"])
def test_a_falling_weight_keeps_the_sum_because_the_weight_is_part_of_the_potential(
    name: str,
) -> None:
    game: dict[str, Any] = {
        "level": "L2",
        "prep_steps": 2,
        "episode_steps": 12,
        "shaping_gamma": 1.0,
    }
    plain, _ = play_episode(make_play(1, **game), 5)
    play = make_play(1, **game | {name: 1.0}, autoreset=False)
    rng = np.random.default_rng(5)
    play.reset(0)
    total = 0.0
    for step in range(12):
        play.env.set_parameters({name: max(0.0, 1.0 - 0.1 * step)})
        play.step(play.random_actions(rng))
        total += float(play.rewards["seeker"][0, 0])
        np.testing.assert_array_equal(play.rewards["seeker"][0, 0], -play.rewards["hider"][0])
    assert total == pytest.approx(plain.sum(), abs=1e-4)


@pytest.mark.parametrize("name", ["shaping_beta", "shaping_cover"])
def test_a_reset_in_mid_episode_leaves_no_shaping_behind(name: str) -> None:
    game: dict[str, Any] = {"level": "L2", "prep_steps": 2, "episode_steps": 12, name: 1.0}
    fresh, used = make_play(1, **game), make_play(1, **game)
    used.reset(5)
    for _ in range(7):
        used.step(used.noop())
    for play in (fresh, used):
        play.reset(6)
        play.step(play.noop())
        assert np.all(play.rewards["seeker"] == 0.0)
    first, second = (p.env.get_state()["shaping_return"] for p in (fresh, used))
    np.testing.assert_array_equal(first, second)


def test_cover_is_a_wall_or_a_box_on_every_line_whatever_the_range_and_the_direction() -> None:
    """The first step of the main phase pays the whole potential, on top of -1 for unseen hiders."""
    away = [(2.0, 6.0, 16), (2.0, 2.0, 16)]  # seekers, who look at the border
    hiders = [(10.0, 6.0, 0), (10.0, 10.0, 0)]
    walls = [(6.0, 6.0, 0.1, 0.5)]  # hides the first hider from the first seeker alone

    def paid(walls: list, boxes: list[tuple[int, tuple[float, ...]]] = []) -> float:  # noqa: B006
        settings: dict[str, Any] = {"shaping_cover": 1.0, "shaping_gamma": 1.0, "vision_range": 1.0}
        play = place(walls, away, hiders, level="L2", **settings)
        play.env.rules = play.env.rules._replace(has_objects=True)
        for box, rect in boxes:
            play.env.objects.object_rect[0, box] = rect
        play.step(play.noop())
        return float(play.rewards["seeker"][0, 0]) + 1.0

    assert paid([]) == 1.0
    assert paid(walls) == 1.0  # the second seeker has a line
    assert paid([*walls, (4.0, 3.0, 0.6, 0.6)]) == 0.5
    assert paid(walls, [(2, (4.0, 3.0, 0.6, 0.6))]) == 0.5  # a box does what a wall does
    assert paid([(6.0, 6.0, 0.1, 6.0)]) == 0.0


def test_distance_tables_are_built_only_when_shaping_is_on() -> None:
    play = make_play(1, level="L0")
    assert play.env.layouts.distances.nbytes == 1
    play.env.set_parameters({"shaping_beta": 0.2})
    assert play.env.layouts.distances.shape == (4, 576, 576)


WEIGHTS: dict[str, Any] = {
    "reward_unseen": 0.5,
    "reward_seen": 2.0,
    "reward_early_catch": 10.0,
    "reward_perfect_hide": 7.0,
    "reward_moving": -0.25,
}


def record(play: Play, seed: int) -> tuple[list[bool], list[list[float]], np.ndarray]:
    """Plays one random episode of world 0; returns sightings [T], meters [T, A], rewards [T, A]."""
    play.env.autoreset = False
    rng, split = np.random.default_rng(seed), play.env.rules.num_seekers
    play.reset(seed)
    seen, moved, rewards = [], [], []
    for _ in range(play.env.config.episode_steps):
        before = play.env.world.pos[0].copy()
        play.step(play.random_actions(rng))
        way = play.env.world.pos[0] - before
        seen.append(bool(play.env.world.sees[0, :split, split:].any()))
        moved.append([math.hypot(x, y) for x, y in way])
        rewards.append(np.concatenate([play.rewards[team][0] for team in ("seeker", "hider")]))
    return seen, moved, np.array(rewards)


@settings(max_examples=25, deadline=None)
@given(
    weights=st.fixed_dictionaries(
        {
            name: st.sampled_from([0.0, 1.0, 0.3, 25.0])
            for name in ("reward_unseen", "reward_seen", "reward_early_catch")
        }
        | {"reward_perfect_hide": st.sampled_from([0.0, 5.0])}
        | {"reward_moving": st.sampled_from([0.0, -1.0, 0.1])}
    ),
    seed=st.integers(0, 50),
    angle=st.sampled_from([3.0, 135.0]),
)
def test_every_weight_is_paid_as_the_rules_say(
    weights: dict[str, Any], seed: int, angle: float
) -> None:
    play = make_play(1, level="L2", prep_steps=6, episode_steps=30, vision_angle=angle, **weights)
    seen, moved, got = record(play, seed)
    names = {"unseen": "unseen_step", "seen": "seen_step"}
    short = {name.removeprefix("reward_"): value for name, value in weights.items()}
    wanted = {names.get(name, name): value for name, value in short.items()}
    expected = reference.rewards(seen, moved, 2, 6, **wanted)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    stats = dict(zip(play.env.stat_names, play.env.episode_stats[0], strict=True))
    assert stats["seeker_return"] == pytest.approx(got[:, :2].mean(axis=1).sum(), abs=1e-3)
    assert stats["hider_return"] == pytest.approx(got[:, 2:].mean(axis=1).sum(), abs=1e-3)
    if weights["reward_moving"] == 0.0:
        np.testing.assert_array_equal(got[:, 0], -got[:, 2])  # zero-sum, to the same bits
        assert stats["hider_return"] == -stats["seeker_return"]


def test_a_hider_that_is_never_seen_is_paid_for_it_at_the_end() -> None:
    play = place([], [(2.0, 6.0, 16)], [(6.0, 6.0, 0)], time=78, **WEIGHTS)
    for expected in (0.5, 0.5 + 7.0):
        play.step(play.noop())
        assert play.rewards["hider"][0, 0] == expected
        assert play.rewards["seeker"][0, 0] == -expected


def test_weights_may_change_while_worlds_play_on() -> None:
    """From the next step on, also for a state of before they existed."""
    play = make_play(2, level="L2", prep_steps=2, episode_steps=12)
    play.reset(1, 2)
    rng = np.random.default_rng(0)
    for _ in range(5):
        play.step(play.random_actions(rng))
    old = play.env.get_state()
    del old["moving_return"]
    other = make_play(2, level="L2", prep_steps=2, episode_steps=12, reward_unseen=3, reward_seen=4)
    other.env.set_state(old)
    actions = play.random_actions(rng)
    for one in (play, other):
        one.step(actions)
    seen = play.rewards["seeker"] > 0
    assert np.array_equal(other.rewards["seeker"], np.where(seen, 4.0, -3.0))
    other.env.set_parameters({"reward_seen": 1.0, "reward_unseen": 1.0})
    for one in (play, other):
        one.step(actions)
    assert np.array_equal(other.rewards["seeker"], play.rewards["seeker"])


@pytest.mark.parametrize("autoreset", [True, False])
def test_the_pay_changes_nothing_else_in_the_game(autoreset: bool) -> None:
    game: dict[str, Any] = {
        "level": "L2",
        "prep_steps": 2,
        "episode_steps": 7,
        "autoreset": autoreset,
    }
    plain, paid = make_play(3, **game), make_play(3, **game, **WEIGHTS)
    for play in (plain, paid):
        play.reset(1, 2, 3)
    rng = np.random.default_rng(0)
    for step in range(20):
        actions = plain.random_actions(rng)
        for play in (plain, paid):
            play.step(actions)
            if not autoreset and play.dones.all():
                play.env.next_episodes(play.out)
        for one, other in zip(plain.out.values(), paid.out.values(), strict=True):
            np.testing.assert_array_equal(one.obs, other.obs)
        np.testing.assert_array_equal(plain.dones, paid.dones)
        assert bool(plain.dones.all()) == (step % 7 == 6)
    np.testing.assert_array_equal(plain.env.episode_stats[:, 5:], paid.env.episode_stats[:, 5:])
    assert (paid.env.get_state()["moving_return"] < 0.0).all()


def test_a_state_with_the_largest_shaping_there_can_be_is_taken_back() -> None:
    settings: dict[str, Any] = {
        "shaping_beta": 1000.0,
        "shaping_cover": 1000.0,
        "shaping_gamma": 0.0,
        "prep_steps": 1,
        "episode_steps": 1000,
        "num_layouts": 1,
    }
    play = make_play(1, level="L1", **settings)
    play.reset(0)
    for _ in range(990):
        play.step(play.noop())
    state = play.env.get_state()
    assert state["shaping_return"][0] > 1e6
    play.env.set_state(state)
