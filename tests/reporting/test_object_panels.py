"""The figure of levels with boxes and ramps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.reporting.rows import STAGES_L3, STAGES_L4, make_columns
from trainer.reporting.figure import TrainingFigure


@pytest.fixture(scope="module")
def figure() -> TrainingFigure:
    return TrainingFigure("a run", {"seeker": 0.01, "hider": 0.01})


def size(path: Path) -> tuple[int, int]:
    """Width and height in pixels."""
    with Image.open(path) as image:
        return image.size


def curve(figure: TrainingFigure, key: str) -> np.ndarray:
    """The values that the thin line of a column shows."""
    (panel,) = [panel for panel in figure.panels if key in panel.curves]
    return np.asarray(panel.curves[key][0].get_ydata())


def with_stages(count: int, stages: dict[str, float]) -> dict[str, np.ndarray]:
    return make_columns(count) | {key: np.full(count, value) for key, value in stages.items()}


@pytest.mark.parametrize(("stages", "title"), [(STAGES_L3, "Locks"), (STAGES_L4, "Ramps")])
def test_levels_with_objects_have_a_row_more(
    figure: TrainingFigure, tmp_path: Path, stages: dict[str, float], title: str
) -> None:
    assert size(figure.save(with_stages(40, stages), tmp_path / "figure.png")) == (1500, 1360)
    assert [panel.axes.get_title(loc="left") for panel in figure.panels][3:6] == [
        *("Shelters", "Meters that boxes were moved", title)
    ]
    assert curve(figure, "sealed") == pytest.approx(0.31)
    for panel in figure.panels:  # names do not run into the next panel
        (names,) = panel.axes.artists
        end = names.get_window_extent(panel.axes.figure.canvas.get_renderer()).x1
        assert end < panel.axes.get_window_extent().x1 + 12  # pixels
    assert size(figure.save(make_columns(40), tmp_path / "figure.png")) == (1500, 950)


def test_a_history_that_began_without_objects_is_drawn(
    figure: TrainingFigure, tmp_path: Path
) -> None:
    columns = with_stages(40, STAGES_L3)
    for key in STAGES_L3:
        columns[key][:20] = np.nan
    figure.save(columns, tmp_path / "figure.png")
    shown = curve(figure, "door_blocked")
    assert np.isnan(shown[:20]).all()
    assert shown[20:] == pytest.approx(0.42)
