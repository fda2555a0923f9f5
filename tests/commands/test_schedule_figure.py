"""The values that the figure of continued schedules draws."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageColor

from trainer.commands.schedule_figure import COLORS, curves, draw, main
from trainer.schedules.continuation import ResumePolicy
from trainer.schedules.curves import Linear, Schedule

LR = {"lr": Schedule(Linear(1.0, 0.0))}


def test_a_run_that_is_not_stopped_keeps_its_end() -> None:
    before, after = curves(LR, total=4, stop=6, end=6, policy=None)["lr"]
    assert [value for _, value in before] == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    assert after == [(6, 0.0)]


@pytest.mark.parametrize(
    ("mode", "values"),
    [
        ("extend", [0.5, 0.375, 0.25, 0.125, 0.0]),
        ("constant", [0.5] * 5),
        ("restart", [1.0, 0.75, 0.5, 0.25, 0.0]),
    ],
)
def test_each_mode_continues_in_its_way(mode: str, values: list[float]) -> None:
    before, after = curves(LR, total=4, stop=2, end=6, policy=ResumePolicy(mode))["lr"]
    assert before == [(0, 1.0), (1, 0.75), (2, 0.5)]
    assert [iteration for iteration, _ in after] == [2, 3, 4, 5, 6]
    assert [value for _, value in after] == pytest.approx(values)


def test_curves_with_equal_values_are_dashed_in_turn_where_they_coincide(tmp_path: Path) -> None:
    out = tmp_path / "schedules.png"
    draw({str(i): LR["lr"] for i in range(3)}, out, total=4)
    with Image.open(out) as image:
        curves_only = image.convert("RGB").crop((0, 90, *image.size))  # without their names
        found = {color for _, color in curves_only.getcolors(1 << 20) or ()}
    assert {ImageColor.getrgb(color) for color in COLORS[:3]} <= found


def test_a_mistake_in_the_configuration_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "schedules.png"
    assert main(["--out", str(out), "--set", "schedules.lr={type: linaer, end: 0.1}"]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not out.exists()
