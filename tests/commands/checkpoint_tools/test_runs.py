"""The overview of several runs, and what a plain list says of a folder that holds them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.fakes import WHEN, info, save
from tests.checkpoints.hostile import NASTY
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.checkpoint_tools import list_checkpoints
from trainer.commands.checkpoint_tools.runs import Run, find_runs, render
from trainer.reporting.terminal import Style
from trainer.shown_commands import script_command

ROOT = Path(__file__).parents[3]
Listed = Callable[..., tuple[int, str, str]]
CONFIG = "env:\n  # a comment\n  level: L1\nppo:\n  num_iterations: 300\n  lr: 0.001\n"
GAME: dict[str, Any] = {
    "seen_fraction": 0.202,
    "perfect_hide": 0.431,
    "agent_steps": 39_321_600,
    "seed": 7,
}


def train(
    folder: Path, *iterations: int, config: str = CONFIG, **metadata: object
) -> CheckpointManager:
    manager = CheckpointManager(folder, keep_last_n=0, clock=lambda: WHEN)
    for iteration in iterations:
        path = save(manager, iteration, **GAME | metadata)
        (path / "config.yaml").write_text(config)
    return manager


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs at different depths, one of them with a branch, among other things."""
    monkeypatch.chdir(tmp_path)
    train(tmp_path / "checkpoints", 10, 20, 30).set_aside_newer(20)
    train(tmp_path / "experiments/low_lr", 300, config="not yaml: [")
    train(tmp_path / "experiments/deep/too deep", 10)
    train(tmp_path / ".hidden/checkpoints", 10)
    (tmp_path / "experiments/empty").mkdir()
    (tmp_path / "a file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "experiments")
    return tmp_path


@pytest.fixture
def listed(capsys: pytest.CaptureFixture[str]) -> Listed:
    """Runs the script: exit code, standard output, standard error."""

    def listed(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = list_checkpoints.main(list(map(str, words)))
        except SystemExit as left:
            code = int(left.code or 0)
        return (code, *capsys.readouterr())

    return listed


def test_the_overview_compares_the_scores_of_evaluations(tmp_path: Path) -> None:
    known: dict[str, Any] = {"evaluation/score": 0.61249}
    train(tmp_path / "one", 10, **known)
    train(tmp_path / "other", 10)
    head, _, one, other, _ = render(find_runs(tmp_path), Style(), WHEN, 120, "here")
    place = head.index("Score")
    assert [line[place : place + 5].strip() for line in (one, other)] == ["0.612", "-"]
    assert [run.as_dict()["evaluation/score"] for run in find_runs(tmp_path)] == [0.61249, None]


def test_every_run_has_a_row(
    several: Path, listed: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    code, out, err = listed("--runs")
    assert (code, err) == (0, "")
    head, _, *rows, _ = out.splitlines()
    assert " ".join(head.split()) == (
        "Run Level Seed Iterations Kept Saved Seen Hidden Agent steps Size"
    )
    first, branch, other = (row.split() for row in rows)
    assert first[:5] == ["checkpoints", "L1", "7", "20/300", "2"]
    assert first[-5:-2] == ["0.202", "43.1%", "39.3M"]
    assert branch[0].startswith("checkpoints/branch_after_000020_")
    assert branch[1:5] == ["L1", "7", "30/300", "1"]
    assert other[:5] == ["experiments/low_lr", "-", "7", "300", "1"]
    deeper = listed("--runs", several / "experiments")[1]
    assert "deep/too deep" in deeper


def test_the_overview_in_json(several: Path, listed: Listed) -> None:
    code, out, _ = listed("--runs", several, "--json")
    first, branch, other = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert first.pop("size_bytes") > 0
    assert first.pop("timestamp_unix") == WHEN.timestamp()
    assert first == {
        "path": str(several / "checkpoints"),
        "run_name": None,
        "level": "L1",
        "seed": 7,
        "iteration": 20,
        "planned_iterations": 300,
        "checkpoints": 2,
        "timestamp": "2024-12-19T15:30:45",
        "seen_fraction": 0.202,
        "perfect_hide": 0.431,
        "reward_mean": 20.0,
        "evaluation/score": None,
        "agent_steps": 39_321_600,
        "running": False,
    }
    assert (branch["iteration"], other["level"], other["planned_iterations"]) == (30, None, None)


def test_a_run_that_trains_now_is_marked_even_before_its_first_checkpoint(
    several: Path, listed: Listed
) -> None:
    with CheckpointManager("experiments/empty").writer_lock():
        _, out, _ = listed("--runs")
        assert f"experiments/empty [training: process {os.getpid()} on " in out
        rows = json.loads(listed("--runs", "--json")[1])
        assert {row["path"]: row["running"] for row in rows if row["running"]} == {
            str(several / "experiments/empty"): True
        }
    assert "experiments/empty" not in listed("--runs")[1]


def test_the_overview_fits_where_it_is_shown() -> None:
    item = info(300, timestamp_unix=WHEN.timestamp(), **GAME)
    name = "experiments/with_a_long_name/checkpoints"
    several = [Run(f"{name}_{k}", item, 11, 2**40, "L0", 300, "") for k in range(2)]
    for width in (80, 100, 130):
        lines = render(several, Style(), WHEN + timedelta(minutes=5), width, "here")
        assert max(map(len, lines)) <= width
        assert any(line.startswith(several[1].path) for line in lines)
        assert sum("5 min" in line for line in lines) == 2


def test_a_run_in_the_folder_that_is_searched_has_its_name(several: Path, listed: Listed) -> None:
    row = listed("--runs", "experiments/low_lr")[1].splitlines()[2]
    assert row.startswith("low_lr ")


def test_a_folder_of_runs_is_told_from_an_empty_one(several: Path, listed: Listed) -> None:
    code, out, err = listed("experiments")
    assert (code, out) == (2, "")
    command = script_command("list_checkpoints.py", ["--runs", "experiments"])
    assert err == (
        "error: experiments is a folder of runs: deep/too deep, low_lr\n"
        f"List one of them, or all: {command}\n"
    )
    assert listed("experiments/empty")[0] == 3


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("experiments/empty",), 3, "no runs found in experiments/empty or up to 2 levels below"),
        (("experimets",), 3, "no such directory: experimets; did you mean {}/experiments?"),
        (("a file",), 2, "a file is not a directory; name the folder that it is in"),
        (("s3://key:secret@bucket/runs",), 2, "only local folders can be searched"),
        (("--verify",), 2, "of the other options it takes --json only"),
        (("--sort", "seed"), 2, "of the other options it takes --json only"),
    ],
)
def test_mistakes_name_the_way_on(
    several: Path, listed: Listed, words: tuple[str, ...], code: int, message: str
) -> None:
    left, out, err = listed("--runs", *words)
    assert (left, out) == (code, "")
    assert message.format(several) in err
    assert "secret" not in err


@pytest.mark.parametrize("nasty", NASTY, ids=lambda value: repr(value)[:20])
def test_what_strangers_write_is_shown_harmlessly(
    tmp_path: Path, listed: Listed, nasty: object
) -> None:
    manager = train(tmp_path / "a", 10)
    document = json.loads((manager.directory / "checkpoint_000010/metadata.json").read_text())
    keys = ("seed", "run_name", "timestamp_unix", "level", *GAME)
    hostile = document | dict.fromkeys(keys, nasty)
    (manager.directory / "checkpoint_000010/metadata.json").write_text(json.dumps(hostile))
    (manager.directory / "checkpoint_000010/config.yaml").write_text(f"env:\n  level: {nasty!r}\n")
    (manager.directory / ".writer.json").write_text(json.dumps(nasty))
    train(tmp_path / "b\x1b[2J", 10)
    for flags in ((), ("--json",)):
        code, out, err = listed("--runs", tmp_path, *flags)
        assert code == 0
        assert all(line.isprintable() for line in (out + err).splitlines())
        if flags:
            assert len(json.loads(out, parse_constant=pytest.fail)) >= 1


def test_the_level_is_the_one_that_a_curriculum_has_come_to(tmp_path: Path) -> None:
    train(tmp_path / "a", 10, level="L2")
    (run,) = find_runs(tmp_path)
    assert (run.level, run.as_dict()["level"]) == ("L2", "L2")


def test_a_configuration_that_explodes_is_not_parsed(tmp_path: Path) -> None:
    bomb = "x: &x {a: 1}\n" + "y: &y {<<: [" + "*x, " * 50_000 + "]}\n"
    train(tmp_path / "a", 10, config=bomb + CONFIG)
    (run,) = find_runs(tmp_path)
    assert (run.level, run.planned) == ("L1", 300)


def test_nothing_heavy_is_imported(several: Path) -> None:
    code = (
        "import sys\n"
        "from trainer.commands.checkpoint_tools import list_checkpoints\n"
        "assert list_checkpoints.main(['--runs', sys.argv[1]]) == 0\n"
        "heavy = {'ray', 'torch', 'numpy', 'yaml', 'pyarrow', 'rich', 'pydantic'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(several)], check=True, cwd=ROOT)


def test_a_run_with_a_budget_is_not_compared_with_its_iterations(
    tmp_path: Path, listed: Listed
) -> None:
    budget = CONFIG.replace("  lr", "  num_episodes: null\n  num_env_steps: 5000\n  lr")
    train(tmp_path / "run", 20, config=budget)
    (row,) = [line.split() for line in listed("--runs", tmp_path)[1].splitlines() if "L1" in line]
    assert row[3] == "20"
