"""What every scripted player promises: one game for a seed, whatever is played beside it."""

from __future__ import annotations

import numpy as np
import pytest

from envs.hide_and_seek.players.catalog import make_player
from envs.hide_and_seek.players.names import SCRIPTED
from envs.hide_and_seek.spaces import NOOP
from tests.envs.players.games import at_random, play_out, start

PLAYERS = [(team, name) for team, names in SCRIPTED.items() for name in names]


@pytest.mark.parametrize(("team", "name"), PLAYERS)
def test_a_world_is_played_alike_alone_and_among_others(team: str, name: str) -> None:
    many, alone = start("L4", 4), start("L4", 1)
    alone.reset(2)
    first, second = make_player(name, team), make_player(name, team)
    for _ in range(120):
        both = first.act(many.env), second.act(alone.env)
        assert np.array_equal(both[0][2:3], both[1])
        for play, actions in zip((many, alone), both, strict=True):
            play.step(play.noop() | {team: actions})


@pytest.mark.parametrize(("team", "name"), PLAYERS)
def test_only_the_worlds_asked_for_are_played(team: str, name: str) -> None:
    play, player = start("L4", 3), make_player(name, team)
    for _ in range(100):
        play.step(play.noop())
    some, all_of_them = player.act(play.env, slice(1, 2)), make_player(name, team).act(play.env)
    assert np.array_equal(some[1], all_of_them[1])
    assert (some[[0, 2]] == NOOP).all()
    assert not (all_of_them == NOOP).all()


def test_the_seed_is_of_its_own_choices() -> None:
    def played(seed: int) -> np.ndarray:
        play, player = start("L0", 8), make_player("searcher", "seeker", seed)
        play_out(play, {"seeker": player.act, "hider": at_random("hider")})
        return play.env.world.pos[:, 0].copy()

    assert np.array_equal(played(0), played(0))
    assert not np.array_equal(played(0), played(1))


def test_the_next_episode_is_begun_afresh() -> None:
    play, player = start("L1", 4), make_player("blocker", "hider")
    acts = {"seeker": make_player("chaser", "seeker").act, "hider": player.act}
    first = play_out(play, acts)
    play.reset(0, 1, 2, 3)
    play.dones[:] = False
    again = play_out(play, acts)
    assert all(np.array_equal(first[key], again[key]) for key in first)


def test_a_runner_lies_low_at_its_place_again_in_a_game_that_is_played_again() -> None:
    play, player = start("L1", 4), make_player("runner", "hider")

    def places(*seeds: int) -> np.ndarray:
        play.reset(*seeds)
        play.dones[:] = False
        play_out(play, {"seeker": make_player("chaser", "seeker").act, "hider": player.act})
        return play.env.world.pos.copy()

    first, others, again = places(0, 1, 2, 3), places(0, 5, 6, 7), places(0, 1, 2, 3)
    assert np.array_equal(first, again)
    assert np.array_equal(first[0], others[0])
    fresh = make_player("runner", "hider")
    player, kept = fresh, others
    assert np.array_equal(places(0, 5, 6, 7), kept)


@pytest.mark.parametrize("name", SCRIPTED["seeker"])
def test_frozen_seekers_stand_still(name: str) -> None:
    play = start("L1", 4)
    assert (make_player(name, "seeker").act(play.env) == NOOP).all()


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="'chasr' is no scripted seeker; did you mean 'chaser'"):
        make_player("chasr", "seeker")
    with pytest.raises(ValueError, match="'chaser' is no scripted hider"):
        make_player("chaser", "hider")
