"""What error messages suggest for a mistyped word."""

from __future__ import annotations

import pytest

from trainer.checkpoints.safe_io.did_you_mean import did_you_mean, nearest


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("latst", "latest"),
        ("LATEST", "latest"),
        ("vision_angel", "vision_angle"),
        ("vision_rnage", "vision_range"),
        ("level", "Level"),
        ("quite something else", None),
        ("", None),
    ],
)
def test_the_nearest_word(word: str, expected: str | None) -> None:
    assert nearest(word, ["latest", "vision_range", "vision_angle", "Level"]) == expected


def test_the_least_likeness_is_the_callers() -> None:
    assert nearest("best", ["latest"]) == "latest"
    assert nearest("best", ["latest"], alike=0.9) is None


def test_the_end_of_a_message() -> None:
    known = ["latest", "best"]
    assert did_you_mean("latst", known) == "; did you mean 'latest'?"
    assert did_you_mean("latst", known, show="/a/{}".format) == "; did you mean /a/latest?"
    assert did_you_mean("zzz", known) == "; there is: latest, best"
    assert did_you_mean("zzz", known, otherwise=", with KEY") == ", with KEY"


def test_a_list_that_is_cut_says_so() -> None:
    known = list("abcdefghijklmnopq")
    assert did_you_mean("zzz", known) == "; there is: " + ", ".join(known[:15]) + " and 2 more"
