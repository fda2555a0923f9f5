"""The plan of a sweep, its manifest, and what it makes of the histories of its runs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trainer.commands.sweep import figure, report
from trainer.commands.sweep.axes import parse_axes
from trainer.commands.sweep.known_measures import check_measure
from trainer.commands.sweep.manifest import (
    CONFIG,
    CUT,
    FAILED,
    FINISHED,
    NAME,
    RUNNING,
    WAITING,
    Run,
    Sweep,
    read_sweep,
    writing,
)
from trainer.commands.sweep.names import varied
from trainer.commands.sweep.plan import Base, plan_sweep, read_base
from trainer.commands.sweep.results import Measure, settings
from trainer.commands.sweep.status import Status, counted, first_running, seconds_left
from trainer.errors import UsageError
from trainer.reporting.history.metrics_history import HISTORY_NAME
from trainer.reporting.history.rows import encode

SCORE = "evaluation/score"


@pytest.fixture
def base(tmp_path: Path) -> Base:
    path = tmp_path / "mine.yaml"
    path.write_text("ppo: {num_iterations: 40, gamma: 0.97}\ntrain: {torch_threads: 4}\n")
    return read_base(str(path), None)


def filled(folder: Path, base: Base, *items: str, jobs: int = 1) -> Sweep:
    """A sweep of these axes, written."""
    plan = plan_sweep(base, parse_axes(items))
    with writing(folder, base) as sweep:
        sweep.add(plan.runs, varied(plan.axes), jobs)
        sweep.save()
    return sweep


def history(sweep: Sweep, run: Run, values: list[float | None], key: str = SCORE) -> None:
    """Writes a run's history: a value, or none, for each iteration of 100 agent steps."""
    path = sweep.checkpoints(run)
    path.mkdir(parents=True, exist_ok=True)
    rows = [
        {"iteration": i, "agent_steps": 100 * i, key: math.nan if value is None else value}
        for i, value in enumerate(values, start=1)
    ]
    (path / HISTORY_NAME).write_bytes(b"".join(map(encode, rows)))


# --- the plan ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["ppo.lr=0.001,-1"], "--set ppo.lr: ppo.lr = -1: must be above 0.0"),
        (["ppo.lrr=1,2"], "--set ppo.lrr: unknown key 'ppo.lrr'; nearest: ppo.lr"),
        (
            ["ppo.minibatch_size=4096,10000000", "train.seed=0,1"],
            "lower it or raise ppo.rollout_length (with ppo.minibatch_size=10000000 train.seed=0)",
        ),
        (["ppo.checkpoint_dir=./a,./b"], "--set ppo.checkpoint_dir: each run of a sweep has its"),
        (["initialization.mode=resume"], "--set initialization.mode: every run of a sweep is new"),
    ],
)
def test_every_combination_is_checked_before_anything_starts(
    base: Base, items: list[str], message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        plan_sweep(base, parse_axes(items))
    assert message.replace("is new", "is a new") in str(raised.value)


def test_the_length_of_a_command_replaces_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "budget.yaml"
    path.write_text("ppo: {num_env_steps: 1000000}\n")
    plan = plan_sweep(read_base(str(path), 7), parse_axes(["train.seed=0,1"]))
    assert [run.iterations for run in plan.runs] == [7, 7]
    plan = plan_sweep(read_base(str(path), None), ())
    assert plan.runs[0].iterations == 16  # of 65,536 steps


def test_the_same_command_has_the_same_folder_and_another_one_another(base: Base) -> None:
    def folder(*items: str, samples: int | None = None) -> Path:
        return plan_sweep(base, parse_axes(items), samples).default_folder()

    assert folder("ppo.lr=1,2") == folder("ppo.lr=1,2")
    assert folder("ppo.lr=1,2").parent == Path("sweeps")
    assert folder("ppo.lr=1,2").name.startswith("mine_")
    others = {folder("ppo.lr=1,2"), folder("ppo.lr=1,3"), folder("ppo.lr=1,2", samples=2)}
    assert len(others) == 3


def test_a_file_that_resumes_or_holds_credentials_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("initialization: {mode: resume}\n")
    with pytest.raises(UsageError, match=r"a\.yaml: initialization\.mode = resume"):
        read_base(str(path), None)
    path.write_text("tracking: {mlflow_uri: 'https://me:secret@example.com'}\n")
    with pytest.raises(UsageError, match="holds credentials") as raised:
        read_base(str(path), None)
    assert "secret" not in str(raised.value)


def test_a_measure_is_a_metric_of_some_history() -> None:
    for key in (SCORE, "evaluation/seeker_vs_blocker", "sealed", "time/total_s", "hider/kl"):
        check_measure(key)
    with pytest.raises(UsageError, match="did you mean 'evaluation/score'"):
        check_measure("evaluation/scores")
    assert Measure.parse("first_seen_step:min") == Measure("first_seen_step", "min")
    assert Measure.parse(SCORE) == Measure(SCORE, "max")


# --- the manifest --------------------------------------------------------------------------------


def test_the_runs_are_found_again_and_more_of_them_are_added(tmp_path: Path, base: Base) -> None:
    folder = tmp_path / "sweep"
    first = filled(folder, base, "ppo.lr=0.001,0.002", "train.seed=0", jobs=2)
    assert [*first.runs] == ["lr=0.001", "lr=0.002"]
    assert {run.threads for run in first.runs.values()} == {2}  # of 4 cores, shared out
    assert read_sweep(folder, base).runs == first.runs
    more = filled(folder, base, "train.seed=0,1", "ppo.lr=1e-3,4e-3")
    assert [*more.runs][:2] == [*first.runs]
    assert [*more.runs][2:] == ["seed=0_lr=0.004", "seed=1_lr=0.001", "seed=1_lr=0.004"]
    assert more.runs["lr=0.001"].threads == 2  # as at its first start: results may depend on it


def test_threads_that_are_swept_are_left_alone(tmp_path: Path, base: Base) -> None:
    found = filled(tmp_path / "sweep", base, "train.torch_threads=1,3", jobs=2)
    assert [run.threads for run in found.runs.values()] == [1, 3]


def test_another_configuration_is_refused_plainly(tmp_path: Path, base: Base) -> None:
    filled(tmp_path / "sweep", base, "train.seed=0,1")
    other = Base(base.name, base.shown, {**base.values, "ppo": {"num_iterations": 41}})
    with pytest.raises(UsageError) as raised:
        read_sweep(tmp_path / "sweep", other)
    told = str(raised.value)
    assert "is a sweep of another configuration" in told
    assert "ppo.num_iterations: 40 there, 41 here; ppo.gamma: 0.97 there, not given here" in told


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, base: Base) -> None:
    (tmp_path / "notes.txt").touch()
    with (
        pytest.raises(UsageError, match="not empty and no sweep; name another folder with --out"),
        writing(tmp_path, base),
    ):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"mine.yaml", "notes.txt"}


def test_a_kill_before_the_manifest_leaves_nothing_in_the_way(tmp_path: Path, base: Base) -> None:
    with writing(tmp_path / "sweep", base):
        pass
    assert {p.name for p in (tmp_path / "sweep").iterdir()} >= {CONFIG}
    assert filled(tmp_path / "sweep", base, "train.seed=0,1").runs


def test_there_is_one_writer(tmp_path: Path, base: Base) -> None:
    with (
        writing(tmp_path / "sweep", base),
        pytest.raises(UsageError, match="is being run by another process"),
        writing(tmp_path / "sweep", base),
    ):
        pass


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../elsewhere"},
        {"name": "a/b"},
        {"state": "fine"},
        {"iterations": 0},
        {"values": {"ppo.lr": 3}},
        {"error": None},
        {"more": 1},
    ],
)
def test_a_manifest_that_says_something_else_is_refused(
    tmp_path: Path, base: Base, change: dict[str, Any]
) -> None:
    filled(tmp_path / "sweep", base, "train.seed=0")
    path = tmp_path / "sweep" / NAME
    document = json.loads(path.read_text())
    document["runs"][0] |= change
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError, match=NAME):
        read_sweep(tmp_path / "sweep", base)


def test_what_a_kill_has_left_is_read_from_the_checkpoints(tmp_path: Path, base: Base) -> None:
    from tests.checkpoints.fakes import save
    from trainer.checkpoints.manager import CheckpointManager

    sweep = filled(tmp_path / "sweep", base, "train.seed=0,1,2,3,4")
    runs = [*sweep.runs.values()]
    for run, state in zip(runs, (RUNNING, RUNNING, RUNNING, FINISHED, FAILED), strict=True):
        sweep.set(run, state)
    save(CheckpointManager(sweep.checkpoints(runs[0])), 40, tags=["final"])
    save(CheckpointManager(sweep.checkpoints(runs[1])), 10)
    sweep.settle()
    found = [run.state for run in sweep.runs.values()]
    assert found == [FINISHED, CUT, WAITING, WAITING, FAILED]


# --- the results ---------------------------------------------------------------------------------


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
    table = [line.split() for line in out.splitlines() if line.startswith("lr ")]
    assert table[0][:6] == ["lr", "0.002", "2/2", "0.6", "0.45", "0.75"]
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


# --- the progress --------------------------------------------------------------------------------


def test_what_is_left_is_shared_by_the_jobs() -> None:
    def status(state: str, done: int, pace: float = math.nan) -> Status:
        return Status("a", state, done, 100, math.nan, pace)

    all_ = [status(FINISHED, 100, 1.0), status(RUNNING, 50, 2.0), status(WAITING, 0)]
    assert seconds_left(all_, 1) == pytest.approx(100 + 150)
    assert seconds_left(all_, 2) == pytest.approx(125)
    assert seconds_left(all_[:2], 8) == pytest.approx(100)
    assert math.isnan(seconds_left(all_[2:], 1))
    assert counted(all_) == "1 running, 1 waiting, 1 finished"
    assert [s.state for s in first_running(all_)] == [RUNNING, WAITING, FINISHED]
