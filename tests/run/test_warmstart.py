"""A new run that starts with trained networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from tests.golden_checkpoint import GOLDEN, golden_in
from trainer.checkpoints.errors import CheckpointCorrupted
from trainer.errors import IncompatibleCheckpoint
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.networks import ActorCritic
from trainer.ppo.policy_files import load_policy, read_spec
from trainer.run.warmstart import load_networks, start_from

HIDER = "hider_policy"
SPEC = read_spec(GOLDEN / "policies" / HIDER)


class FakeTrainer:
    """One learner with a new network for each team."""

    def __init__(self) -> None:
        self.networks = {team: ActorCritic(SPEC) for team in ("seeker", "hider")}
        self.steps: list[str] = []

    def foreach_learner(self, load: Callable[[Any], None]) -> None:
        self.steps.append("learners")
        load(self)

    def network(self, team: str) -> ActorCritic:
        return self.networks[team]

    def push_weights(self) -> None:
        self.steps.append("push")

    def check_weights(self) -> str:
        self.steps.append("check")
        return "hash"


def same(one: ActorCritic, other: ActorCritic, prefix: str = "") -> bool:
    values = other.state_dict()
    return all(
        torch.equal(value, values[name])
        for name, value in one.state_dict().items()
        if name.startswith(prefix)
    )


def test_a_network_is_taken_over_and_pushed_to_all() -> None:
    trained, trainer = load_policy(GOLDEN / "policies" / HIDER), FakeTrainer()
    new = ActorCritic(SPEC)
    new.load_state_dict(trainer.networks["seeker"].state_dict())
    weights = load_networks({HIDER: GOLDEN}, {HIDER: SPEC}, normalizer=True)
    assert start_from(cast("TeamPPO", trainer), weights) == "hash"
    assert trainer.steps == ["learners", "push", "check"]
    assert same(trained, trainer.networks["hider"])
    assert same(new, trainer.networks["seeker"])  # the other team stays new


def test_moments_of_the_observations_are_left_out_on_request() -> None:
    trained, trainer = load_policy(GOLDEN / "policies" / HIDER), FakeTrainer()
    weights = load_networks({HIDER: GOLDEN}, {HIDER: SPEC}, normalizer=False)
    assert not [name for name in weights[HIDER] if name.startswith("normalizer.")]
    start_from(cast("TeamPPO", trainer), weights)
    network = trainer.networks["hider"]
    assert same(trained, network, "actor.")
    assert same(ActorCritic(SPEC), network, "normalizer.")
    assert not same(trained, network, "normalizer.")


def test_a_weight_that_is_missing_is_not_made_up() -> None:
    weights = load_networks({HIDER: GOLDEN}, {HIDER: SPEC}, normalizer=True)
    weights[HIDER]["more"] = weights[HIDER].pop("actor.0.bias")
    with pytest.raises(RuntimeError, match="more"):
        start_from(cast("TeamPPO", FakeTrainer()), weights)


def test_everything_is_checked_before_any_of_it_is_used(tmp_path: Path) -> None:
    with pytest.raises(IncompatibleCheckpoint, match=r"hider_policy does not fit .*hiddens"):
        load_networks({HIDER: GOLDEN}, {HIDER: replace(SPEC, hiddens=(16,))}, normalizer=True)
    damaged = golden_in(tmp_path)
    (damaged / "algorithm_state.pkl").write_bytes(b"?")
    with pytest.raises(CheckpointCorrupted):
        load_networks({HIDER: damaged}, {HIDER: SPEC}, normalizer=True)
    assert load_networks({}, {}, normalizer=True) == {}
