"""How a run starts: the group `initialization` by itself."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from trainer.config.initialization import InitializationGroup, ResumeBlock, WarmstartBlock


def test_a_run_starts_fresh_unless_told_otherwise() -> None:
    group = InitializationGroup()
    assert (group.mode, group.resume.checkpoint) == ("fresh", "latest")
    assert group.warmstart.sources() == {}


@pytest.mark.parametrize("selector", ["best", 50, "./checkpoints/checkpoint_000050"])
def test_a_selector_is_a_word_a_path_or_an_iteration(selector: Any) -> None:
    assert ResumeBlock(checkpoint=selector).checkpoint == str(selector)
    assert WarmstartBlock(hider=selector).hider == str(selector)


@pytest.mark.parametrize("selector", [True, 1.5, ["latest"], None])
def test_anything_else_is_no_selector(selector: Any) -> None:
    with pytest.raises(ValidationError):
        ResumeBlock(checkpoint=selector)


def test_a_resume_has_one_target() -> None:
    assert ResumeBlock(additional=5).additional == 5
    assert ResumeBlock(target_total=5).target_total == 5
    with pytest.raises(ValidationError, match="additional and target_total exclude each other"):
        ResumeBlock(additional=5, target_total=10)
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        ResumeBlock(additional=0)


@pytest.mark.parametrize(
    ("block", "sources"),
    [
        ({"checkpoint": "best"}, {"seeker": "best", "hider": "best"}),
        ({"checkpoint": "best", "hider": 7}, {"seeker": "best", "hider": "7"}),
        ({"checkpoint": "best", "seeker": "fresh"}, {"hider": "best"}),
        ({"seeker": "final"}, {"seeker": "final"}),
        ({"seeker": "fresh", "hider": "fresh"}, {}),
    ],
)
def test_each_team_has_its_own_source_or_the_common_one(
    block: dict[str, Any], sources: dict[str, str]
) -> None:
    warmstart = WarmstartBlock(**block)
    assert warmstart.sources() == sources
    group = {"mode": "warmstart", "warmstart": block}
    if sources:
        assert InitializationGroup.model_validate(group).mode == "warmstart"
    else:
        with pytest.raises(ValidationError, match=r"needs warmstart\.checkpoint, or one for a"):
            InitializationGroup.model_validate(group)
