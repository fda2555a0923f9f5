"""What a resumed run changes in its checkpoint's configuration."""

from __future__ import annotations

from typing import Any

import pytest

from trainer.config.changes import Change, config_changes, refused_teams
from trainer.config.loading import apply_overrides
from trainer.config.schema import Config

LINEAR = "{type: linear, end: 0.001}"


def config(*overrides: str) -> Config:
    return apply_overrides({}, overrides)


def changes(old: Config, new: Config, *, carried: bool = False) -> dict[str, tuple[Any, Any]]:
    found = config_changes(old, new, carried=carried)
    assert not any(change.refused for change in found)
    return {change.key: (change.old, change.new) for change in found}


def test_the_same_configuration_changes_nothing() -> None:
    assert config_changes(Config(), Config(), carried=False) == []
    assert refused_teams(Config(), Config()) == []


def test_each_key_whose_value_differs_is_a_change() -> None:
    found = changes(config("ppo.lr=0.1", "env.level=L1"), config("ppo.lr=0.2", "train.seed=3"))
    assert found == {"env.level": ("L1", "L0"), "ppo.lr": (0.1, 0.2), "train.seed": (0, 3)}


def test_none_is_shown_as_the_value_it_stands_for() -> None:
    assert changes(Config(), config("ppo.hider.lr=0.1")) == {"ppo.hider.lr": (0.001, 0.1)}
    assert changes(config("env.prep_steps=8"), Config()) == {"env.prep_steps": (8, 20)}
    assert changes(Config(), config("env.shaping_gamma=0.5")) == {"env.shaping_gamma": (0.98, 0.5)}


def test_a_value_in_other_words_is_no_change() -> None:
    assert changes(Config(), config("ppo.hider.lr=0.001", "env.prep_steps=20")) == {}


@pytest.mark.parametrize(
    "override",
    ["ppo.checkpoint_dir=./elsewhere", "initialization.mode=resume", "schedules.mode=restart"],
)
def test_where_a_run_lives_and_how_it_starts_is_no_change(override: str) -> None:
    assert changes(Config(), config(override)) == {}


def test_credentials_that_are_not_kept_are_no_change() -> None:
    saved = config("tracking.mlflow_uri='http://***@host/'")
    assert changes(saved, config("tracking.mlflow_uri='http://me:secret@host/'")) == {}
    assert changes(saved, config("tracking.mlflow_uri='http://me:secret@other/'")) != {}


@pytest.mark.parametrize(
    ("override", "key"),
    [
        (f"schedules.lr={LINEAR}", "schedules.lr"),
        (f"schedules.hider.lr={LINEAR}", "schedules.hider.lr"),
        ("ppo.lr_schedule_type=cosine", "ppo.lr_schedule_type"),
    ],
)
def test_a_schedule_that_is_left_out_is_a_change_only_where_it_is_not_carried(
    override: str, key: str
) -> None:
    assert list(changes(config(override), Config())) == [key]
    assert changes(config(override), Config(), carried=True) == {}
    assert list(changes(Config(), config(override), carried=True)) == [key]


@pytest.mark.parametrize(
    ("override", "teams"),
    [
        ("ppo.hiddens=[32]", ["seeker", "hider"]),
        ("ppo.hider.activation=relu", ["hider"]),
        ("ppo.seeker.normalize_obs=true", ["seeker"]),
        ("ppo.vf_share_layers=true", ["seeker", "hider"]),
        ("ppo.lr=0.5", []),
    ],
)
def test_another_network_is_refused(override: str, teams: list[str]) -> None:
    new = config(override)
    assert refused_teams(Config(), new) == teams
    (change,) = config_changes(Config(), new, carried=True)
    assert change == Change(override.partition("=")[0], change.old, change.new, bool(teams))


def test_a_policy_can_go_on_with_another_value_function() -> None:
    new = config("ppo.critic=state")
    (change,) = config_changes(Config(), new, carried=True)
    assert change == Change("ppo.critic", "obs", "state", refused=True)
    assert refused_teams(Config(), new) == []  # a warm start takes the policies


def test_an_override_that_keeps_a_teams_network_is_not_refused() -> None:
    new = config("ppo.hiddens=[32]", "ppo.hider.hiddens=[64, 64]")
    assert refused_teams(Config(), new) == ["seeker"]
