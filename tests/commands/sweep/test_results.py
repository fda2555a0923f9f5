"""What a sweep makes of the histories of its runs: table, picture, numbers."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from tests.checkpoints.fakes import save
from tests.commands.sweep.sweeps import SCORE, filled, history
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.sweep import figure, report
from trainer.commands.sweep.manifest import FAILED, FINISHED, Sweep
from trainer.commands.sweep.plan import Base
from trainer.commands.sweep.results import Measure, settings
from trainer.reporting.history.metrics_history import HISTORY_NAME


def measured(tmp_path: Path, base: Base) -> Sweep:
    """Two learning rates with two seeds each, one of which has only begun to be evaluated."""
    sweep = filled(tmp_path / "sweep", base, "ppo.lr=0.001,0.002", "train.seed=0,1")
    curves: list[list[float | None]] = [
        [None, 0.1, None, 0.3],
        [None, 0.2, None, 0.5],
        [None, 0.3, None, 0.75],
        [None, 0.45],
    ]
    for run, values in zip([*sweep.runs.values()], curves, strict=True):
        history(sweep, run, values)
    return sweep


def test_settings_are_compared_over_their_seeds(tmp_path: Path, base: Base) -> None:
    sweep = measured(tmp_path, base)
    best, other = settings(sweep, Measure(SCORE))
    assert (best.text, best.values) == ("lr 0.002", {"ppo.lr": "0.002"})
    assert (best.mean, best.low, best.high) == pytest.approx((0.6, 0.45, 0.75))
    assert (other.mean, other.low, other.high) == pytest.approx((0.4, 0.3, 0.5))
    assert other.curve() == [(200, pytest.approx(0.15), 0.1, 0.2), (400, 0.4, 0.3, 0.5)]
    assert best.curve()[-1] == (400, 0.75, 0.75, 0.75)  # of the one seed that has come so far
    worst_first = settings(sweep, Measure(SCORE, "min"))
    assert [setting.text for setting in worst_first] == ["lr 0.001", "lr 0.002"]
    lowest = worst_first[0].best(Measure(SCORE, "min"))
    assert lowest is not None
    assert lowest.last == 0.3


def test_the_report_is_a_picture_numbers_and_a_table(
    tmp_path: Path, base: Base, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = measured(tmp_path, base)
    runs = [*sweep.runs.values()]
    sweep.set(runs[1], FINISHED)
    sweep.set(runs[3], FAILED, "the disk is full")
    document = report.write(sweep, Measure(SCORE))
    assert json.loads((sweep.folder / "results.json").read_text()) == document
    first = document["settings"][0]
    assert first["values"] == {"ppo.lr": 0.002}
    assert first["mean"] == pytest.approx(0.6)
    assert [(seed["seed"], seed["iteration"]) for seed in first["seeds"]] == [(0, 4), (1, 2)]
    assert first["seeds"][1]["error"] == "the disk is full"
    with Image.open(document["picture"]) as image:
        assert image.width == 1500
    report.show(sweep, Measure(SCORE), "again")
    out = capsys.readouterr().out
    table = [line.split() for line in out.splitlines() if " lr " in line]
    assert table[0][:7] == ["1", "lr", "0.002", "2/2", "0.6", "0.45", "0.75"]
    assert "failed: lr=0.002_seed=1: the disk is full" in out
    assert "  again   # continues" in out
    assert "--checkpoint-dir" in out
    assert "lr=0.002_seed=0/checkpoints" in out  # of the best seed


def test_runs_without_the_measure_are_compared_by_the_reward_and_it_is_said(
    tmp_path: Path, base: Base
) -> None:
    sweep = filled(tmp_path / "sweep", base, "train.seed=0")
    document = report.write(sweep, Measure(SCORE))
    assert document["note"] == "no run has evaluation/score yet"
    assert document["picture"] is None
    history(sweep, sweep.runs["run"], [1.0, 2.0], "reward_mean")
    document = report.write(sweep, Measure(SCORE))
    assert (document["measure"], document["settings"][0]["mean"]) == ("reward_mean", 2.0)
    assert "no run has evaluation/score (evaluation.every decides when)" in document["note"]
    assert "does not say who plays better" in document["note"]


def test_collapsed_runs_come_last_and_are_marked(
    tmp_path: Path, base: Base, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = filled(tmp_path / "sweep", base, "ppo.lr=1,2,3", "train.seed=0,1")
    warning = "hider_policy collapsed in iteration 2: one update changed it by 9 nats"
    for run, value in zip(sweep.runs.values(), (0.9, 0.9, 0.95, 0.7, 0.3, 0.4), strict=True):
        history(sweep, run, [0.1, value])
        ends_well = run.values["ppo.lr"] == "3" or run.name == "lr=2_seed=1"
        warnings = [] if ends_well else [warning]
        save(CheckpointManager(sweep.checkpoints(run)), 2, warnings=warnings)
    found = settings(sweep, Measure(SCORE))
    assert [(s.text, s.collapsed) for s in found] == [("lr 3", 0), ("lr 2", 1), ("lr 1", 2)]
    best = found[1].best(Measure(SCORE))
    assert best is not None
    assert best.run.name == "lr=2_seed=1"  # the other one's 0.95 is of no use
    document = report.write(sweep, Measure(SCORE))
    assert [s["collapsed"] for s in document["settings"]] == [0, 1, 2]
    assert [s["warnings"] for s in document["settings"][1]["seeds"]] == [[warning], []]
    report.show(sweep, Measure(SCORE), "again")
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if "waiting, " in line] == ["2", "3"]
    assert "2 waiting, 1 collapsed" in out
    assert f"collapsed: lr=2_seed=0: {warning}" in out


def test_what_is_written_into_the_picture_fits_and_differs(
    tmp_path: Path, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = ",".join(["1024"] * 15)
    sweep = filled(tmp_path / "sweep", base, f"ppo.hiddens=[{sizes},32],[{sizes},16]")
    for run in sweep.runs.values():
        history(sweep, run, [12345.678])
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, target, **_: drawn.append(self))
    monkeypatch.setattr(figure, "replacing", contextlib.nullcontext)
    found = settings(sweep, Measure(SCORE))
    figure.draw(found, Measure(SCORE), f"Sweep {'of some name ' * 20}", tmp_path / "sweep.png")
    texts = [text for text in drawn[0].findobj(Text) if " " in text.get_text()]  # no ticks
    assert len(texts) == 7
    right = max(text.get_window_extent().x1 for text in texts)
    assert right <= drawn[0].bbox.x1
    labels = [text.get_text() for text in texts if "hiddens" in text.get_text()]
    assert [label.split()[0] for label in labels] == ["1", "2"]
    assert [label.split("…")[1].split("1024,")[-1].split()[0] for label in labels] == ["32]", "16]"]
    assert all(label.endswith("1.235e+04") for label in labels)


def test_a_damaged_history_is_told_and_does_not_end_the_report(tmp_path: Path, base: Base) -> None:
    sweep = measured(tmp_path, base)
    run = sweep.runs["lr=0.001_seed=1"]
    (sweep.checkpoints(run) / HISTORY_NAME).write_text("{}\n{}\n")
    seeds = report.write(sweep, Measure(SCORE))["settings"][1]["seeds"]
    assert "line 1" in seeds[1]["error"]
    assert seeds[0]["value"] == 0.3


def test_many_settings_have_colors_while_they_can_be_told_apart(tmp_path: Path, base: Base) -> None:
    rates = ",".join(f"{rate:g}" for rate in range(1, 13))
    sweep = filled(tmp_path / "sweep", base, f"ppo.lr={rates}", "train.seed=0,1")
    for place, run in enumerate(sweep.runs.values()):
        history(sweep, run, [0.01 * place, 0.02 * place])
    found = settings(sweep, Measure(SCORE))
    figure.draw(found, Measure(SCORE), "a sweep", tmp_path / "sweep.png")
    with Image.open(tmp_path / "sweep.png") as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    shown = {f"#{r:02X}{g:02X}{b:02X}" for r, g, b in np.unique(pixels, axis=0)}
    assert {*figure.COLORS} <= shown
    assert len({*figure.COLORS}) == len(figure.COLORS)
