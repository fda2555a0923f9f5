"""The figure of a run that was evaluated in some of its iterations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from tests.reporting.rows import STAGES_L3, evaluated, make_columns
from trainer.reporting.figure import TrainingFigure
from trainer.reporting.figure_panel import Panel
from trainer.reporting.figure_summary import shared_summary
from trainer.reporting.metrics import RANDOM_RATING


@pytest.fixture
def figure() -> TrainingFigure:
    return TrainingFigure("a run")


def titles(figure: TrainingFigure) -> list[str]:
    return [panel.axes.get_title(loc="left") for panel in figure.panels]


def texts_of(figure: TrainingFigure) -> list[Text]:
    found: list[Text] = figure.panels[0].axes.figure.findobj(Text)
    return found


def panel_of(figure: TrainingFigure, key: str) -> Panel:
    (panel,) = [panel for panel in figure.panels if key in panel.curves]
    return panel


def test_evaluated_runs_have_a_row_more(figure: TrainingFigure, tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    figure.save(make_columns(40), path)
    plain = titles(figure)
    figure.save(make_columns(40) | evaluated(40, every=10), path)
    assert titles(figure) == [
        *plain[:3],
        *("Score in evaluations", "Rating", "Against their past"),
        *plain[3:],
    ]
    with Image.open(path) as image:
        assert image.size == (1500, 1360)
    for panel in figure.panels:  # names do not run into the next panel
        (names,) = panel.axes.artists
        end = names.get_window_extent(panel.axes.figure.canvas.get_renderer()).x1
        assert end < panel.axes.get_window_extent().x1 + 12  # pixels
    stages = {key: np.full(40, value) for key, value in STAGES_L3.items()}
    figure.save(make_columns(40) | stages | evaluated(40, every=10), path)
    assert titles(figure)[3:9:3] == ["Shelters", "Score in evaluations"]


def test_a_run_without_any_evaluation_yet_looks_as_before(
    figure: TrainingFigure, tmp_path: Path
) -> None:
    figure.save(make_columns(9) | evaluated(9, every=10), tmp_path / "figure.png")
    assert len(figure.panels) == 5


def test_points_are_joined_over_the_iterations_between(
    figure: TrainingFigure, tmp_path: Path
) -> None:
    columns = evaluated(40, every=10)
    figure.save(make_columns(40) | columns, tmp_path / "figure.png")
    thin, line = panel_of(figure, "evaluation/seeker").curves["evaluation/seeker"]
    x, y = line.get_data()
    assert x.tolist() == [10, 20, 30, 40]
    assert y == pytest.approx(columns["evaluation/seeker"][9::10])
    assert line.get_marker() == "o"
    assert len(thin.get_xdata()) == 0


def test_many_points_are_a_line_alone_and_no_more_than_can_be_seen(
    figure: TrainingFigure, tmp_path: Path
) -> None:
    figure.save(make_columns(900) | evaluated(900, every=1), tmp_path / "figure.png")
    _, line = panel_of(figure, "evaluation/score").curves["evaluation/score"]
    assert line.get_marker() == ""
    assert 100 < len(line.get_xdata()) <= 240


def test_the_rating_of_random_players_is_always_in_the_picture(
    figure: TrainingFigure, tmp_path: Path
) -> None:
    columns = evaluated(40, every=10)
    for team in ("seeker", "hider"):
        columns[f"evaluation/{team}_rating"] += 30.0
    figure.save(make_columns(40) | columns, tmp_path / "figure.png")
    low, high = panel_of(figure, "evaluation/seeker_rating").axes.get_ylim()
    assert low < RANDOM_RATING < 50.0 < high


def test_the_latest_metrics_tell_of_games_against_the_past_and_stay_on_the_paper(
    figure: TrainingFigure, tmp_path: Path
) -> None:
    columns = make_columns(20) | evaluated(20, every=10)
    for phase in ("sample", "learn", "save", "other", "evaluation"):
        columns[f"time/{phase}_s"] = np.full(20, 1.0)
    figure.save(columns, tmp_path / "figure.png")
    assert not any("won against the past" in text.get_text() for text in texts_of(figure))
    wins = {"opponents/seeker_wins": 0.55, "opponents/hider_wins": 0.38}
    columns |= {key: np.full(20, value) for key, value in wins.items()}
    figure.save(columns, tmp_path / "figure.png")

    def told(word: str) -> Text:
        (found,) = (text for text in texts_of(figure) if word in text.get_text().splitlines())
        return found

    labels, seeker, hider = told("games won against the past"), told("55%"), told("38%")
    line = labels.get_text().splitlines().index("games won against the past")
    assert seeker.get_text().splitlines()[line] == "55%"
    assert hider.get_text().splitlines()[line] == "38%"
    (shared,) = (text for text in texts_of(figure) if "this iteration" in text.get_text())
    shared.set_text(shared.get_text().splitlines()[-1])  # the longest, of the time
    extents = [text.get_window_extent() for text in (labels, seeker, hider)]
    assert min(extent.y0 for extent in extents) > 0
    assert extents[0].x1 < extents[1].x0
    labels.set_text("time")
    assert labels.get_window_extent().x1 < shared.get_window_extent().x0


@pytest.mark.parametrize("begun", [True, False])
def test_without_a_past_the_third_panel_is_of_random_players(
    figure: TrainingFigure, tmp_path: Path, begun: bool
) -> None:
    columns = evaluated(40, every=10)
    for key in [key for key in columns if key.endswith("past")]:
        if begun:  # the first earlier policy is still to come
            columns[key][:] = np.nan
        else:
            del columns[key]
    figure.save(make_columns(40) | columns, tmp_path / "figure.png")
    assert titles(figure)[5] == "Against random players"
    assert panel_of(figure, "evaluation/hider_vs_random")


def test_the_summary_tells_the_last_evaluation_not_the_last_iteration() -> None:
    columns = make_columns(25) | evaluated(25, every=10)
    columns["evaluation/score"][19] = 0.6125
    for phase in ("sample", "learn", "save", "other"):
        columns[f"time/{phase}_s"] = np.full(25, 0.2375)
    columns["time/evaluation_s"] = np.where(np.isfinite(columns["evaluation/score"]), 0.625, np.nan)
    summary = shared_summary(columns)
    assert summary["score"] == "0.613 at iteration 20"
    assert summary["time"] == "sample 24%  learn 24%  games 5%  rest 48%"
    assert "score" not in shared_summary(make_columns(25))
