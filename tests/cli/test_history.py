"""The metrics history as a run meets it, in a process of its own."""

from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

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
