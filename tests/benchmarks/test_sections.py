"""What the sections make of the answers, and how a run of them ends."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bench
from benchmarks.machine import processor
from benchmarks.rounds import Runs
from benchmarks.sections import evaluation, game, growth, run, saving, startup, tag, training
from benchmarks.session import Session
from benchmarks.workload import Measurement, default_config, learned_shares, timed


def measured(rate: float, **more: Any) -> dict[str, Any]:
    return {"agent_steps": rate, "seconds": 1.0, **more}


def test_the_share_of_the_peak() -> None:
    runs: Runs = {
        "kernels": [measured(100.0, multiply_adds=1000)],
        "fused": [measured(80.0)],
        "peak": [{"multiply_adds_per_s": 2000.0}],
    }
    assert training.share_of_peak(runs, "kernels") == [0.5]
    assert training.share_of_peak(runs, "fused") == [0.4]
    runs["fused"].append(None)
    assert training.share_of_peak(runs, "fused") == [0.4]  # the second round was interrupted


def test_a_report_of_training_goes_without_what_is_missing() -> None:
    results: dict[str, Any] = {
        "runs": {"fused": [measured(90.0), measured(80.0)], "stock": [measured(3.0), None]},
        "stock": "2 runners x 64 worlds",
        "left_out": {"69ce659": "git is not installed"},
    }
    text = training.report(results)
    assert results["ratios"]["fused/stock"] == [30.0]
    assert "30.0   MISSED (>= 40.0)" in text
    assert "left out: 69ce659: git is not installed" in text


def test_a_report_of_the_game_compares_the_levels() -> None:
    results: dict[str, Any] = {
        "runs": {"now": [{"L0": 5e6, "L3": 6e6}], "earlier": [{"L0": 1e6, "L3": 4e6}]}
    }
    text = game.report(results)
    assert results["ratios"] == {"L0": [5.0], "L3": [1.5]}
    assert text.count("reached") == 2  # L3's speed, L0's ratio
    assert text.count("MISSED") == 1


def test_an_evaluation_has_a_share_of_the_iterations_that_it_stands_for() -> None:
    rows = [{"time/iteration_s": 1.0, "time/evaluation_s": float("nan")} for _ in range(40)]
    rows[9] = rows[19] = {"time/iteration_s": 50.0, "time/evaluation_s": 40.0}
    rows[29] = {"time/iteration_s": 1.5, "time/evaluation_s": 0.5}
    rows[39] = {"time/iteration_s": 1.2, "time/evaluation_s": 0.2}
    found = evaluation.shares_of(rows)
    assert found["seconds"] == [0.5, 0.2]
    assert found["shares"] == pytest.approx([100 * 0.5 / 10.5, 100 * 0.2 / 10.2])
    text = evaluation.report({"default": found})
    assert "MISSED (<= 3.00)" in text
    assert "L1" not in text


def test_growth_is_drawn_and_memory_counted(tmp_path: Path) -> None:
    assert growth.kb_per_world({512: [100.0], 4096: [450.0]}) == 1024 * 350 / (4096 - 512)
    assert growth.kb_per_world({512: [100.0]}) is None
    runs: Runs = {
        contender.name: [measured(100.0, laps=[0.5, 0.25, 0.25], peak_mb=200.0)]
        for axis in growth.AXES
        for contender in growth.points(axis, "1")
    }
    results = {"runs": runs, "figure": str(tmp_path / "growth.png")}
    text = growth.report(results)
    lines = [line.split() for line in text.splitlines()]
    assert ["3", "v", "3", "133", "133"] in lines
    assert ["2", "-", "133"] in lines  # learners: the fused engine has none
    speeds = growth.speeds(runs, growth.AXES[0], "torch")
    assert speeds[512] == pytest.approx([100 / 3 / 0.5, 100 / 3 / 0.25, 100 / 3 / 0.25])
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("section", [training, game, tag, growth, run, saving, evaluation, startup])
def test_a_section_says_in_a_line_what_it_is(section: Any) -> None:
    assert len(section.__doc__.splitlines()) == 1
    assert section.__doc__ in bench.build_parser().format_help()


class Half:
    """A section that somebody interrupts after its first result."""

    __doc__ = "half a measurement"

    def measure(self, results: dict[str, Any], session: Session) -> None:
        results["first"] = 1
        raise KeyboardInterrupt

    def report(self, results: dict[str, Any]) -> str:
        return f"first: {results['first']}"


def test_an_interrupt_keeps_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "SECTIONS", {"half": Half(), "other": Half()})
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    monkeypatch.setattr(bench.signal, "signal", lambda number, handler: None)
    assert bench.main(["--only", "half", "other"]) == 130
    (path,) = tmp_path.iterdir()
    document = json.loads(path.read_text())
    assert document["sections"]["half"]["first"] == 1
    assert "other" not in document["sections"]
    assert not document["complete"]
    assert {"processor", "cores", "commit", "date", "versions", "command"} <= set(document)
    assert "first: 1" in capsys.readouterr().out


def test_a_failed_contender_is_told() -> None:
    assert bench.any_failed({"training": {"runs": {"stock": [{}, None]}}})
    assert not bench.any_failed({"training": {"runs": {"stock": [{}]}}, "saving": {}})


def test_the_earlier_project_is_looked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with ExitStack() as cleanup:
        session = Session(quick=True, figure=tmp_path, cleanup=cleanup)
        assert session.earlier() == "git is not installed"
        monkeypatch.undo()
        assert session.earlier() == "git is not installed"


def test_the_processor_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: Some Processor 7\n")
    assert processor(path) == "Some Processor 7"
    assert processor(tmp_path / "none")


def test_whole_iterations_are_timed_after_one_to_warm_up() -> None:
    calls: list[int] = []

    def iteration() -> int:
        calls.append(1)
        return 10

    found = timed(iteration, seconds=0.0, multiply_adds=7)
    assert len(calls) == 2
    assert (found.agent_steps, len(found.laps), found.multiply_adds) == (10, 1, 7)
    assert found.seconds == sum(found.laps)
    assert Measurement(10, 4.0).rate == 2.5


def test_frozen_seekers_learn_nothing() -> None:
    config = default_config("env.prep_steps=30", "env.episode_steps=120")
    assert learned_shares(config) == {"seeker": 0.75, "hider": 1.0}
