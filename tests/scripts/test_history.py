"""The metrics history as a run meets it, in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from tests.reporting.rows import read_export
from tests.scripts.conftest import SMALL, Desk, copy_of
from trainer.checkpoints import manifest
from trainer.reporting.history.record import RowsDigest


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


@pytest.mark.parametrize("case", ["one figure altered", "another run's", "an older checkpoint"])
def test_a_resume_knows_the_rows_of_its_own_run(
    trained: tuple[Desk, str], tmp_path: Path, case: str
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    folder = desk.work / "checkpoints"
    path = folder / "metrics_history.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows if case == "another run's" else rows[:1]:  # of the same steps, though
        row["hider/entropy"] = 99.0
    altered = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(altered)
    saved = folder / "checkpoint_000004"
    if case == "an older checkpoint":
        (saved / "training_state" / "history.json").unlink()
        (saved / "manifest.json").unlink()
        manifest.write(saved)

    done = desk.run("main.py", "--resume", "latest", "--iterations", "1", *SMALL)

    assert done.returncode == 0, done.stderr
    assert desk.history()[:4] == trained[0].history()
    assert (folder / "metrics_history_damaged.jsonl").read_text() == altered
    told = [line for line in (done.stdout + done.stderr).splitlines() if "metrics_history" in line]
    assert len(told) == 1
    assert "is not the history that iteration 4 was saved with" in told[0]


def test_rows_are_known_again_after_branches_and_reformatting(
    trained: tuple[Desk, str], tmp_path: Path
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    folder = desk.work / "checkpoints"
    path = folder / "metrics_history.jsonl"
    for selector, lost in (("2", False), ("latest", False), ("latest", True)):
        if lost:
            path.unlink()
        else:  # the same figures in another form
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            path.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in rows))
        done = desk.run("main.py", "--resume", selector, "--iterations", "1", *SMALL)
        assert done.returncode == 0, done.stderr
        assert "metrics_history" not in done.stdout + done.stderr
    assert [row["iteration"] for row in desk.history()] == [1, 2, 3, 4, 5]
    assert list(folder.glob("*_damaged*")) == []
    record = json.loads((folder / "checkpoint_000005/training_state/history.json").read_text())
    assert record["rows"] == 5
    exported = read_export(folder / "metrics_iter_5.json")
    assert RowsDigest(exported).record().sha256 == record["sha256"]


def test_tensorboard_shows_what_a_run_was_made_with(trained: tuple[Desk, str]) -> None:
    (folder,) = (trained[0].work / "runs").iterdir()
    events = EventAccumulator(str(folder))
    events.Reload()
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    values = HParamsPluginData.FromString(content).session_start_info.hparams
    assert values["ppo.hider.lr"].number_value == 0.001
    assert values["env.episode_steps"].number_value == 80  # null in the configuration
    (config,) = events.Tensors("config/text_summary")
    assert b"rollout_length: 32" in config.tensor_proto.string_val[0]
    (run,) = events.Tensors("run/text_summary")
    assert b"git_commit" in run.tensor_proto.string_val[0]
    assert [image.step for image in events.Images("training_metrics")] == [2 * 2048, 4 * 2048]
    assert events.Scalars("best/iteration")[-1].step == 4 * 2048
    assert [point.step for point in events.Scalars("hider/lr")] == [2048, 4 * 2048]
