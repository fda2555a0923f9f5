"""Several levels in one game: which level an episode is of, and what follows from that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from envs.hide_and_seek.config import HideAndSeekConfig, of_checkpoint
from envs.hide_and_seek.layouts import build_layouts, walls_of
from envs.hide_and_seek.spaces import BOX_SIZE, BOXES_AT, STAGES, STAT_NAMES
from tests.envs.playing import Play, make_play

LEVELS = ["L1", "L2", "L3"]
GAME: dict[str, Any] = {"level": "L1", "curriculum": {"levels": LEVELS}}
SHORT = {**GAME, "episode_steps": 2, "prep_steps": 1}


def config(**settings: Any) -> HideAndSeekConfig:
    return HideAndSeekConfig(**{**GAME, **settings})


def levels_begun(play: Play, episodes: int) -> np.ndarray:
    """The levels of the episodes that worlds begin now, [episodes, N]."""
    found = []
    for _ in range(episodes):
        play.env.next_episodes(play.out)
        found.append(play.env.layouts.level[play.env.world.layout])
    return np.stack(found)


def test_a_bank_holds_the_layouts_of_each_level_in_turn() -> None:
    joined = build_layouts(("L1", "L3"), 3, 5)
    assert joined.level.tolist() == [0, 0, 0, 1, 1, 1]
    for first, level in ((0, "L1"), (3, "L3")):
        alone = build_layouts(level, 3, 5)
        for k in range(3):
            assert np.array_equal(walls_of(joined, first + k), walls_of(alone, k))
            for field in ("object_half", "num_spawns", "num_object_places", "num_doors"):
                assert np.array_equal(getattr(joined, field)[first + k], getattr(alone, field)[k])
            for team in range(2):
                count = alone.num_spawns[k, team]
                places = joined.spawns[first + k, team, :count]
                assert np.array_equal(places, alone.spawns[k, team, :count])


@pytest.mark.parametrize(
    ("stage", "shares"), [(0, [1.0, 0.0, 0.0]), (1, [0.3, 0.7, 0.0]), (2, [0.15, 0.15, 0.7])]
)
def test_episodes_are_of_the_stage_and_of_earlier_levels(stage: int, shares: list[float]) -> None:
    play = make_play(500, level="L1", curriculum={"levels": LEVELS, "earlier_share": 0.3})
    play.reset(*range(500))
    play.env.set_parameters({"stage": stage})
    counts = np.bincount(levels_begun(play, 10).ravel(), minlength=3)
    assert counts / counts.sum() == pytest.approx(shares, abs=0.03)
    assert [count > 0 for count in counts] == [share > 0 for share in shares]


@pytest.mark.parametrize("stage", range(6))
def test_rounding_never_leaves_an_episode_to_a_level_that_is_yet_to_come(stage: int) -> None:
    names = ["L0", "L1", "L2", "L3", "L4", "Q"]
    for share in (0.1, 0.3, 0.7):
        levels = {"levels": names, "earlier_share": share}
        play = make_play(1, num_layouts=1, level="L0", curriculum=levels)
        play.env.set_parameters({"stage": stage})
        assert play.env.rules.level_share.dtype == np.float32
        assert (play.env.rules.level_share[stage:] == 1.0).all()
        assert (play.env.rules.level_share[:stage] < 1.0).all()


def test_without_a_share_for_earlier_levels_only_the_stage_is_played() -> None:
    play = make_play(50, level="L1", curriculum={"levels": LEVELS, "earlier_share": 0.0})
    play.env.set_parameters({"stage": 2})
    play.reset(*range(50))
    assert (levels_begun(play, 4) == 2).all()


def test_a_stage_counts_from_a_world_s_next_episode_on() -> None:
    play = make_play(6, level="L1", curriculum={"levels": ["L1", "L2"], "earlier_share": 0.0})
    play.reset(*range(6))
    layouts = play.env.world.layout.copy()
    play.env.set_parameters({"stage": 1})
    play.step(play.noop())
    assert np.array_equal(play.env.world.layout, layouts)
    for _ in range(79):
        play.step(play.noop())
    assert (play.env.layouts.level[play.env.world.layout] == 1).all()
    assert (play.env.world.episode_steps == 100).all()
    assert (play.env.world.prep_steps == 40).all()


def test_episodes_tell_their_level_and_take_its_times() -> None:
    play = make_play(40, level="L1", curriculum={"levels": ["L1", "L2"], "earlier_share": 0.5})
    play.env.set_parameters({"stage": 1})
    play.reset(*range(40))
    begun = play.env.layouts.level[play.env.world.layout]
    assert set(begun) == {0, 1}
    ended = np.full(40, -1)
    for step in range(1, 101):
        play.step(play.noop())
        first = play.dones & (ended < 0)
        ended[first] = step
        assert (play.env.episode_stats[first, STAT_NAMES.index("level")] == begun[first]).all()
    assert np.array_equal(ended, np.where(begun == 0, 80, 100))


def test_the_same_seed_gives_the_same_game_in_any_number_of_worlds() -> None:
    many, one = make_play(5, **SHORT), make_play(1, **SHORT)
    for play, seeds in ((many, range(5)), (one, [3])):
        play.env.set_parameters({"stage": 2})
        play.reset(*seeds)
    random = np.random.default_rng(0)
    levels = set()
    for _ in range(60):
        actions = many.random_actions(random)
        many.step(actions)
        one.step({name: array[3:4] for name, array in actions.items()})
        for of_many, of_one in zip(many.everything(), one.everything(), strict=True):
            assert np.array_equal(of_many[3], of_one[0])
        levels.add(int(one.env.layouts.level[one.env.world.layout[0]]))
    assert levels == {0, 1, 2}


def test_the_stage_is_a_parameter_and_can_be_set_again() -> None:
    play = make_play(2, **GAME)
    before, rules = play.env.config, play.env.rules
    assert before.parameters["stage"] == 0.0
    old = play.env.set_parameters({"stage": 1.6, "vision_angle": 90.0})
    after = play.env.config
    assert after.parameters["stage"] == 2.0
    assert (after.prep_steps, after.episode_steps) == (96, 240)
    assert play.env.rules.level_share.tolist() == pytest.approx([0.1, 0.2, 1.0])
    play.env.set_parameters(old)
    assert play.env.config == before
    assert np.array_equal(play.env.rules.level_share, rules.level_share)


def test_times_are_each_level_s_own_unless_they_are_set() -> None:
    assert config().times == ((32, 80), (40, 100), (96, 240))
    assert config(prep_steps=10).times == ((10, 80), (10, 100), (10, 240))
    both = config(prep_steps=10, episode_steps=50).resolved()
    assert both.times == ((10, 50),) * 3
    assert {"prep_steps", "prep_share", "episode_steps", "stage"} <= set(both.parameters)
    assert both.with_parameters({"prep_share": 0.5, "stage": 1}).times == ((25, 50),) * 3
    own = config().resolved()
    assert not {"prep_steps", "prep_share", "episode_steps"} & set(own.parameters)
    with pytest.raises(ValueError, match=r"'prep_share' cannot change .* each level's own"):
        own.with_parameters({"prep_share": 0.5})
    half = config(prep_steps=10).resolved()
    assert half.with_parameters({"prep_steps": 20, "stage": 2}).times[2] == (20, 240)


def test_teams_are_those_of_the_first_level_in_all_of_them() -> None:
    assert config().resolved().team_sizes == {"seeker": 1, "hider": 1}
    assert config(num_hiders=3).resolved().team_sizes == {"seeker": 1, "hider": 3}


def test_columns_are_live_from_the_start_that_any_level_needs() -> None:
    first, all_three = HideAndSeekConfig(level="L1").resolved(), config().resolved()
    columns = [set(game.spec.teams[0].live_columns or ()) for game in (first, all_three)]
    assert columns[0] < columns[1]
    fourth_box = set(range(BOXES_AT + 3 * BOX_SIZE, BOXES_AT + 4 * BOX_SIZE))
    assert fourth_box <= columns[1]
    assert not fourth_box & columns[0]


def test_what_is_reported_is_what_the_levels_can_have() -> None:
    plain = {"seen_fraction", "first_seen_step", "perfect_hide"}
    of_ramps = {name for name in STAGES if "ramp" in name or "crossings" in name}
    of_locks = {name for name in STAGES if "locks" in name}

    def more(**settings: Any) -> set[str]:
        return set(HideAndSeekConfig(**settings).resolved().metrics) - plain

    assert more(level="L0") == set()
    assert more(level="L3", num_boxes=0) == set()
    assert more(level="L1") == set(STAGES) - of_ramps
    assert more(level="L4") == set(STAGES)
    assert more(level="Q", num_boxes=0) == of_ramps  # which cannot be locked there
    assert more(level="L0", num_boxes=1) == set(STAGES) - of_ramps - {"door_blocked"}
    assert more(level="L0", num_ramps=1) == of_ramps | of_locks
    assert more(level="L0", curriculum={"levels": ["L0", "L4"]}) == {*STAGES, "level"}


def test_only_the_levels_of_a_curriculum_are_rules() -> None:
    promote = {"metric": "sealed", "above": 0.5}
    games = [
        config().resolved(),
        config(curriculum={"levels": LEVELS, "earlier_share": 0.0, "promote": promote}).resolved(),
        config().resolved().with_parameters({"stage": 1}),
    ]
    assert games[0].rules == games[1].rules == games[2].rules
    assert games[0].rules["curriculum"] == LEVELS
    assert config(prep_steps=9).resolved().rules["prep_steps"] == 9
    assert HideAndSeekConfig(level="L1").resolved().rules["curriculum"] is None
    assert games[1].record["curriculum"]["promote"]["above"] == 0.5
    assert HideAndSeekConfig.model_validate(games[1].record).resolved().rules != {}


def test_a_curriculum_has_a_name_and_a_title() -> None:
    game = config(num_boxes=0, num_ramps=1).resolved()
    assert game.label == "L1-L2-L3"
    assert game.title == "L1 > L2 > L3, 1 seeking against 1 hiding, boxes: 0, ramps: 1"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"levels": ["L1"]}, "at least 2 items"),
    ({"levels": ["L1", "L9"]}, "level 'L9' is unknown; did you mean"),
    ({"levels": ["L1", "L2", "L1"]}, "level 'L1' is in the list more than once"),
    ({"levels": ["L2", "L3"]}, "level must be the first of curriculum.levels, 'L2', got 'L1'"),
    ({"levels": LEVELS, "earlier_share": 1.0}, "less than 1"),
    ({"levels": LEVELS, "earlier_share": -0.1}, "greater than or equal to 0"),
    ({"levels": LEVELS, "earlier_share": True}, "valid number"),
    ({"levels": LEVELS, "earlier_shares": 0.1}, "did you mean 'earlier_share'"),
    ({"levels": "L1"}, "valid tuple"),
    ({}, "levels"),
]
PROMOTE: list[tuple[dict[str, Any], str]] = [
    (
        {"metric": "seen_fractions", "below": 0.5},
        "'seen_fractions' is unknown; did you mean 'seen_fraction'",
    ),
    ({"metric": "seeker_ramp_main", "above": 1.0}, "'seeker_ramp_main' is unknown"),
    ({"metric": "sealed"}, "needs above or below, a number; neither is given"),
    ({"metric": "sealed", "above": 0.5, "below": 0.5}, "both are given"),
    ({"metric": "sealed", "above": 0.5, "iterations": 0}, "greater than or equal to 1"),
    ({"metric": "sealed", "above": float("nan")}, "finite number"),
    ({"metric": "sealed", "abov": 0.5}, "did you mean 'above'"),
]


@pytest.mark.parametrize(("curriculum", "message"), BAD)
def test_a_curriculum_that_cannot_be_is_refused(curriculum: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(curriculum=curriculum)


@pytest.mark.parametrize(("promote", "message"), PROMOTE)
def test_a_promotion_that_cannot_be_is_refused(promote: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(curriculum={"levels": LEVELS, "promote": promote})


def test_times_must_fit_every_level() -> None:
    with pytest.raises(ValidationError, match=r"episode_steps - 1 = 79 at level L1, got 90"):
        config(prep_steps=90)
    with pytest.raises(ValidationError, match="at level L3, got 96"):
        config(episode_steps=90)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stage": 3}, "stage must be from 0 to 2"),
        ({"stage": -1}, "stage must be greater than or equal to 0"),
        ({"stages": 1}, "did you mean 'stage'"),
    ],
)
def test_a_stage_that_does_not_exist_is_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config().resolved().with_parameters(values)


def test_without_a_curriculum_there_is_no_stage() -> None:
    game = HideAndSeekConfig(level="L1").resolved()
    assert "stage" not in game.parameters
    with pytest.raises(ValueError, match=r"'stage' cannot change while playing; there is no curr"):
        game.with_parameters({"stage": 0})
    with pytest.raises(ValidationError, match="'stage' is not a game setting"):
        HideAndSeekConfig.model_validate({"level": "L1", "stage": 0})


@pytest.mark.parametrize("level", ["L0", "L1", "L2", "L3"])
def test_a_game_from_before_there_were_objects_has_none(level: str) -> None:
    then: dict[str, Any] = {"level": level, "num_layouts": 4}
    assert HideAndSeekConfig(**of_checkpoint(then)).resolved().contents.objects is False
    now = {**then, "num_boxes": None, "num_ramps": None}
    assert of_checkpoint(now) == now
