"""Rollouts and updates with earlier policies as opponents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from envs.game import Game
from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from tests.ppo.building import build_trainer
from tests.run.count_env import CountEnv
from trainer.cluster.ray_session import quiet_logging
from trainer.config.own_game import config_class
from trainer.config.schema import Config
from trainer.config.types import ConfigError
from trainer.opponents.meetings import LIVE, Opponent
from trainer.ppo import opponent_play
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.frozen import acting_shapes, frozen_network, member_of
from trainer.ppo.networks import PolicySpec
from trainer.ppo.rollout import RolloutBatch
from trainer.ppo.runner_opponents import RunnerOpponents
from trainer.ppo.sample import Sample

TEAMS = ("seeker", "hider")
Build = Callable[..., TeamPPO]


@pytest.fixture
def build() -> Iterator[Build]:
    """Builds trainers of a tiny L0 of 12 worlds from groups of settings, and stops them."""
    quiet_logging()
    built: list[TeamPPO] = []

    def make(share: float = 0.5, engine: str = "fused", **groups: dict[str, Any]) -> TeamPPO:
        values: dict[str, dict[str, Any]] = {
            "env": {"num_layouts": 3, "episode_steps": 12, "prep_steps": 3},
            "ppo": {"rollout_length": 8, "minibatch_size": 32},
            "ray": {"num_envs_per_env_runner": 12},
            "train": {"engine": engine, "torch_threads": 2},
            "opponents": {"share": share, "every": 2, "pool": 3},
        }
        for group, own in groups.items():
            values[group] = {**values.get(group, {}), **own}
        config = Config.from_dict(values)
        built.append(build_trainer(config, partial(HideAndSeekBatchEnv, config.game)))
        return built[-1]

    yield make
    for trainer in built:
        trainer.stop()


def rollout(trainer: TeamPPO) -> RolloutBatch:
    """The arrays of the last rollout."""
    batch: RolloutBatch = trainer.env_runner.batch
    return batch


def opponents_of(trainer: TeamPPO) -> dict[str, Opponent]:
    """Who plays on the local runner, by player."""
    assert trainer.matchmaker is not None
    return trainer.matchmaker.opponents(0)


@pytest.mark.parametrize("engine", ["fused", "torch"])
def test_earlier_policies_act_in_their_worlds_and_present_ones_in_the_others(
    build: Build, engine: str
) -> None:
    bias = {"schedules": {"logit_bias": {"forward.ahead": 1.5}}}
    trainer = build(engine=engine, ppo={"lr": 0.03, "normalize_obs": True}, **bias)
    for _ in range(5):
        networks = {team: trainer.networks()[f"{team}_policy"] for team in TEAMS}
        before = {team: member_of(network, 0).weights for team, network in networks.items()}
        trainer.train()
    column = np.flatnonzero(trainer.schedules.team_plan("seeker").logit_bias)
    who = opponents_of(trainer)
    assert len({opponent.iteration for opponent in who.values()}) > 1
    for team, network in networks.items():
        rows = rollout(trainer).teams[team]
        for player, first, end in trainer.env_runner.opponents.seats[team]:
            weights = before[team]
            if player != team:
                member = trainer.opponents[team].find(who[player].iteration)
                assert member is not None
                weights = member.weights
            obs, allowed, logits = (
                torch.from_numpy(array[:8, first:end]).flatten(0, 2)
                for array in (rows.obs, rows.action_mask, rows.logits)
            )
            expected = frozen_network(network.spec, weights).logits(obs).detach()
            expected[:, column] += 1.5 if player == team else 0.0  # the past plays as it was
            assert len(obs) > 0
            torch.testing.assert_close(logits[allowed], expected[allowed], atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("engine", ["fused", "torch"])
def test_nobody_learns_from_what_an_earlier_policy_did(build: Build, engine: str) -> None:
    trainer = build(engine=engine, env={"prep_steps": 0}, ppo={"normalize_obs": True})
    for iteration in range(3):
        trainer.train()
        for number, team in enumerate(TEAMS):
            valid = rollout(trainer).teams[team].valid
            frozen = slice(0, 3) if number == 0 else slice(9, 12)
            assert not valid[:8, frozen].any()
            assert valid[:8].sum() == 8 * 9
            assert valid[8].all()  # the next rollout begins there
            assert trainer.last.learned[f"{team}_policy"]["rows"] == 8 * 9
            normalizer = trainer.networks()[f"{team}_policy"].normalizer
            assert normalizer is not None
            assert float(normalizer.count) == 8 * 9 * (iteration + 1)
        assert trainer.last.agent_steps == 8 * 12 * 2


@pytest.mark.parametrize(("first", "expected"), [("seeker", (12, 6)), ("hider", (6, 12))])
def test_whoever_learns_alone_has_all_the_opponents(
    build: Build, first: str, expected: tuple[int, int]
) -> None:
    trainer = build(train={"alternate": {"every": 1, "first": first}})
    for turn in (expected, expected[::-1], expected):
        trainer.train()
        rows = (rollout(trainer).teams[team].valid[7].any(axis=1).sum() for team in TEAMS)
        assert tuple(rows) == turn


def test_seats_without_worlds_change_nothing(build: Build) -> None:
    """A run that has no opponents yet plays the same bits as one that never has any."""
    found = []
    for share in (0.0, 0.5):
        trainer = build(share, "fused")
        trainer.opponents.clear()  # nobody joins
        trainer.matchmaker = None
        for _ in range(3):
            trainer.train()
        seats = trainer.env_runner.opponents.seats
        assert [len(seats[team]) for team in TEAMS] == ([3, 3] if share else [1, 1])
        found.append(trainer.check_weights())
    assert found[0] == found[1]


def test_the_reported_means_are_of_present_policies_alone(build: Build) -> None:
    trainer = build()
    ended = 0
    for _ in range(6):
        trainer.train()
        ended += len(trainer.last.episode_stats)
    assert ended == 12 * 4  # 48 steps of 12
    assert trainer.progress.episodes_completed == ended
    assert len(trainer.progress.window) == 6 * 4  # in half of the worlds
    games = sum(m.games for pool in trainer.opponents.values() for m in pool.members)
    assert 0 < games <= 6 * 4


def test_games_count_only_where_one_member_played_all_of_it(build: Build) -> None:
    trainer = build(ppo={"rollout_length": 12})  # an episode in each rollout
    for iteration in range(1, 5):
        trainer.train()
        games = [sum(m.games for m in pool.members) for pool in trainer.opponents.values()]
        assert games == [3.0 * iteration] * 2
    assert list(trainer.last.wins) == ["seeker", "hider"]
    assert trainer.last.wins["seeker"] == 1.0 - trainer.opponents["hider"].win_rate()


def test_a_team_with_the_higher_return_has_won(build: Build) -> None:
    trainer = build(ppo={"rollout_length": 12})
    names = trainer.progress.window.names
    stats = np.zeros((3, len(names)), np.float32)
    stats[:, names.index("seeker_return")] = [5.0, -5.0, 0.0]
    stats[:, names.index("hider_return")] = [-5.0, 5.0, 0.0]
    opponent_play.prepare(trainer)
    meetings = np.array([Opponent(1, 0).meeting, Opponent(1, 0).meeting, LIVE])
    ended = opponent_play.count_games(trainer, [Sample(rollout_of(trainer), stats, meetings)])
    assert ended.live.tolist() == [False, False, True]
    (hiders,) = trainer.opponents["hider"].members
    assert (hiders.games, hiders.wins) == (2.0, 1.0)


def rollout_of(trainer: TeamPPO) -> RolloutBatch:
    return RolloutBatch.allocate(trainer.env_runner.teams, 12, 12)


def test_policies_join_as_configured_with_the_rating_they_have(build: Build) -> None:
    trainer = build()
    for iteration in range(7):
        trainer.ratings = {"seeker": (10.0 + iteration, 1.5)}
        trainer.train()
    seekers, hiders = (trainer.opponents[team].members for team in TEAMS)
    assert [m.iteration for m in seekers] == [m.iteration for m in hiders] == [0, 4, 6]
    assert [(m.mu, m.sigma) for m in seekers] == [(10.0, 1.5), (14.0, 1.5), (16.0, 1.5)]
    assert {m.mu for m in hiders} == {25.0}


def test_weights_travel_only_when_they_change(build: Build) -> None:
    spec = next(iter(build().networks().values())).spec
    teams = build().env_runner.teams
    runner = RunnerOpponents(teams, dict.fromkeys(TEAMS, spec), 12)
    who = {p: Opponent(TEAMS.index(p.split("#")[0]), 3) for p in runner.networks}
    weights = member_of(frozen_network(spec, _zeros(spec)), 3).weights
    given = dict.fromkeys(who.values(), weights)
    assert runner.seat({"seeker": 3, "hider": 3}, who) == set(who.values())
    runner.take(given)
    assert runner.seat({"seeker": 3, "hider": 0}, who) == set()
    changed = who | {"hider#1": Opponent(1, 4)}
    assert runner.seat({"seeker": 3, "hider": 3}, changed) == {Opponent(1, 4)}
    # One that has been restarted has nothing.
    again = RunnerOpponents(teams, dict.fromkeys(TEAMS, spec), 12)
    assert again.seat({"seeker": 3, "hider": 3}, changed) == set(changed.values())


def _zeros(spec: PolicySpec) -> dict[str, np.ndarray]:
    return {name: np.zeros(shape, np.float32) for name, shape in acting_shapes(spec).items()}


def test_a_new_opponent_in_mid_episode_makes_the_episode_a_mixed_one(build: Build) -> None:
    trainer = build()  # episodes of 12 in rollouts of 8
    trainer.train()
    old = trainer.env_runner.opponents.meetings.episodes.copy()
    assert set(old.tolist()) == {LIVE, Opponent(0, 0).meeting, Opponent(1, 0).meeting}
    for pool in trainer.opponents.values():
        pool.members.clear()  # as if they had left the pool
        pool.add(member_of(trainer.networks()["seeker_policy"], 1))
    trainer.train()
    assert len(trainer.progress.window) == 6
    assert sum(m.games for pool in trainer.opponents.values() for m in pool.members) == 0
    assert set(trainer.env_runner.opponents.meetings.episodes.tolist()) == {
        LIVE,
        Opponent(0, 1).meeting,
        Opponent(1, 1).meeting,
    }


def test_one_team_has_no_opponents() -> None:
    game = Game("alone", partial(CountEnv, {"alone": 2}))
    with pytest.raises(ConfigError, match=r"opponents.share = 0.2 needs a game of two teams"):
        config_class(game).from_dict({"opponents": {"share": 0.2}})
