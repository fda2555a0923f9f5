from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.checkpoints import layout


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_a_checkpoint_name_gives_its_iteration_back(iteration: int) -> None:
    assert layout.iteration_of(layout.checkpoint_name(iteration)) == iteration


@pytest.mark.parametrize(
    "name",
    [
        "checkpoint_10",
        "checkpoint_0000010",
        "checkpoint_000010.tar.gz",
        "checkpoint_index.json",
        "checkpoint_-00010",
        "checkpoint_٠٠٠٠١٠",
        ".tmp-h.1.1.1-checkpoint_000010",
        "best_model",
        "xcheckpoint_000010",
        "checkpoint_000010\n",
    ],
)
def test_other_names_are_no_checkpoints(name: str) -> None:
    assert layout.iteration_of(name) is None


def test_the_guides_names() -> None:
    assert layout.checkpoint_name(10) == "checkpoint_000010"
    assert layout.plot_name(10) == "training_metrics_iter_10.png"
    assert layout.history_name(10) == "metrics_iter_10.json"
    assert layout.any_iteration_of("training_metrics_iter_20.png") == 20
    assert layout.any_iteration_of("metrics_iter_7.json") == 7
    assert layout.any_iteration_of("checkpoint_000030") == 30
    assert layout.any_iteration_of("training_metrics_iter_20.json") is None


@pytest.mark.parametrize("iteration", [-1, 1.5, True])
def test_an_iteration_is_a_whole_number(iteration: Any) -> None:
    with pytest.raises(ValueError, match="whole number"):
        layout.checkpoint_name(iteration)


@pytest.mark.parametrize("attempt", [1, 2])
def test_branch_names_are_recognized(attempt: int) -> None:
    name = layout.branch_name(50, datetime(2024, 12, 19, 15, 30, 45), attempt)
    assert name.startswith("branch_after_000050_20241219T153045")
    assert layout.is_branch_name(name)
    assert layout.iteration_of(name) is None


@pytest.mark.parametrize("name", ["a", "a/b.pkl", "policies/x/spec.json", ".hidden", "a b"])
def test_safe_names(name: str) -> None:
    assert layout.is_safe_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a\\b", "C:x", "a\0b", "a\nb", ".."],
)
def test_unsafe_names(name: str) -> None:
    assert not layout.is_safe_name(name)
