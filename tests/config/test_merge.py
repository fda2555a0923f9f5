"""The three-way merge of a resume: what is given now, what was edited, what is the run's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.config.config_file import (
    ConfigFile,
)
from trainer.config.loading import apply_overrides
from trainer.config.merge import Merge, Side, merge
from trainer.config.schema import Config
from trainer.config.types import ConfigError

LINEAR = {"type": "linear", "end": 0.001}
FILE = Path("/somewhere/config.yaml")


def merged(
    *,
    started: tuple[str, ...] = (),
    original: dict[str, Any] | None = None,
    current: dict[str, Any] | None = None,
    now: tuple[str, ...] = (),
    side: Side | None = None,
    another: bool = False,
) -> Merge:
    """A run started with the file `original` and --set `started`, resumed with the other two."""
    original, current = original or {}, original or {} if current is None else current
    saved = apply_overrides(original, started)
    file = ConfigFile(FILE.with_name("other.yaml") if another else FILE, another, current)
    return merge(saved, file, ConfigFile(FILE, False, original), now, side)


def test_a_run_keeps_its_own_values() -> None:
    started = ("env.level=L1", "ppo.lr=0.0005", "train.seed=7", f"schedules.entropy_coeff={LINEAR}")
    named = {"env": {"level": "L0"}, "ppo": {"lr": 0.001, "gamma": 0.98}, "train": {"seed": 0}}
    found = merged(started=started, original={**named, "schedules": {"entropy_coeff": None}})
    assert found.config == apply_overrides(named, started)
    assert found.reasons == {}
    assert set(found.kept) == {"env.level", "ppo.lr", "train.seed", "schedules.entropy_coeff"}
    assert found.kept["ppo.lr"] == 0.001


def test_what_is_given_now_counts_before_all() -> None:
    found = merged(
        started=("ppo.lr=0.0005",), current={"ppo": {"lr": 0.003}}, now=("ppo.lr=0.002",)
    )
    assert found.config.ppo.lr == 0.002
    assert found.reasons == {"ppo.lr": "given now"}
    assert found.kept == {}


def test_an_edited_file_counts_before_the_run_and_only_where_it_was_edited() -> None:
    found = merged(
        started=("ppo.lr=0.0005", "ppo.gamma=0.9"),
        original={"ppo": {"lr": 0.001, "gamma": 0.98, "clip_param": 0.3}},
        current={"ppo": {"lr": 0.003, "gamma": 0.98}},
    )
    assert (found.config.ppo.lr, found.config.ppo.gamma) == (0.003, 0.9)
    assert found.config.ppo.clip_param == 0.2  # taken away, so the default
    assert found.reasons == {
        "ppo.lr": "edited in config.yaml",
        "ppo.clip_param": "edited in config.yaml",
    }


def test_another_file_counts_in_all_that_it_mentions() -> None:
    started = ("ppo.lr=0.0005", "env.level=L1")
    found = merged(started=started, current={"ppo": {"lr": 0.001}}, another=True)
    assert (found.config.ppo.lr, found.config.env.level) == (0.001, "L1")
    assert found.reasons == {"ppo.lr": "in other.yaml"}


def test_one_side_can_be_forced() -> None:
    case: dict[str, Any] = {
        "started": ("ppo.lr=0.0005", "ppo.gamma=0.9"),
        "current": {"ppo": {"lr": 0.003}},
        "now": ("train.seed=3",),
    }
    own = merged(**case, side="checkpoint").config
    assert (own.ppo.lr, own.ppo.gamma, own.train.seed) == (0.0005, 0.9, 3)
    file = merged(**case, side="file").config
    assert (file.ppo.lr, file.ppo.gamma, file.train.seed) == (0.003, 0.98, 3)


def test_where_a_run_lives_and_how_it_starts_is_not_the_runs_own() -> None:
    found = merged(started=("ppo.checkpoint_dir=a", "schedules.mode=restart"))
    assert found.config.ppo.checkpoint_dir == "./checkpoints"
    assert found.config.schedules.mode == "extend"
    assert found.kept == found.reasons == {}


def test_a_schedule_is_taken_as_a_whole() -> None:
    found = merged(
        started=(f"schedules.entropy_coeff={LINEAR}",),
        current={"schedules": {"entropy_coeff": {"type": "exponential", "gamma": 0.9}}},
    )
    spec = found.config.schedules.entropy_coeff
    assert spec is not None
    assert (spec.type, spec.gamma, spec.end) == ("exponential", 0.9, None)


def test_a_schedule_goes_when_it_goes_from_the_file_or_is_set_to_null() -> None:
    original = {"schedules": {"entropy_coeff": LINEAR, "env": {"vision_range": 9}}}
    assert merged(original=original, current={}).config == Config()
    found = merged(original=original, now=("schedules.entropy_coeff=null",))
    assert found.config.schedules.entropy_coeff is None
    assert "vision_range" in found.config.schedules.env


def test_a_number_ends_a_schedule_that_only_the_run_has() -> None:
    started = (f"schedules.entropy_coeff={LINEAR}",)
    found = merged(started=started, now=("ppo.hider.entropy_coeff=0.02",)).config
    assert found.schedules.entropy_coeff is found.schedules.hider.entropy_coeff is None
    kept = found.schedules.seeker.entropy_coeff
    assert kept is not None
    assert kept.end == 0.001
    both = merged(started=started, now=("ppo.entropy_coeff=0.02",))
    assert both.config == Config.from_dict({"ppo": {"entropy_coeff": 0.02}})
    assert both.reasons["schedules.entropy_coeff"] == "ended: ppo.entropy_coeff is given now"
    # The number it has already is no reason, and neither is one where the file has the schedule.
    assert merged(started=started, now=("ppo.entropy_coeff=1e-2",)).config == found_of(started)
    in_file = merged(
        original={"schedules": {"entropy_coeff": LINEAR}}, now=("ppo.entropy_coeff=0.02",)
    )
    assert in_file.config.schedules.entropy_coeff is not None


def test_a_number_of_the_game_ends_a_curriculum() -> None:
    started = ("schedules.env={vision_range: {type: linear, end: 9}}",)
    found = merged(started=started, now=("env.vision_range=10",))
    assert found.config == Config.from_dict({"env": {"vision_range": 10}})


def test_the_two_ways_to_schedule_lr_replace_each_other() -> None:
    torch = ("ppo.lr_schedule_type=cosine", "ppo.lr_schedule_kwargs={eta_min_fraction: 0.1}")
    spec = (f"schedules.lr={LINEAR}",)
    assert merged(started=torch, now=spec).config == found_of(spec)
    assert merged(started=spec, now=torch).config == found_of(torch)
    assert merged(started=torch, now=("ppo.lr_schedule_type=null",)).config == Config()
    one = merged(started=torch, now=("ppo.seeker.lr=0.002",)).config
    assert one.ppo.lr_schedule_type is one.ppo.seeker.lr_schedule_type is None
    assert one.ppo.hider.lr_schedule_type == "cosine"
    assert one.ppo.hider.lr_schedule_kwargs == {"eta_min_fraction": 0.1}
    other = merged(started=torch, now=("ppo.lr_schedule_type=linear",)).config
    assert (other.ppo.lr_schedule_type, other.ppo.lr_schedule_kwargs) == ("linear", {})


LEVELS = "levels: [L0, L1]"
PROMOTE = "promote: {metric: seen_fraction, below: 0.5, iterations: 5}"


def test_a_curriculum_is_one_value_and_a_rule_ends_the_schedule_of_its_stage() -> None:
    started = (f"env.curriculum={{{LEVELS}}}", "schedules.env.stage=1")
    kept = merged(started=started)
    assert kept.config.env.curriculum is not None
    assert set(kept.config.schedules.env) == {"stage"}
    shared = merged(started=started, now=(f"env.curriculum={{{LEVELS}, earlier_share: 0.5}}",))
    assert set(shared.config.schedules.env) == {"stage"}
    found = merged(started=started, now=(f"env.curriculum={{{LEVELS}, {PROMOTE}}}",))
    assert found.config.schedules.env == {}
    assert found.reasons == {
        "env.curriculum": "given now",
        "schedules.env.stage": "ended: env.curriculum is given now",
    }
    assert merged(started=started, now=("env.curriculum=null",)).config == Config()


def test_null_ends_a_schedule_of_the_game() -> None:
    started = ("schedules.env={vision_range: {type: linear, end: 9}, reward_seen: 2}",)
    found = merged(started=started, now=("schedules.env.vision_range=null",))
    assert set(found.config.schedules.env) == {"reward_seen"}
    assert found.reasons == {"schedules.env.vision_range": "given now"}


def test_a_part_of_a_curriculum_can_be_given() -> None:
    started = (f"env.curriculum={{{LEVELS}, {PROMOTE}}}",)
    found = merged(started=started, now=("env.curriculum.promote=null",)).config.env.curriculum
    assert found is not None
    assert (found.levels, found.promote) == (("L0", "L1"), None)


def test_a_curriculum_edited_in_the_file_counts() -> None:
    before, after = ({"levels": ["L0", last]} for last in ("L1", "L2"))
    found = merged(
        original={"env": {"num_seekers": 1, "curriculum": before}},
        current={"env": {"num_seekers": 1, "curriculum": after}},
    )
    assert found.config.env.levels == ("L0", "L2")
    assert found.reasons == {"env.curriculum": "edited in config.yaml"}


def found_of(overrides: tuple[str, ...]) -> Config:
    return apply_overrides({}, overrides)


def test_what_is_given_need_only_fit_the_run() -> None:
    """Not the file: these minibatches are larger than what the defaults collect."""
    started = ("ray.num_envs_per_env_runner=4096",)
    found = merged(started=started, now=("ppo.minibatch_size=100000",))
    assert found.config.ppo.minibatch_size == 100_000
    with pytest.raises(
        ConfigError, match=r"given now.*: ppo.minibatch_size = 10000000 is more.*; lower ppo.mi"
    ):
        merged(started=started, now=("ppo.minibatch_size=10000000",))


@pytest.mark.parametrize(
    ("key", "value", "inside"),
    [
        ("ray.address", "ray://stranger:10001", False),
        ("ray.address", "stranger:6379", False),
        ("ray.address", "auto", False),
        ("tracking.mlflow_uri", "http://stranger:5000", False),
        ("tracking.mlflow_uri", "postgresql://stranger/runs", False),
        ("tracking.mlflow_uri", "sqlite:////home/me/other.db", False),
        ("tracking.mlflow_uri", "sqlite:///../other.db", False),
        ("tracking.mlflow_uri", "sqlite:///mine/mlflow.db", True),
        ("tracking.tensorboard_dir", "/home/me", False),
        ("tracking.tensorboard_dir", "../elsewhere", False),
        ("tracking.tensorboard_dir", "./mine", True),
        ("tracking.tensorboard_dir", None, True),
    ],
)
@pytest.mark.parametrize("side", [None, "checkpoint"])
def test_a_checkpoint_does_not_choose_whom_this_machine_asks(
    key: str, value: str | None, inside: bool, side: Side | None
) -> None:
    group, name = key.split(".")
    own = {group: {name: value}}
    found = merge(Config.from_dict(own), ConfigFile(FILE), ConfigFile(FILE), (), side)
    default = getattr(getattr(Config(), group), name)
    assert getattr(getattr(found.config, group), name) == (value if inside else default)
    assert (key in found.reasons) == (not inside)
    again = (f"{key}={value}",)
    given = merge(Config.from_dict(own), ConfigFile(FILE), ConfigFile(FILE), again, side)
    assert value is None or getattr(getattr(given.config, group), name) == value


@pytest.mark.parametrize("place", ["s3://stranger/bucket", "/home/me", "../elsewhere"])
def test_a_checkpoint_does_not_choose_where_sessions_are_recorded(place: str) -> None:
    own = Config.from_dict({"tracking": {"sessions": {"uri": place, "every": 3}}})
    found = merge(own, ConfigFile(FILE), ConfigFile(FILE), ())
    assert found.config.tracking.sessions.uri == "./sessions"
    assert found.config.tracking.sessions.every == 3
    assert "tracking.sessions.uri" in found.reasons


def test_a_file_that_is_gone_has_not_been_edited() -> None:
    saved = Config.from_dict({"ppo": {"lr": 0.01}})
    found = merge(saved, ConfigFile(named=True), ConfigFile(FILE, True, {"ppo": {"lr": 0.01}}), ())
    assert found.config == saved
    assert found.kept == {}


KEYS: dict[str, list[Any]] = {
    "ppo.lr": [0.1, 0.2],
    "ppo.gamma": [0.5, 0.6],
    "ppo.hider.lr": [0.3, None],
    "train.seed": [1, 2],
}
VALUES = st.fixed_dictionaries({}, optional={key: st.sampled_from(v) for key, v in KEYS.items()})


@settings(max_examples=60, deadline=None)
@given(own=VALUES, original=VALUES, current=VALUES, now=VALUES)
def test_each_key_comes_from_the_first_that_has_something_to_say(
    own: dict[str, Any], original: dict[str, Any], current: dict[str, Any], now: dict[str, Any]
) -> None:
    def words(values: dict[str, Any]) -> tuple[str, ...]:
        return tuple(f"{k}={'null' if v is None else v}" for k, v in values.items())

    def nested(values: dict[str, Any]) -> dict[str, Any]:
        return found_of(words(values)).to_dict()

    found = merged(
        started=words(own), original=nested(original), current=nested(current), now=words(now)
    )
    flat, before, after = (found_of(words(v)) for v in ({**original, **own}, original, current))
    for key in KEYS:
        *groups, name = key.split(".")

        def value(config: Config, groups: list[str] = groups, name: str = name) -> Any:
            at: Any = config
            for group in groups:
                at = getattr(at, group)
            return getattr(at, name)

        edited = value(before) != value(after)
        expected = value(after if edited else flat)
        assert value(found.config) == (now.get(key, expected)), key


def test_a_setting_of_the_game_is_checked_with_the_runs_own() -> None:
    long = ("env.episode_steps=240",)
    assert merged(started=long, now=("env.prep_steps=90",)).config.env.prep_steps == 90
    for value, told in (("900", "must be from 0 to episode_steps - 1 = 239"), ("x", "whole")):
        with pytest.raises(ConfigError, match=f"^--set env.prep_steps: .*{told}"):
            merged(started=long, now=(f"env.prep_steps={value}",))
    with pytest.raises(ConfigError, match=r"^--set env.levle: unknown key .*nearest: env.level"):
        merged(now=("env.levle=L1",))


def test_a_file_need_only_fit_the_run() -> None:
    started = ("env.level=L3", "env.num_hiders=3")
    long = {"env": {"prep_steps": 90, "min_hiders": 2}}
    found = merged(started=started, original={}, current=long)
    assert (found.config.env.level, found.config.env.prep_steps) == ("L3", 90)
    assert found.config.env.min_hiders == 2
    assert found.reasons == {
        "env.prep_steps": "edited in config.yaml",
        "env.min_hiders": "edited in config.yaml",
    }
    again = merged(started=(*started, "env.prep_steps=60"), original=long, current=long)
    assert again.reasons == {}
    assert again.config.env.prep_steps == 60  # the run's: the file has not been edited
    with pytest.raises(ConfigError, match="min_hiders must be from 1 to num_hiders = 2, got 3"):
        merged(started=("env.level=L3",), original={}, current={"env": {"min_hiders": 3}})
    with pytest.raises(ConfigError, match="prep_steps must be from 0"):
        merged(started=started, original={}, current=long, side="file")
