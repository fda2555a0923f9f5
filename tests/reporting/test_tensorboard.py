"""The event files, read back with TensorBoard's own reader."""

from __future__ import annotations

import math
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from tests.reporting.rows import EVALUATED, STAGES_L4, make_row
from trainer.reporting.metrics import empty_row
from trainer.reporting.tensorboard import TensorBoardWriter, tag_of


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    tags = accumulator.Tags()["scalars"]
    return {tag: [(e.step, e.value) for e in accumulator.Scalars(tag)] for tag in tags}


def event_files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_tags_are_grouped() -> None:
    groups = {tag_of(key).split("/")[0] for key in empty_row()}
    assert groups == {"reward", "seeker", "hider", "game", "time"}
    assert tag_of("reward_mean") == "reward/mean"
    assert tag_of("seeker_reward") == "reward/seeker"
    assert tag_of("hider/kl") == "hider/kl"
    assert tag_of("seen_fraction") == "game/seen_fraction"
    assert tag_of("episodes_completed") == "game/episodes_completed"
    assert tag_of("agent_steps_per_s") == "time/agent_steps_per_s"
    assert tag_of("anything") == "other/anything"
    assert len({tag_of(key) for key in empty_row()}) == len(empty_row())


def test_evaluations_have_a_group_of_their_own() -> None:
    tags = {tag_of(key) for key in EVALUATED}
    assert {tag.split("/")[0] for tag in tags} == {"evaluation", "time"}
    assert {"evaluation/score", "evaluation/seeker_vs_past", "time/evaluation_s"} <= tags


def test_objects_have_a_group_of_each_team_and_one_of_both() -> None:
    tags = {key: tag_of(key) for key in STAGES_L4}
    assert tags["hider_box_prep"] == "objects_hider/box_prep"
    assert tags["seeker_crossings"] == "objects_seeker/crossings"
    assert tags["sealed"] == "objects/sealed"
    assert {tag.split("/")[0] for tag in tags.values()} == {
        *("objects", "objects_seeker", "objects_hider")
    }
    assert len(set(tags.values())) == len(STAGES_L4)


def test_rows_are_on_disk_before_the_writer_is_closed(tmp_path: Path) -> None:
    writer = TensorBoardWriter(tmp_path / "runs" / "my run")
    for i in (1, 2, 3):
        writer.write(make_row(i))

    curves = read(tmp_path / "runs" / "my run")  # as after a kill: not closed, not flushed
    writer.close()
    for key, value in make_row(3).items():
        if math.isnan(value):
            assert tag_of(key) not in curves
        elif value == make_row(2)[key]:
            ((step, point),) = curves[tag_of(key)]
            assert step == 1000
            assert point == pytest.approx(value)
        else:
            assert [step for step, _ in curves[tag_of(key)]] == [1000, 2000, 3000]
            assert curves[tag_of(key)][-1][1] == pytest.approx(value)


def test_a_flat_line_has_a_point_at_either_end(tmp_path: Path) -> None:
    values = [1.0, 1.0, 1.0, 2.0, math.nan, 2.0, 2.0, 3.0, 3.0]
    with closing(TensorBoardWriter(tmp_path)) as writer:
        for i, value in enumerate(values):
            writer.write({"env_steps": i, "lr": value})
    assert read(tmp_path)["other/lr"] == [
        *((0, 1.0), (2, 1.0), (3, 2.0)),  # and no slope from 0 to 3
        *((5, 2.0), (6, 2.0)),
        *((7, 3.0), (8, 3.0)),
    ]


def test_a_row_that_the_disk_refuses_leaves_no_trace_and_is_whole_the_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(TensorBoardWriter(tmp_path)) as writer:
        for i in (1, 2):
            writer.write({"env_steps": i, "a": 1.0, "b": float(i)})
        real = writer._file

        class Full:
            name, closed = real.name, False

            def write(self, data: bytes) -> int:
                return real.write(data[: len(data) // 2])

            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

        monkeypatch.setattr(writer, "_file", Full())
        with pytest.raises(OSError, match="No space left"):
            writer.write({"env_steps": 3, "a": 2.0, "b": 3.0})
        monkeypatch.undo()
        writer.write({"env_steps": 3, "a": 2.0, "b": 3.0})
    curves = read(tmp_path)
    assert curves["other/a"] == [(1, 1.0), (2, 1.0), (3, 2.0)]
    assert curves["other/b"] == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_a_run_is_described_by_hyperparameters_texts_and_pictures(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), "red").save(tmp_path / "figure.png")
    parameters = {"lr": 0.5, "level": "L0", "shared": True, "hiddens": [64, 64], "seed": 3}
    with closing(TensorBoardWriter(tmp_path / "a run")) as writer:
        writer.describe(parameters, {"config": "`lr: 0.5`"})
        writer.write({"env_steps": 1000, "a": 1.0})
        writer.picture("figure", tmp_path / "figure.png", 1000)
        writer.point("best/iteration", 4, 1000)

    events = EventAccumulator(str(tmp_path / "a run"))
    events.Reload()
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    found = HParamsPluginData.FromString(content).session_start_info
    assert found.group_name == "a run"
    values = {key: value.WhichOneof("kind") for key, value in found.hparams.items()}
    assert values == {
        **{"lr": "number_value", "seed": "number_value", "level": "string_value"},
        **{"shared": "bool_value", "hiddens": "string_value"},
    }
    (text,) = events.Tensors("config/text_summary")
    assert text.tensor_proto.string_val == [b"`lr: 0.5`"]
    assert events.SummaryMetadata("config/text_summary").plugin_data.plugin_name == "text"
    (picture,) = events.Images("figure")
    assert (picture.step, picture.width, picture.height) == (1000, 30, 20)
    assert picture.encoded_image_string == (tmp_path / "figure.png").read_bytes()
    assert [(e.step, e.value) for e in events.Scalars("best/iteration")] == [(1000, 4.0)]


def test_a_resume_goes_on_unbroken_and_drops_what_was_abandoned(tmp_path: Path) -> None:
    with closing(TensorBoardWriter(tmp_path)) as writer:
        for i in range(1, 7):
            writer.write(make_row(i))
        writer.write({"env_steps": 6500, "only_before": 1.0})

    with closing(TensorBoardWriter(tmp_path, resume_env_steps=4000)) as writer:
        for i in (5, 6):
            writer.write({**make_row(i), "reward_mean": 100.0 + i})
        files = event_files(tmp_path)
        curves = read(tmp_path)

    assert len(files) == 2
    assert [step for step, _ in curves["reward/mean"]] == [1000, 2000, 3000, 4000, 5000, 6000]
    assert [value for _, value in curves["reward/mean"]][4:] == [105.0, 106.0]
    assert "other/only_before" not in curves or curves["other/only_before"] == []


def test_a_resume_after_a_kill_in_the_middle_of_a_record(tmp_path: Path) -> None:
    with closing(TensorBoardWriter(tmp_path)) as writer:
        for i in (1, 2, 3):
            writer.write(make_row(i))
    first = event_files(tmp_path)[0]
    os.truncate(first, first.stat().st_size - 10)

    with closing(TensorBoardWriter(tmp_path, resume_env_steps=2000)) as writer:
        writer.write(make_row(3))
    assert [step for step, _ in read(tmp_path)["hider/kl"]] == [1000, 2000, 3000]


def test_readers_meet_the_files_in_the_order_they_were_begun(tmp_path: Path) -> None:
    for i in range(1, 12):  # many within a second
        with closing(TensorBoardWriter(tmp_path, resume_env_steps=1000 * (i - 1))) as writer:
            writer.write({"env_steps": 1000 * i, "reward_mean": float(i)})
    assert read(tmp_path)["reward/mean"] == [(1000 * i, float(i)) for i in range(1, 12)]


def test_a_fresh_start_replaces_the_curves_of_the_folder(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        with closing(TensorBoardWriter(tmp_path)) as writer:
            writer.write({"env_steps": 10, "reward_mean": value})
            writer.write({"env_steps": 20 if value == 1 else 15, "reward_mean": value})
    assert read(tmp_path)["reward/mean"] == [(10, 2.0), (15, 2.0)]
