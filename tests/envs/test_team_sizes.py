"""Teams that are smaller in some episodes: who does not take part changes nothing."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from envs.hide_and_seek.config import HideAndSeekConfig
from envs.hide_and_seek.kernels.presence import turns, whose_turn
from envs.hide_and_seek.players.catalog import make_player
from envs.render.ansi import draw_text
from envs.render.scene import build_scene
from tests.envs.drives import DRIVES, put_ramps_at_obstacles
from tests.envs.playing import Play, assert_same, make_play

MOST = 3
VARIED: dict[str, Any] = {
    "num_seekers": MOST,
    "num_hiders": MOST,
    "min_seekers": 1,
    "min_hiders": 1,
    "prep_steps": 20,
    "episode_steps": 80,
    "shaping_beta": 1.0,
    "shaping_cover": 1.0,
    "reward_early_catch": 1.0,
    "reward_moving": -0.1,
}
BY_AGENT = (
    *("pos", "vel", "heading", "holding", "grip", "climb", "crossed", "near", "sees_objects"),
)


def who_is_there(play: Play) -> np.ndarray:
    """[N, A] bool"""
    return play.env.world.pos[..., 0] >= 0.0


def fewer(play: Play, world: int) -> Play:
    """A world with just those who take part, as a game of teams that are always so small."""
    there = who_is_there(play)[world]
    sizes = {"num_seekers": int(there[:MOST].sum()), "num_hiders": int(there[MOST:].sum())}
    fixed = {name: value for name, value in VARIED.items() if not name.startswith("min_")}
    level = play.env.config.level
    small = make_play(1, autoreset=False, state=True, **(fixed | sizes | {"level": level}))
    small.reset(0)
    state = {name: array[world : world + 1].copy() for name, array in play.env.get_state().items()}
    for name in BY_AGENT:
        state[name] = state[name][:, there]
    state["sees"] = state["sees"][:, there][:, :, there]
    small.env.set_state(state)
    small.env.observe(small.out)
    return small


def same(play: Play, world: int, small: Play, there: np.ndarray) -> None:
    """Asserts that one world and the small game are alike, to the last bit."""
    mine, other = play.env.get_state(), small.env.get_state()
    for name, array in other.items():
        found = mine[name][world]
        found = found[there] if name in BY_AGENT else found
        found = found[there][:, there] if name == "sees" else found
        np.testing.assert_array_equal(found, array[0], err_msg=name)
    assert play.dones[world] == small.dones[0]
    for team, part in (("seeker", there[:MOST]), ("hider", there[MOST:])):
        here, alone = play.out[team], small.out[team]
        for name in ("obs", "action_mask", "valid", "state"):
            found = getattr(here, name)[world][part]
            np.testing.assert_array_equal(found, getattr(alone, name)[0], err_msg=f"{team} {name}")
        np.testing.assert_array_equal(play.rewards[team][world][part], small.rewards[team][0])


def absent_are_nothing(play: Play) -> None:
    absent = ~who_is_there(play)
    world = play.env.world
    assert np.all(world.pos[absent] == -100.0)
    assert not world.sees[absent].any()
    assert not world.sees.transpose(0, 2, 1)[absent].any()
    objects = play.env.objects
    assert np.all(objects.holding[absent] == -1)
    for array in (world.vel, objects.climb, objects.crossed, objects.near, objects.sees_objects):
        assert not array[absent].any()
    for team, part in (("seeker", absent[:, :MOST]), ("hider", absent[:, MOST:])):
        out = play.out[team]
        assert out.state is not None
        assert not out.obs[part].any()
        assert not out.state[part].any()
        assert not out.valid[part].any()
        assert not play.rewards[team][part].any()
        choices = out.action_mask[part]
        assert np.all(choices.sum(axis=1) == 5)  # in each head, nothing is done
    for scene_world in range(2):
        assert len(build_scene(play.env, scene_world).agents) == (~absent[scene_world]).sum()


@lru_cache(maxsize=8)
def varied(level: str, worlds: int = 12) -> Play:
    play = make_play(worlds, autoreset=False, state=True, level=level, **VARIED)
    play.reset(*range(worlds))
    return play


@pytest.mark.parametrize("drive", ["busy", "climb", "crush"])
@pytest.mark.parametrize("level", ["L0", "L2", "L3", "L4"])
def test_an_episode_is_that_of_a_game_with_just_those_who_take_part(level: str, drive: str) -> None:
    play, rng = varied(level), np.random.default_rng(3)
    play.env.next_episodes(play.out)
    if drive == "climb" and level == "L4":
        put_ramps_at_obstacles(play, rng)
        play.env.observe(play.out)
    there = who_is_there(play)
    games = [fewer(play, world) for world in range(play.env.num_envs)]
    assert len({tuple(row) for row in there}) >= 5
    for time in range(VARIED["episode_steps"]):
        actions = DRIVES[drive](play, rng, time)
        play.step({"seeker": actions[:, :MOST].copy(), "hider": actions[:, MOST:].copy()})
        absent_are_nothing(play)
        for world, small in enumerate(games):
            own = actions[world : world + 1, there[world]]
            split = small.env.config.num_seekers
            small.step({"seeker": own[:, :split].copy(), "hider": own[:, split:].copy()})
            same(play, world, small, there[world])
    assert play.dones.all()
    assert np.all(np.isfinite(play.env.episode_stats))


def test_every_size_is_drawn_alike_often() -> None:
    play = make_play(3000, level="L0", **VARIED)
    play.reset(*range(3000))
    there = who_is_there(play)
    for part in (there[:, :MOST], there[:, MOST:]):
        counts = np.bincount(part.sum(axis=1), minlength=4)
        assert counts[0] == 0
        assert abs(counts[1:] - 1000).max() < 150  # 5.8 standard deviations
        assert np.all(part[:, 0])
        assert np.all(part[:, 1] >= part[:, 2])  # the first of a team take part
    both = np.stack([there[:, :MOST].sum(axis=1), there[:, MOST:].sum(axis=1)])
    assert abs(np.corrcoef(both)[0, 1]) < 0.1


def test_those_who_take_part_come_first_in_turn() -> None:
    pos = np.full((6, 2), -100.0, np.float32)
    there = [0, 1, 3, 4, 5]
    pos[there] = 6.0
    for time in range(12):
        count, end = turns(pos, 3)
        order = [whose_turn(k, time, count, end, 3) for k in range(count)]
        assert order == there[time % 5 :] + there[: time % 5]


def test_teams_of_one_size_draw_nothing() -> None:
    sizes: dict[str, Any] = {"num_seekers": 2, "num_hiders": 3}
    plain = make_play(8, level="L3", **sizes)
    bounded = make_play(8, level="L3", min_seekers=2, min_hiders=3, **sizes)
    for play in (plain, bounded):
        play.reset(*range(8))
    rng = np.random.default_rng(0)
    for _ in range(50):
        actions = plain.random_actions(rng)
        for play in (plain, bounded):
            play.step(actions)
    assert_same(plain.everything(), bounded.everything())


def test_the_next_episode_has_a_size_of_its_own() -> None:
    play = make_play(6, level="L0", **VARIED)
    play.reset(*range(6))
    sizes, rng = set(), np.random.default_rng(0)
    for time in range(20 * VARIED["episode_steps"]):
        if time % VARIED["episode_steps"] == 0:
            sizes.add(tuple(who_is_there(play)[0]))
        play.step(play.random_actions(rng))
    assert len(sizes) >= 6


@pytest.mark.parametrize(
    ("level", "seeker", "hider"),
    [("L3", "chaser", "runner"), ("L3", "searcher", "blocker"), ("L4", "ramp_user", "blocker")],
)
def test_scripted_players_play_as_if_the_absent_were_not_there(
    level: str, seeker: str, hider: str
) -> None:
    play = make_play(6, autoreset=False, state=True, level=level, **VARIED)
    play.reset(*range(6))
    there = who_is_there(play)
    games = [fewer(play, world) for world in range(6)]

    def players() -> dict[str, Any]:
        return {"seeker": make_player(seeker, "seeker"), "hider": make_player(hider, "hider")}

    everybody, alone = players(), [players() for _ in games]
    for _ in range(VARIED["episode_steps"]):
        play.step({team: player.act(play.env) for team, player in everybody.items()})
        for world, (small, own) in enumerate(zip(games, alone, strict=True)):
            small.step({team: player.act(small.env) for team, player in own.items()})
            same(play, world, small, there[world])


@pytest.mark.parametrize("level", ["L0", "L1", "L2", "L3", "L4", "Q"])
def test_a_state_goes_on_to_the_same_bits(level: str) -> None:
    play = make_play(8, level=level, restart_share=0.3, **VARIED)
    play.reset(*range(8))
    rng = np.random.default_rng(1)
    script = [play.random_actions(rng) for _ in range(150)]
    for actions in script[:100]:
        play.step(actions)
    again = make_play(8, level=level, restart_share=0.3, **VARIED)
    again.reset(*range(8, 16))
    again.env.set_state({name: array.copy() for name, array in play.env.get_state().items()})
    for actions in script[100:]:
        for one in (play, again):
            one.step(actions)
        assert_same(play.everything(), again.everything())


def spoiled(play: Play, name: str, agent: int, value: Any) -> dict[str, np.ndarray]:
    state = {key: array.copy() for key, array in play.env.get_state().items()}
    state[name][0, agent] = value
    return state


def test_a_state_in_which_nobody_may_be_absent_is_refused() -> None:
    sizes: dict[str, Any] = {"num_seekers": 2, "num_hiders": 2}
    play = make_play(1, level="L3", min_hiders=1, **sizes)
    play.reset(0)
    cases = [
        ("pos", 0, -100.0, "do not take part"),  # the first of a team
        ("pos", 1, -100.0, "do not take part"),  # the seekers are always two
        ("pos", 3, -50.0, "do not take part"),  # somewhere outside
        ("pos", 3, (-100.0, 5.0), "do not take part"),  # half outside
    ]
    for name, agent, value, told in cases:
        with pytest.raises(ValueError, match=told):
            play.env.set_state(spoiled(play, name, agent, value))
    absent = spoiled(play, "pos", 3, -100.0)
    busy = [("vel", 0.0, 0.1), ("holding", -1, 0), ("near", 0, 1), ("climb", 0, 2)]
    busy += [("crossed", False, True), ("sees_objects", 0, 1), ("sees", False, True)]
    for name, idle, other in busy:
        absent[name][0, 3] = other
        with pytest.raises(ValueError, match=name):
            play.env.set_state(absent)
        absent[name][0, 3] = idle
    absent["sees"][0, 2, 3] = True
    with pytest.raises(ValueError, match="'sees' has somebody see one who does not take part"):
        play.env.set_state(absent)
    absent["sees"][0, 2, 3] = False
    play.env.set_state(absent)
    always = make_play(1, level="L3", **sizes)
    always.reset(0)
    with pytest.raises(ValueError, match=r"'pos' must be from 0 to 12$"):
        always.env.set_state(absent)


def test_the_settings_say_what_does_not_fit() -> None:
    with pytest.raises(ValidationError, match="min_hiders must be from 1 to num_hiders = 2, got 3"):
        HideAndSeekConfig(level="L3", min_hiders=3)
    with pytest.raises(ValidationError):
        HideAndSeekConfig(level="L3", min_hiders=0)
    config = HideAndSeekConfig(level="L3", num_hiders=3, min_hiders=1).resolved()
    assert config.title == "L3, 2 seeking against 1 to 3 hiding"
    assert (config.min_seekers, config.min_hiders) == (2, 1)


def test_a_picture_shows_who_takes_part() -> None:
    play = varied("L3")
    rows = who_is_there(play).sum(axis=1)
    few, many = int(rows.argmin()), int(rows.argmax())
    scenes = [build_scene(play.env, world) for world in (few, many)]
    assert [len(scene.agents) for scene in scenes] == [rows[few], rows[many]]
    for scene in scenes:
        assert all(0.0 <= agent.x <= 12.0 for agent in scene.agents)
        assert draw_text(scene)
