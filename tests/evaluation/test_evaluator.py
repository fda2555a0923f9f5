"""An evaluation: the games it plays, what it counts, and that it changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from envs.hide_and_seek.players.anchors import anchors_of
from tests.commands.small_players import GAME, make_network
from trainer.config.schema import Config
from trainer.evaluation.anchors import make_anchor
from trainer.evaluation.evaluator import SCRIPTED_PART, Evaluation, Evaluator, game_of, spread
from trainer.evaluation.measure import SEED, outcome
from trainer.evaluation.players import make_policy_player
from trainer.evaluation.ratings import DRAWN, LOST, START, WON
from trainer.opponents.pool import Member, Pool
from trainer.ppo.algorithm_config import network_specs
from trainer.ppo.frozen import frozen_network, member_of
from trainer.ppo.matches import Player, play_matches
from trainer.ppo.networks import ActorCritic
from trainer.reporting.metrics import describe_evaluation

GAMES = 2 * SCRIPTED_PART


def config(engine: str = "fused", **env: Any) -> Config:
    settings = {"games": GAMES, "past": 2}
    ppo = {"hiddens": [8]}
    return Config.from_dict(
        {"env": GAME | env, "evaluation": settings, "train": {"engine": engine}, "ppo": ppo}
    )


def networks(first: int = 1) -> dict[str, Any]:
    return {"seeker": make_network(first), "hider": make_network(first + 1)}


def pools() -> dict[str, Pool]:
    members = {
        team: [member_of(make_network(10 * k + seed), 10 * k) for k in range(3)]
        for seed, team in enumerate(("seeker", "hider"))
    }
    return {team: Pool(8, found) for team, found in members.items()}


def evaluate(engine: str = "fused", **env: Any) -> Evaluation:
    return Evaluator(config(engine, **env)).measure(networks(), pools(), {})


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluate()


def test_the_same_policies_have_the_same_numbers(evaluation: Evaluation) -> None:
    evaluator = Evaluator(config())
    evaluator.prepare()
    other = evaluator.measure(networks(5), {}, {"seeker": (30.0, 2.0)})
    assert other != evaluation
    assert evaluator.measure(networks(), pools(), {}) == evaluation
    assert set(evaluation.numbers) == {*describe_evaluation(config().opponents_met)} - {
        "time/evaluation_s"
    }


def test_no_random_stream_is_touched() -> None:
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002 - the global stream, which others may draw from
    evaluator = Evaluator(config())
    met = pools()
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    present = networks()
    torch.set_rng_state(before[0])
    evaluator.measure(present, met, {})
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002


def test_each_pairing_is_what_a_match_of_its_own_would_be(evaluation: Evaluation) -> None:
    settings = config()
    game = game_of(settings)
    specs = {spec.name: spec for spec in game.spec.teams}

    def seen(seeker: Player, hider: Player, games: int) -> float:
        stats = play_matches(game, seeker, hider, games, SEED)
        return float(stats["seen_fraction"].astype(np.float64).mean())

    present = {
        team: make_policy_player(network, specs[team], "fused")
        for team, network in networks().items()
    }
    for team, other in (("seeker", "hider"), ("hider", "seeker")):
        found = {}
        for name in anchors_of(settings.env.contents)[team]:
            players = {team: present[team], other: make_anchor(name, other)}
            games = GAMES if name == "random" else GAMES // SCRIPTED_PART
            found[name] = seen(players["seeker"], players["hider"], games)
        past = []
        for member in spread(pools()[other].members, 2):
            network = frozen_network(make_network(0).spec, member.weights)
            players = {
                team: present[team],
                other: make_policy_player(network, specs[other], "fused"),
            }
            past.append(seen(players["seeker"], players["hider"], GAMES))
        shares = found | {"past": sum(past) / 2}
        if team == "hider":
            shares = {name: 1.0 - share for name, share in shares.items()}
        for name, share in shares.items():
            assert evaluation.numbers[f"evaluation/{team}_vs_{name}"] == pytest.approx(share)
        fixed = [share for name, share in shares.items() if name != "past"]
        assert evaluation.numbers[f"evaluation/{team}"] == pytest.approx(np.mean(fixed))
    both = [evaluation.numbers[f"evaluation/{team}"] for team in ("seeker", "hider")]
    assert evaluation.numbers["evaluation/score"] == pytest.approx(np.mean(both))


def test_both_engines_play_alike(evaluation: Evaluation) -> None:
    numbers = evaluate("torch").numbers
    assert set(numbers) == set(evaluation.numbers)
    for key, number in evaluation.numbers.items():
        # A close choice may fall otherwise, and then a game.
        assert number == pytest.approx(numbers[key], abs=2.0 if key.endswith("rating") else 0.1)


def test_what_pays_or_helps_in_training_is_not_played(evaluation: Evaluation) -> None:
    shaped = {"shaping_beta": 1.0, "shaping_gamma": 0.9, "restart_share": 0.5, "reward_seen": 3.0}
    assert evaluate(**shaped) == evaluation


def test_a_curriculum_is_evaluated_at_its_last_level() -> None:
    levels = {"level": "L0", "curriculum": {"levels": ["L0", "L4"]}, "num_seekers": 2}
    settings = Config.from_dict({"env": levels, "schedules": {"env": {"vision_angle": 90.0}}})
    game = game_of(settings)
    assert (game.level, game.curriculum, game.vision_angle) == ("L4", None, 135.0)
    assert (game.num_seekers, game.episode_steps) == (2, 240)
    assert settings.opponents_met == {
        "seeker": ("random", "runner", "past"),
        "hider": ("random", "ramp_user", "past"),
    }
    boxes = Config.from_dict({"env": {"level": "L1"}}).opponents_met["hider"]
    assert boxes == ("random", "chaser", "past")
    none = Config.from_dict({"env": {"level": "L1", "num_boxes": 0}}).opponents_met["hider"]
    assert none == ("random", "searcher", "past")


def test_a_rating_goes_on_from_the_last_one_and_an_opponent_keeps_its_own() -> None:
    evaluator, present = Evaluator(config()), networks()
    members = pools()
    fresh = evaluator.measure(present, members, {}).ratings
    assert evaluator.measure(present, members, {"seeker": START, "hider": START}).ratings == fresh
    higher = evaluator.measure(present, members, {"seeker": (40.0, 1.0)}).ratings
    assert higher["seeker"].mu > fresh["seeker"].mu
    assert higher["hider"] == fresh["hider"]
    strong = {
        team: Pool(8, [Member(m.iteration, m.weights, 60.0, 1.0) for m in pool.members])
        for team, pool in members.items()
    }
    found = evaluator.measure(present, strong, {}).ratings
    assert all(found[team].mu > fresh[team].mu for team in found)
    assert strong["seeker"].members[0].mu == 60.0


def test_untrained_policies_of_both_teams_are_rated_as_random_players_are() -> None:
    # One side wins more often, which must not count as better.
    games = Config.from_dict({"env": {"level": "L0"}, "evaluation": {"games": 64, "past": 0}})
    specs = network_specs(games, games.played.spec.teams)
    beginners = {
        policy.removesuffix("_policy"): ActorCritic(spec) for policy, spec in specs.items()
    }
    found = Evaluator(games).measure(beginners, {}, {})
    assert abs(found.numbers["evaluation/hider_vs_random"] - 0.5) > 0.2
    assert all(abs(rating.mu - START.mu) < 4.0 for rating in found.ratings.values())


def test_without_a_past_there_is_no_number_of_it() -> None:
    numbers = Evaluator(config()).measure(networks(), {}, {}).numbers
    assert not [key for key in numbers if "past" in key]
    assert "evaluation/seeker_rating" in numbers


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, [50]), (2, [50, 0]), (3, [50, 40, 0]), (9, [50, 40, 20, 0])],
)
def test_the_past_is_spread_over_the_pool(count: int, expected: list[int]) -> None:
    members = [Member(iteration, {}) for iteration in (0, 20, 40, 50)]
    assert [member.iteration for member in spread(members, count)] == expected
    assert spread([], count) == []


def test_a_game_is_won_by_the_larger_share() -> None:
    assert [outcome(share) for share in (0.0, 0.49, 0.5, 0.51, 1.0)] == [
        LOST,
        LOST,
        DRAWN,
        WON,
        WON,
    ]
