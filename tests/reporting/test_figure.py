"""The figure: whatever the history, a whole PNG that shows it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.reporting.rows import make_columns
from trainer.reporting.figure import TrainingFigure
from trainer.reporting.figure_panel import (
    MAX_BINS,
    SHADE,
    Panel,
    envelope,
    rolling_mean,
    smoothing_window,
    thinned,
)
from trainer.reporting.metrics import TEAM_COLORS


@pytest.fixture(scope="module")
def figure() -> TrainingFigure:
    return TrainingFigure("a run", {"seeker": 0.01, "hider": 0.01})


def pixels(path: Path) -> np.ndarray:
    """[height, width, 3] uint8."""
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def colored(image: np.ndarray, color: str) -> int:
    """How many pixels have (nearly) that color."""
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    return int((np.abs(image.astype(int) - rgb).max(axis=-1) <= 16).sum())


def all_nan(count: int) -> dict[str, np.ndarray]:
    columns = {key: np.full(count, np.nan) for key in make_columns(1)}
    return columns | {"iteration": np.arange(1.0, count + 1)}


@pytest.mark.parametrize(
    "columns",
    [{}, make_columns(0), make_columns(1), make_columns(2), all_nan(1), all_nan(30)],
    ids=["no columns", "0 rows", "1 row", "2 rows", "1 unknown row", "30 unknown rows"],
)
def test_short_and_unknown_histories_are_drawn(
    figure: TrainingFigure, tmp_path: Path, columns: dict[str, np.ndarray]
) -> None:
    image = pixels(figure.save(columns, tmp_path / "figure.png"))
    assert image.shape == (950, 1500, 3)
    assert (image[0] == 255).all()  # white paper
    assert (image < 128).any()  # with something on it


def test_both_teams_are_drawn_in_their_colors(figure: TrainingFigure, tmp_path: Path) -> None:
    columns = make_columns(200)
    both = pixels(figure.save(columns, tmp_path / "both.png"))
    for team, color in TEAM_COLORS.items():
        of_team = {"seeker": "seen_fraction", "hider": "perfect_hide"}[team]
        hidden = {k: c * np.nan for k, c in columns.items() if team in k or k == of_team}
        without = pixels(figure.save(columns | hidden, tmp_path / "without.png"))
        assert colored(both, color) > 2 * colored(without, color) > 0


def test_another_game_is_drawn_without_the_panels_of_hide_and_seek(
    figure: TrainingFigure, tmp_path: Path
) -> None:
    columns = {
        "iteration": np.arange(1.0, 4.0),
        "episode_len_mean": np.array([3.0, 4.0, 5.0]),
        **{
            f"{team}/{key}": np.ones(3)
            for team in ("red", "blue")
            for key in ("kl", "vf_explained_var")
        },
    }
    figure.save(columns, tmp_path / "own.png")
    for key in ("red/vf_explained_var", "blue/kl", "episode_len_mean"):
        assert [line.shape for line in lines_of(figure, key)] == [(2, 3), (2, 3)]
    assert not any("seen_fraction" in panel.curves for panel in figure.panels)


def test_a_figure_used_again_draws_like_a_new_one(figure: TrainingFigure, tmp_path: Path) -> None:
    columns = make_columns(12)
    figure.save(make_columns(1200), tmp_path / "long.png")
    again = figure.save(columns, tmp_path / "again.png").read_bytes()
    new = TrainingFigure("a run", {"seeker": 0.01, "hider": 0.01})
    assert new.save(columns, tmp_path / "new.png").read_bytes() == again


@pytest.mark.parametrize(("first", "last"), [(120, 300), (1, 2000), (297, 300)])
def test_the_labels_of_the_iterations_stay_inside_their_panel(
    figure: TrainingFigure, tmp_path: Path, first: int, last: int
) -> None:
    columns = {key: column[first - 1 :] for key, column in make_columns(last).items()}
    columns["env_steps"] = columns["iteration"] * 65_536.0
    figure.save(columns, tmp_path / "figure.png")
    for panel in figure.panels:
        labels = [label for label in panel.axes.get_xticklabels() if label.get_text()]
        boxes = [label.get_window_extent() for label in labels]
        edges = panel.axes.get_window_extent()
        assert len(boxes) > 2
        assert edges.x0 - 4 <= boxes[0].x0
        assert boxes[-1].x1 <= edges.x1 + 4  # pixels
        assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
        (name,) = (text for text in panel.axes.texts if text.get_text().startswith("iteration"))
        assert name.get_window_extent().y1 < min(box.y0 for box in boxes)
    assert labels[0].get_text().startswith(str(first)) or first == 1


def test_a_failed_drawing_leaves_the_old_file_and_nothing_else(
    figure: TrainingFigure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = figure.save(make_columns(3), tmp_path / "figure.png")
    before = path.read_bytes()

    def fail() -> bytes:
        raise OSError("no space left on device")

    monkeypatch.setattr(figure, "_png", fail)
    with pytest.raises(OSError, match="no space left"):
        figure.save(make_columns(4), path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_matplotlib_comes_late_and_keeps_its_files_in_the_project(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    code = (
        "import sys, os; from trainer.reporting.figure import TrainingFigure\n"
        "assert 'matplotlib' not in sys.modules\n"
        "TrainingFigure('x').save({}, sys.argv[1])\n"
        "import matplotlib; print(matplotlib.get_configdir()); print(matplotlib.get_cachedir())\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    home = tmp_path / "home"
    home.mkdir()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MPL", "XDG"))}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "figure.png")],
        env=env | {"HOME": str(home)},
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(root / ".cache" / "matplotlib")] * 2
    assert list(home.iterdir()) == []


def test_a_spike_does_not_flatten_the_curve() -> None:
    panel = Panel.__new__(Panel)
    panel.levels, panel.floor, panel.at_points = (0.01,), 0.0, False
    values = np.full(1000, 0.008)
    values[3] = 5.0
    low, high = panel.y_limits(values)
    assert low == 0.0
    assert 0.01 < high < 0.02  # the target line is inside, the spike is not


@pytest.mark.parametrize("window", [1, 3, 7])
def test_the_bold_line_is_a_mean_of_measured_values_only(window: int) -> None:
    values = np.random.default_rng(0).normal(size=40)
    values[[0, 5, 6, 7, 8, 9, 10, 11, 12, 39]] = np.nan
    known = [i for i in range(40) if not np.isnan(values[i])]
    slow = np.full(40, np.nan)
    for place in range(window // 2, len(known) - window // 2):
        part = known[place - window // 2 : place + window // 2 + 1]
        slow[known[place]] = sum(values[i] for i in part) / window
    np.testing.assert_allclose(rolling_mean(values, window), slow, atol=1e-12)


def test_no_window_is_ever_filled_up() -> None:
    values = np.array([np.nan, 38.0, 20.0, np.nan])
    assert np.isnan(rolling_mean(values, 3)).all()  # two values make no mean of three
    assert np.isnan(rolling_mean(np.full(9, np.nan), 1)).all()
    assert len(rolling_mean(np.empty(0), 1)) == 0


def lines_of(figure: TrainingFigure, key: str) -> list[np.ndarray]:
    """x and y of the thin and the bold line of a column, each [2, P]."""
    (panel,) = [panel for panel in figure.panels if key in panel.curves]
    return [np.array(line.get_data()) for line in panel.curves[key]]


def test_only_what_was_measured_is_drawn(figure: TrainingFigure, tmp_path: Path) -> None:
    """Turns of ten iterations, and no episode that ended in the first three."""
    columns = make_columns(300)
    turn = np.arange(300) // 10 % 2 == 0
    columns["seeker/kl"] = np.where(turn, columns["seeker/kl"], np.nan)
    columns["hider_reward"][:3] = np.nan
    figure.save(columns, tmp_path / "figure.png")

    thin, bold = lines_of(figure, "seeker/kl")
    drawn = ~np.isnan(thin[1])
    assert drawn.sum() == 150
    np.testing.assert_array_equal(thin[0][drawn], columns["iteration"][turn])
    np.testing.assert_array_equal(thin[1][drawn], columns["seeker/kl"][turn])
    assert np.isnan(bold[1][~turn]).all()
    assert (~np.isnan(bold[1])).sum() == 150 - smoothing_window(300) + 1

    thin, bold = lines_of(figure, "hider_reward")
    assert np.isnan(thin[1][:3]).all()
    assert np.isnan(bold[1][: 3 + smoothing_window(300) // 2]).all()


def test_a_known_point_between_unknown_ones_is_a_dot(
    figure: TrainingFigure, tmp_path: Path
) -> None:
    columns = make_columns(20)
    kl = columns["seeker/kl"] = np.full(20, np.nan)
    kl[[4, 9, 10, 19]] = 0.005
    figure.save(columns, tmp_path / "figure.png")
    (panel,) = [panel for panel in figure.panels if "seeker/kl" in panel.curves]
    thin, _ = panel.curves["seeker/kl"]
    assert thin.get_marker() == "o"
    assert thin.get_markevery() == [4, 19]  # 9 and 10 are a line
    assert panel.curves["hider/kl"][0].get_marker() == ""


def test_the_length_of_an_episode_is_drawn_where_it_varies(
    figure: TrainingFigure, tmp_path: Path
) -> None:
    columns = make_columns(30)
    columns["episode_len_mean"] = np.full(30, 80.0)
    figure.save(columns, tmp_path / "constant.png")
    assert np.isnan(lines_of(figure, "episode_len_mean")[0][1]).all()
    columns["episode_len_mean"][20:] = 60.0
    figure.save(columns, tmp_path / "varying.png")
    assert not np.isnan(lines_of(figure, "episode_len_mean")[0][1]).any()


def test_the_names_of_the_curves_stay_inside_their_panel(
    figure: TrainingFigure, tmp_path: Path
) -> None:
    figure.save(make_columns(40) | {"episode_len_mean": np.arange(40.0)}, tmp_path / "figure.png")
    for panel in figure.panels:
        (names,) = (child for child in panel.axes.get_children() if hasattr(child, "get_child"))
        assert names.get_window_extent().x1 <= panel.axes.get_window_extent().x1 + 4  # pixels
        title = panel.axes.get_title(loc="left")
        if "first_seen_step" in panel.curves:
            shown = [area.get_text() for area in panel._names]
            assert (title, shown[0]) == ("Steps until a hider is seen", "of seeking (never = all)")


def test_iterations_on_a_reduced_batch_are_shaded(figure: TrainingFigure, tmp_path: Path) -> None:
    columns = make_columns(40)
    plain = pixels(figure.save(columns, tmp_path / "plain.png"))
    columns["runners_missing"][[4, 5, 30]] = [1, 2, 1]
    shaded = pixels(figure.save(columns, tmp_path / "shaded.png"))
    assert colored(shaded, SHADE) > 5 * 200 + colored(plain, SHADE)
    edges = [np.asarray(path.vertices)[:, 0] for path in figure.panels[0].shade.get_paths()]
    assert [[x.min(), x.max()] for x in edges] == [[4.5, 6.5], [30.5, 31.5]]


def test_a_reward_at_the_beginning_is_inside_the_panel() -> None:
    panel = Panel.__new__(Panel)
    panel.levels, panel.floor, panel.at_points = (), None, False
    values = np.linspace(8, 35, 300)
    values[0] = 38.1
    low, high = panel.y_limits(values)
    assert low < 8
    assert high > 38.1


def test_the_window_grows_with_the_history_and_is_odd() -> None:
    windows = [smoothing_window(rows) for rows in range(0, 5000, 7)]
    assert all(window % 2 == 1 for window in windows)
    assert (windows[0], windows[-1]) == (1, 101)
    assert windows == sorted(windows)


@pytest.mark.parametrize("count", [0, 1, MAX_BINS, MAX_BINS + 1, 3 * MAX_BINS + 5, 100_000])
def test_long_curves_are_thinned_without_losing_their_ends_or_spikes(count: int) -> None:
    x = np.arange(count, dtype=np.float64)
    y = np.zeros(count)
    if count:
        y[-1] = -2.0
        y[count // 3] = 7.0
    for thin in (envelope, thinned):
        xs, ys = thin(x, y)
        assert len(xs) == len(ys) <= 2 * MAX_BINS
        assert (np.diff(xs) >= 0).all()
        assert not count or (xs[0] <= count / MAX_BINS and xs[-1] >= count * (1 - 1 / MAX_BINS) - 1)
    if count:
        assert envelope(x, y)[1].max() == y.max()
        assert envelope(x, y)[1].min() == y.min()


def test_nan_in_a_bin_hides_only_itself() -> None:
    y = np.ones(10 * MAX_BINS)
    y[::2] = np.nan
    y[:10] = np.nan
    x = np.arange(len(y), dtype=np.float64)
    for thin, unknown in ((envelope, 2), (thinned, 1)):
        ys = thin(x, y)[1]
        assert np.isnan(ys).sum() == unknown
        assert np.nanmin(ys) == np.nanmax(ys) == 1.0
