"""The values that the figure of continued schedules draws."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from trainer.commands import schedule_figure
from trainer.commands.schedule_figure import COLORS, curves, draw, main, panels
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
        curves_only = image.convert("RGB").crop((0, 155, image.width, 400))  # without their names
        found = {color for _, color in curves_only.getcolors(1 << 20) or ()}
    assert {ImageColor.getrgb(color) for color in COLORS[:3]} <= found


SETTINGS = {
    f"{team}/{setting}": Schedule(Linear(start, 0.0))
    for team in ("seeker", "hider")
    for setting, start in (("lr", 1e-3), ("logit_bias.forward.ahead", 1.0))
} | {"env/vision_angle": Schedule(Linear(300.0, 135.0))}


def test_settings_of_different_size_have_axes_of_their_own_with_names_that_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert panels(SETTINGS) == [
        ["seeker/lr", "hider/lr"],
        ["seeker/logit_bias.forward.ahead", "hider/logit_bias.forward.ahead"],
        ["env/vision_angle"],
    ]
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, _: figures.append(self))
    draw(SETTINGS, tmp_path / "schedules.png", total=4)
    (figure,) = figures
    figure.draw_without_rendering()
    tops = {round(axes.get_ylim()[1], 4) for axes in figure.axes}
    assert len(tops) == 3
    legends = [a for axes in figure.axes for a in axes.get_children() if hasattr(a, "get_child")]
    for name in [*legends, *figure.texts]:
        assert name.get_window_extent().x1 <= figure.bbox.x1
    assert len(legends) == 6


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("there.png", "the file exists; add --yes to replace it"),
        ("a.jpg", ".jpg is not supported; name a .png or .svg file, such as a.png"),
    ],
)
def test_a_file_that_would_not_be_right_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    told: str,
) -> None:
    drawn: list[Path] = []
    monkeypatch.setattr(schedule_figure, "draw", lambda _, out, total: drawn.append(out))
    (tmp_path / "there.png").write_text("mine")
    out = tmp_path / name
    assert main(["--out", str(out)]) == 2
    assert capsys.readouterr().err == f"error: --out {out}: {told}\n"
    assert drawn == []
    assert main(["--out", str(tmp_path / "there.png"), "--yes"]) == 0
    assert drawn == [tmp_path / "there.png"]


def test_a_mistake_in_the_configuration_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "schedules.png"
    assert main(["--out", str(out), "--set", "schedules.lr={type: linaer, end: 0.1}"]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not out.exists()
