"""Where the configuration of a run comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.commands.train.conftest import parsed, saved_values
from tests.golden_checkpoint import golden_in, record_config_file, vouch_for
from trainer.commands.train.configuration import Continued, continued, given
from trainer.config.types import ConfigError
from trainer.errors import InvalidState, UsageError
from trainer.run.saved_run import SavedRun


def resumed(checkpoint: Path, *words: str) -> Continued:
    return continued(given(parsed(*words)), SavedRun.open(checkpoint))


def edit(file: Path, lr: float) -> None:
    values = yaml.safe_load(file.read_text())
    values["ppo"]["lr"] = lr
    file.write_text(yaml.safe_dump(values))


def test_what_is_given_counts_before_what_is_edited_before_what_the_run_has(
    checkpoint: Path, home: Path
) -> None:
    assert resumed(checkpoint).config == SavedRun.open(checkpoint).config
    edit(home / "config.yaml", 0.5)
    found = resumed(checkpoint)
    assert found.merge is not None
    assert (found.config.ppo.lr, found.merge.reasons) == (0.5, {"ppo.lr": "edited in config.yaml"})
    assert resumed(checkpoint, "--set", "ppo.lr=0.25").config.ppo.lr == 0.25
    assert resumed(checkpoint, "--config-from", "checkpoint").config.ppo.lr == 0.001
    assert found.file.values["ppo"]["lr"] == 0.5  # to be recorded
    assert (found.note, found.which_file) == ("", "")


def test_a_checkpoint_without_a_record(home: Path) -> None:
    checkpoint = golden_in(home / "checkpoints")
    found = resumed(checkpoint, "--set", "ppo.lr=0.25")
    assert found.merge is None
    assert "checkpoint_000003 does not tell what was configured by file" in found.note
    assert (found.config.ppo.lr, found.config.ppo.hiddens) == (0.25, (64, 64))
    assert found.saved is not None
    assert found.saved.ppo.hiddens == (8,)
    kept = resumed(checkpoint, "--config-from", "checkpoint")
    assert kept.config.ppo.hiddens == (8,)


def test_a_checkpoint_whose_configuration_this_version_cannot_use(checkpoint: Path) -> None:
    (checkpoint / "config.yaml").write_text(yaml.safe_dump({**saved_values(), "unknown": 1}))
    vouch_for(checkpoint)
    found = resumed(checkpoint)
    assert found.saved is None
    assert found.note.startswith("the checkpoint's cannot be compared: ")
    assert f"{checkpoint}/config.yaml" in found.note


def test_a_record_that_makes_no_sense(checkpoint: Path) -> None:
    (checkpoint / "config_file.yaml").write_text("path: [1]\nvalues: {}\n")
    vouch_for(checkpoint)
    with pytest.raises(InvalidState, match="no record of a configuration file"):
        resumed(checkpoint)


def test_another_folder_and_a_file_that_is_gone(checkpoint: Path, home: Path) -> None:
    record_config_file(checkpoint, home / "gone.yaml", saved_values())
    (home / "config.yaml").unlink()
    found = resumed(checkpoint)
    assert "gone.yaml, as when the run was started, is gone" in found.which_file
    assert found.file.values == saved_values()  # recorded again
    with pytest.raises(UsageError, match="--config-from file: there is none"):
        resumed(checkpoint, "--config-from", "file")


def test_what_a_command_says(home: Path) -> None:
    asked = given(parsed("--set", "ppo.keep_best_metric=env_steps", "--seed", "3"))
    assert asked.says("ppo.keep_best_")
    assert not asked.says("env.")
    assert asked.config().train.seed == 3
    with pytest.raises(ConfigError, match=r"--set train.seed"):
        given(parsed("--set", "train.seed=x")).config()


def test_a_setting_of_the_game_need_only_fit_the_runs_own(home: Path) -> None:
    asked = given(parsed("--set", "env.prep_steps=90", "--set", "ppo.lr=0.5"))
    assert asked.groups().ppo.lr == 0.5  # the run's episodes may have 240 steps
    with pytest.raises(ConfigError, match=r"--set env.prep_steps: env: prep_steps must be from 0"):
        asked.config()
    part = given(parsed("--set", "env.curriculum.promote.above=0.5", "--set", "ppo.lr=0.5"))
    assert part.groups().ppo.lr == 0.5


@pytest.mark.parametrize("wrong", ["bogus=3", "level=L9", "prep_steps=abc", "min_seekers=99"])
def test_what_is_wrong_in_itself_is_told_before_the_run_is_known(home: Path, wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"^--set env\."):
        given(parsed("--set", f"env.{wrong}")).groups()
    with pytest.raises(ConfigError, match=r"^--set ppo\.lrr"):
        given(parsed("--set", "env.prep_steps=90", "--set", "ppo.lrr=1")).groups()


def test_a_file_and_what_is_given_have_to_fit_together_not_each_alone(home: Path) -> None:
    file = home / "own.yaml"
    file.write_text("env: {prep_steps: 90}\n")
    words = ("--config", str(file), "--set", "env.level=L3")
    assert given(parsed(*words)).config().env.prep_steps == 90
    assert given(parsed("--config", str(file))).groups().env.prep_steps is None
    with pytest.raises(ConfigError, match=r"^.*own.yaml: env: prep_steps must be from 0"):
        given(parsed("--config", str(file))).config()
    file.write_text("env: {prep_steps: x}\nppo: {lr: 1}\n")
    with pytest.raises(ConfigError, match=r"^.*own.yaml: env.prep_steps = 'x'"):
        given(parsed(*words)).config()
