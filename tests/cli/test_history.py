"""The metrics history as a run meets it, in a process of its own."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import SMALL, Desk, copy_of


def test_a_resume_writes_through_no_link_and_takes_the_export(
    trained: tuple[Desk, str], tmp_path: Path
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    history = desk.work / "checkpoints" / "metrics_history.jsonl"
    own = desk.work / "notes.txt"
    own.write_text("Dear diary,\n")
    history.unlink()
    history.symlink_to(own)

    done = desk.run("main.py", "--resume", "latest", "--iterations", "1", *SMALL)

    assert done.returncode == 0, done.stderr
    assert own.read_text() == "Dear diary,\n"
    assert [row["iteration"] for row in desk.history()] == [1, 2, 3, 4, 5]
    assert desk.history()[:4] == trained[0].history()
    told = [line for line in (done.stdout + done.stderr).splitlines() if "metrics_history" in line]
    assert len(told) == 1
    assert "it is now metrics_history_damaged.jsonl, and metrics_iter_4.json took" in told[0]
