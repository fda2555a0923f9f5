"""A checkpoint to resume: verified when it is opened, and each of its files read once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from tests.golden_checkpoint import GOLDEN, golden_in, record_config_file, vouch_for
from trainer.checkpoints import manifest
from trainer.checkpoints.errors import CheckpointCorrupted, NoUsableCheckpoint
from trainer.commands.players.game import read_game
from trainer.config.types import ConfigError
from trainer.errors import InvalidState
from trainer.ppo.networks import PolicySpec
from trainer.ppo.policy_files import read_spec
from trainer.reporting.history.record import HistoryRecord
from trainer.run.saved_run import SavedRun
from trainer.run.saved_state.resume_state import read_resume_state


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return golden_in(tmp_path / "checkpoints")


def specs_of(checkpoint: Path) -> dict[str, PolicySpec]:
    names = ("seeker_policy", "hider_policy")
    return {name: read_spec(checkpoint / "policies" / name) for name in names}


def test_what_a_checkpoint_says(checkpoint: Path) -> None:
    saved = SavedRun.open(str(checkpoint))
    assert (saved.path, saved.iteration) == (checkpoint, 3)
    assert saved.metadata["episodes_completed"] == 4
    assert saved.digest == manifest.digest(GOLDEN)
    assert saved.config.ppo.hiddens == (8,)
    assert saved.config_file is None
    assert saved.history_record is None
    assert saved.state_values["progress"]["env_steps"] == 480


def test_a_game_from_before_there_were_boxes_goes_on_without(checkpoint: Path) -> None:
    config = checkpoint / "config.yaml"
    values = yaml.safe_load(config.read_text())
    assert "num_boxes" not in values["env"]
    values["env"] |= {"level": "L2", "num_seekers": 1, "num_hiders": 1}
    config.write_text(yaml.safe_dump(values))
    vouch_for(checkpoint)
    saved = SavedRun.open(checkpoint)
    assert saved.config.env.num_boxes == 0
    assert read_game(checkpoint).contents.boxes == 0
    worlds = read_resume_state(saved, specs_of(checkpoint), saved.config).training.worlds
    env = HideAndSeekBatchEnv(saved.config.game, 4)
    env.set_state(worlds["0"])
    assert not env.rules.has_objects


def test_each_file_is_read_once(checkpoint: Path) -> None:
    record_config_file(checkpoint, checkpoint / "none", {"train": {"seed": 4}})
    record = HistoryRecord(3, "0" * 64)
    record.write(checkpoint / "training_state" / "history.json")
    vouch_for(checkpoint)
    saved = SavedRun.open(checkpoint)
    first = (saved.config, saved.config_file, saved.state_values, saved.history_record)
    for name in ("config.yaml", "config_file.yaml", "metadata.json"):
        (checkpoint / name).unlink()
    shutil.rmtree(checkpoint / "training_state")
    assert first == (saved.config, saved.config_file, saved.state_values, saved.history_record)
    assert saved.history_record == record
    assert saved.config_file is not None
    assert saved.config_file.values == {"train": {"seed": 4}}


def test_a_damaged_checkpoint_is_not_opened(checkpoint: Path) -> None:
    (checkpoint / "algorithm_state.pkl").write_bytes(b"?")
    with pytest.raises(CheckpointCorrupted, match=r"algorithm_state.pkl: 1 bytes instead of"):
        SavedRun.open(checkpoint)
    assert SavedRun.open(checkpoint, verified=True).iteration == 3


def test_nothing_there(checkpoint: Path) -> None:
    with pytest.raises(NoUsableCheckpoint, match=r"does not exist: .*_000004; did you mean .*3\?"):
        SavedRun.open(checkpoint.with_name("checkpoint_000004"))


@pytest.mark.parametrize(
    ("text", "message"),
    [("{}", "has no iteration"), ('{"iteration": -1}', "has no iteration"), ("[", "not readable")],
)
def test_metadata_that_say_nothing(tmp_path: Path, text: str, message: str) -> None:
    copy = tmp_path / "a copy under a name of its own"
    shutil.copytree(GOLDEN, copy)
    (copy / "metadata.json").write_text(text)
    vouch_for(copy)
    with pytest.raises(InvalidState, match=message):
        SavedRun.open(copy)


def test_a_configuration_of_another_version(checkpoint: Path) -> None:
    (checkpoint / "config.yaml").write_text("x: [\n")
    with pytest.raises(ConfigError, match=r"config\.yaml: line 2 "):
        _ = SavedRun.open(checkpoint, verified=True).config


def test_a_checkpoint_that_is_replaced_after_it_was_verified(checkpoint: Path) -> None:
    saved, specs = SavedRun.open(checkpoint), specs_of(checkpoint)
    assert read_resume_state(saved, specs, saved.config).seed == 0
    (checkpoint / "note.txt").write_text("x")
    vouch_for(checkpoint)
    with pytest.raises(InvalidState, match="has been replaced since it was verified"):
        read_resume_state(saved, specs, saved.config)
    shutil.rmtree(checkpoint)
    with pytest.raises(InvalidState, match="cannot be read any more"):
        read_resume_state(saved, specs, saved.config)
