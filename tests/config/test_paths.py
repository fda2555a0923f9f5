"""Nested values by path and back."""

from __future__ import annotations

import pytest

from trainer.config.loading import apply_overrides
from trainer.config.paths import KeyPath, has_path, nested, overlap, values_by_path


def test_values_by_path_and_back() -> None:
    values = apply_overrides({}, ["ppo.hider.lr=0.1", "schedules.env={vision_range: 9}"]).to_dict()
    flat = values_by_path(values)
    assert flat[("ppo", "hider", "lr")] == 0.1
    assert KeyPath(("ray", "num_learners")) in flat
    again = nested(flat)
    again["schedules"] |= {"logit_bias": {}}  # empty groups leave no path
    for team in ("seeker", "hider"):
        again["schedules"][team]["logit_bias"] = {}
    assert again == values


def test_a_schedule_and_its_arguments_are_one_value() -> None:
    spec = {"type": "linear", "bump": {"factor": 2.0, "updates": 1}}
    values = {"schedules": {"lr": spec}, "ppo": {"lr_schedule_kwargs": {"gamma": 0.9}}}
    curriculum = {"levels": ["L0", "L1"], "promote": {"metric": "seen_fraction"}}
    assert values_by_path({**values, "env": {"curriculum": curriculum}}) == {
        ("env", "curriculum"): curriculum,
        ("schedules", "lr"): spec,
        ("ppo", "lr_schedule_kwargs"): {"gamma": 0.9},
    }


@pytest.mark.parametrize(
    ("path", "there"),
    [("ppo.lr", True), ("ppo.gamma", False), ("ray.address", False), ("env.level.x", True)],
)
def test_a_path_is_there_if_something_is_given_at_it(path: str, there: bool) -> None:
    values = {"ppo": {"lr": None}, "env": {"level": "L1"}}
    assert has_path(values, tuple(path.split("."))) == there


def test_paths_overlap_where_one_leads_to_the_other() -> None:
    assert overlap(("ppo",), ("ppo", "lr"))
    assert overlap(("ppo", "lr"), ("ppo",))
    assert not overlap(("ppo", "lr"), ("ppo", "gamma"))
