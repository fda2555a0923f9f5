"""The frame of every command: messages, exit codes, and an output that is gone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from trainer import project
from trainer.checkpoints.errors import CheckpointError, NoUsableCheckpoint
from trainer.commands import run_command as run_command_module
from trainer.commands.run_command import run_command
from trainer.config.types import ConfigError
from trainer.errors import IncompatibleCheckpoint, TrainingDiverged, UsageError


class ActorError(Exception):
    """An error that wraps the one an actor raised, as Ray's do."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("a traceback of many lines")
        self.cause = cause


def raising(error: BaseException) -> int:
    def command(argv: Sequence[str]) -> int:
        raise error

    return run_command(command, [])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CheckpointError("broken"), 1),
        (NoUsableCheckpoint("broken"), 3),
        (UsageError("broken"), 2),
        (ConfigError("broken"), 2),
        (IncompatibleCheckpoint("broken"), 2),
        (TrainingDiverged("broken", ("seeker_policy",)), 1),
        (ActorError(TrainingDiverged("broken")), 1),
        (ActorError(UsageError("broken")), 2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_one_line_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    assert raising(error) == code
    assert capsys.readouterr() == ("", "error: broken\n")


@pytest.mark.parametrize(
    "words",
    [
        *(("main.py",), ("continue_training.py",), ("demo_model.py", "--shipped")),
        *(("-m", "trainer.evaluate", "shipped"), ("-m", "trainer.sweep")),
    ],
    ids=" ".join,
)
def test_a_python_without_the_libraries_is_told_what_to_do(words: tuple[str, ...]) -> None:
    alone = [sys.executable, "-S", *words]  # without site-packages
    done = subprocess.run(
        alone, cwd=project.PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    told = r"error: \S+ lacks (numpy|yaml|pydantic), which the project needs: .*"
    assert re.fullmatch(told + r" -m pip install -r \./requirements\.txt.*\n", done.stderr)


def test_a_checkout_with_an_environment_names_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    monkeypatch.setattr(run_command_module, "PROJECT_ROOT", tmp_path)
    assert raising(ModuleNotFoundError(name="numba")) == 1
    assert "install the package again" in capsys.readouterr().err
    (tmp_path / "requirements.txt").touch()
    assert raising(ModuleNotFoundError(name="ray.rllib")) == 1
    err = capsys.readouterr().err
    assert f"lacks ray, which the project needs: start it with {python} instead, or run" in err
    assert raising(ModuleNotFoundError("No module named 'trainer.x'", name="trainer.x")) == 1
    assert capsys.readouterr().err.startswith("error: No module named 'trainer.x'")


def test_an_unexpected_error_names_the_way_to_its_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert raising(KeyError("lr")) == 1
    assert capsys.readouterr().err == "error: 'lr'\n(--debug shows where)\n"
    assert raising(ValueError()) == 1
    assert capsys.readouterr().err.startswith("error: ValueError\n")

    def command(argv: Sequence[str]) -> int:
        raise KeyError("lr")

    assert run_command(command, ["--debug"]) == 1
    shown = capsys.readouterr().err
    assert "in command" in shown
    assert shown.endswith("error: 'lr'\n")


@pytest.mark.parametrize(
    ("needs_output", "text"), [(True, "\nleft\n"), (False, "\nleft; nothing was saved\n")]
)
def test_ctrl_c(capsys: pytest.CaptureFixture[str], needs_output: bool, text: str) -> None:
    def command(argv: Sequence[str]) -> int:
        raise KeyboardInterrupt

    assert run_command(command, [], needs_output=needs_output) == 130
    assert capsys.readouterr().err == text


@pytest.mark.parametrize(("needs_output", "finished"), [(True, False), (False, True)])
def test_a_reader_that_leaves_ends_a_report_but_no_training(
    monkeypatch: pytest.MonkeyPatch, needs_output: bool, finished: bool
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = []

    def command(argv: Sequence[str]) -> int:
        print("x" * 100_000, flush=True)
        done.append(True)
        return 0

    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert run_command(command, [], needs_output=needs_output) == 0
    assert bool(done) is finished


def test_a_full_disk_fails_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(argv: Sequence[str]) -> int:
        print("a row")
        return 0

    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run_command(command, [], needs_output=True) == 1
    assert capsys.readouterr().err.startswith("error: cannot write to standard output: No space")


def test_a_deleted_working_directory_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert raising(FileNotFoundError("config.yaml")) == 1
    assert capsys.readouterr().err == "error: the current directory has been deleted\n"
    job = '{"metadata": {"job_submission_id": "raysubmit_1"}}'
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", job)
    assert raising(FileNotFoundError("config.yaml")) == 1
    assert "give each `ray start` on one machine its own --temp-dir" in capsys.readouterr().err


def test_without_arguments_it_takes_those_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "--one", "2"])
    seen: list[str] = []

    def command(argv: Sequence[str]) -> int:
        seen.extend(argv)
        return 7

    assert run_command(command) == 7
    assert seen == ["--one", "2"]


def test_an_installed_package_names_its_own_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(project, "PROJECT_ROOT", tmp_path)
    raising(UsageError("start one with: python main.py --fresh"))
    raising(UsageError("see: python -m trainer.checkpoints repair x"))
    start, see = capsys.readouterr().err.splitlines()
    assert start.endswith("/hide-and-seek-train --fresh")
    assert see == "error: see: hide-and-seek-checkpoints repair x"
