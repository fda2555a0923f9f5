"""What a checkpoint keeps beside RLlib's files: written, read back, and parts of it dropped."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.golden_checkpoint import GOLDEN
from trainer.checkpoints.errors import CheckpointError
from trainer.run.saved_state.training_state import TrainingState, read_values

FOLDER = GOLDEN / "training_state"


@pytest.fixture
def state() -> TrainingState:
    return TrainingState.read(FOLDER, read_values(FOLDER))


def test_it_is_read_as_it_was_written(state: TrainingState, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "training_state"
    state.write(folder)
    again = TrainingState.read(folder, read_values(folder))
    for part in ("values", "progress", "schedules"):
        assert getattr(again, part) == getattr(state, part), part
    for index, arrays in state.worlds.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(again.worlds[index][name], array)
    np.testing.assert_array_equal(again.episodes["episodes"], state.episodes["episodes"])


@pytest.mark.parametrize(("runners", "megabytes"), [(1, 128), (5, 104)])
def test_worlds_that_could_not_be_read_back_are_not_written(
    state: TrainingState, tmp_path: Path, runners: int, megabytes: int
) -> None:
    large = np.broadcast_to(np.uint8(0), (megabytes, 2**20))  # takes no memory
    worlds = {str(index): {"seen": large} for index in range(runners)}
    with pytest.raises(
        CheckpointError, match=r"cannot save: the state of the worlds has \d+ bytes"
    ):
        replace(state, worlds=worlds).write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_values_that_are_known_are_not_read_again(state: TrainingState, tmp_path: Path) -> None:
    state.write(tmp_path)
    values = read_values(tmp_path)
    (tmp_path / "state.json").unlink()
    assert TrainingState.read(tmp_path, values).progress == state.progress


def test_without_worlds_the_streams_remain(state: TrainingState) -> None:
    before = copy.deepcopy(state.values)
    less = state.without_worlds()
    assert (less.worlds, less.episodes) == ({}, {})
    assert less.values["runners"]["0"] == {**before["runners"]["0"], "started": False}
    assert less.values["learners"] == before["learners"]
    assert state.values == before  # a resume may read the same state again
    assert state.worlds


def test_without_streams_the_rest_remains(state: TrainingState) -> None:
    before = copy.deepcopy(state.values)
    less = state.without_streams()
    assert less.values["runners"]["0"]["random"] is None
    assert less.values["learners"][0]["generators"] is None
    assert less.values["learners"][0]["kl_coeffs"] == before["learners"][0]["kl_coeffs"]
    assert less.worlds == state.worlds
    assert state.values == before


def test_an_older_checkpoint_has_no_schedules(state: TrainingState, tmp_path: Path) -> None:
    replace(state, schedules=None).write(tmp_path)
    assert TrainingState.read(tmp_path, read_values(tmp_path)).schedules is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "state.json: not a JSON object"),
        ('{"format": 9}', "state.json: format 9; this version reads 1"),
        ('{"format": 1}', "state.json: progress is None, not a group of values"),
    ],
)
def test_what_was_not_written_here(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_values(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_values(tmp_path / "nowhere")


def test_ratings_are_read_back_and_checked(state: TrainingState, tmp_path: Path) -> None:
    assert state.ratings == {}  # an older checkpoint has none
    ratings = {"seeker": [30.5, 2.25], "hider": [20.0, 8.0]}
    replace(state, ratings=ratings).write(tmp_path)
    assert TrainingState.read(tmp_path, read_values(tmp_path)).ratings == ratings
    wrong: list[dict] = [{"seekers": [1.0, 1.0]}, {"seeker": [1.0]}, {"seeker": [1.0, -1.0]}]
    for bad in [*wrong, {"hider": ["1", 1.0]}, {"hider": [True, 1.0]}]:
        replace(state, ratings=bad).write(tmp_path)
        with pytest.raises(ValueError, match=r"state\.json: .*(seeker|hider)"):
            read_values(tmp_path)
