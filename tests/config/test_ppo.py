"""The group `ppo`: settings for both teams, or for one of them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from trainer.checkpoints.metadata import BestBy
from trainer.checkpoints.retention import Retention
from trainer.config.ppo import NETWORK_SETTINGS, PPOGroup, TeamOverrides, TeamSettings
from trainer.config.run_groups import EvaluationGroup
from trainer.config.schema import Config


def test_every_setting_of_a_team_can_be_given_for_one_team() -> None:
    assert list(TeamOverrides.model_fields) == list(TeamSettings.model_fields)
    assert set(dict(TeamOverrides()).values()) == {None}
    assert set(NETWORK_SETTINGS) < set(TeamSettings.model_fields)


def test_an_override_is_checked_like_the_setting_itself() -> None:
    for name, value in {"lr": 0.0, "gamma": 2.0, "hiddens": [0], "num_epochs": True}.items():
        for group in (TeamSettings, TeamOverrides):
            with pytest.raises(ValidationError):
                group.model_validate({name: value})
    with pytest.raises(ValidationError, match="Extra inputs"):
        TeamOverrides.model_validate({"num_iterations": 3})


def test_a_team_takes_its_own_values_and_else_the_common_ones() -> None:
    group = PPOGroup.model_validate({"lr": 0.5, "gamma": 0.9, "hider": {"gamma": 0.7}})
    assert (group.team("seeker").lr, group.team("seeker").gamma) == (0.5, 0.9)
    assert (group.team("hider").lr, group.team("hider").gamma) == (0.5, 0.7)
    assert group.team("hider").lr_schedule_kwargs == {}


def test_the_keys_stand_in_the_order_of_the_shipped_file() -> None:
    names = list(PPOGroup.model_fields)
    assert names[0] == "num_iterations"
    assert names.index("reward_scale") + 1 == names.index("lr")
    assert names[-2:] == ["seeker", "hider"]


def test_retention_is_that_of_the_checkpoint_library() -> None:
    group = PPOGroup(keep_last_n=3, keep_best_n=2, keep_best_metric="reward_mean", keep_every=50)
    assert Config(ppo=group).retention == Retention(3, 2, "reward_mean", "max", 50)


@pytest.mark.parametrize(
    ("best", "metric"),
    [("score", "evaluation/score"), ("hider", "evaluation/hider"), ("iteration", "iteration")],
)
def test_best_goes_by_the_evaluation_unless_a_metric_is_given(best: str, metric: str) -> None:
    evaluation = EvaluationGroup(best=best, best_mode="min")
    assert Config(evaluation=evaluation).retention == Retention(10, 0, metric, "min", 0)
    given = PPOGroup(keep_best_metric="env_steps")
    assert Config(ppo=given, evaluation=evaluation).retention.best_by == BestBy("env_steps", "max")


def test_a_mode_without_a_metric_is_refused() -> None:
    with pytest.raises(ValueError, match=r"keep_best_mode = min .*; set evaluation\.best_mode"):
        PPOGroup(keep_best_mode="min")
