"""What commands do when their output is closed, full or a pipe that nobody reads; and what of a
folder's name, a file or an argument never reaches the terminal."""

from __future__ import annotations

import subprocess

import pytest

from tests.scripts.conftest import SMALL, Desk

Trained = tuple[Desk, str]
REPORTS = (
    ("list_checkpoints.py",),
    ("list_checkpoints.py", "--json"),
    ("-m", "trainer.checkpoints", "verify"),
    ("-m", "trainer.checkpoints", "diff", "2", "4"),
    ("-m", "trainer.checkpoints", "prune", "--dry-run"),
    ("demo_model.py", "--render", "none", "--episodes", "1"),
)


def shell(desk: Desk, words: tuple[str, ...], redirection: str) -> subprocess.CompletedProcess[str]:
    """Runs a script in a shell, its output redirected, with an interpreter of its own."""
    from tests.scripts.conftest import ROOT

    command = desk.command(*words)
    environment = desk.environment()
    if words[0] == "-m":
        command = [command[0], *words]
        environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$@" {redirection}', "bash", *command],
        cwd=desk.work,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "redirection"),
    [
        *((words, ">&-") for words in REPORTS[:-1]),
        *((words, "> /dev/full") for words in (REPORTS[0], REPORTS[2], REPORTS[-1])),
        *((words, "| true") for words in (REPORTS[1], REPORTS[3])),
        (REPORTS[4], "2>&- >&- <&-"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:3]),
)
def test_a_report_that_cannot_be_written(
    trained: Trained, words: tuple[str, ...], redirection: str
) -> None:
    done = shell(trained[0], words, redirection)
    if redirection == "| true":  # a reader that has had enough is no error
        assert (done.returncode, done.stderr) == (0, "")
        return
    assert done.returncode == 1
    reason = "No space left on device" if "full" in redirection else "it is closed"
    expected = f"error: cannot write to standard output: {reason}\n"
    assert done.stderr == ("" if "2>&-" in redirection else expected)


@pytest.mark.parametrize("stdout", ["/dev/full", "closed"])
def test_a_training_without_output_trains_to_the_end(desk: Desk, stdout: str) -> None:
    done = desk.run("main.py", "--iterations", "1", *SMALL, stdout=stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert desk.checkpoints() == ["checkpoint_000001"]
    done = desk.run("continue_training.py", "--yes", "--iterations", "1", *SMALL, stdout=stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert desk.checkpoints() == ["checkpoint_000001", "checkpoint_000002"]


def test_errors_are_told_without_an_output(desk: Desk) -> None:
    done = desk.run("main.py", "--resume", "latest", stdout="closed")
    assert done.returncode == 3
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) <= 2
