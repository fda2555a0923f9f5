"""The game that players meet in."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.commands.players.game import describe, read_game
from trainer.commands.players.shelf import Shelf
from trainer.config.types import ConfigError
from trainer.errors import UsageError


def test_the_game_is_the_checkpoints_own(shelf: Shelf) -> None:
    game = read_game(shelf.find("latest"))
    assert (game.level, game.num_seekers, game.prep_steps, game.episode_steps) == ("L0", 2, 2, 8)
    assert describe(game) == "L0, 2 seekers against 1 hider, 2 steps to hide and 6 to seek"


def test_the_game_can_be_changed(shelf: Shelf) -> None:
    game = read_game(shelf.find("latest"), ["env.num_hiders=3", "env.episode_steps=20"])
    assert (game.num_hiders, game.episode_steps, game.num_seekers) == (3, 20, 2)


CURRICULUM = "env: {level: L0, num_hiders: 3, num_boxes: 1, curriculum: {levels: [L0, Q]}}"


@pytest.mark.parametrize(
    ("noted", "level"),
    [('{"level": "Q"}', "Q"), ('{"level": "L0"}', "L0"), ('{"level": ["Q"]}', "L0"), ("?", "L0")],
)
def test_of_a_curriculum_the_level_is_played_that_it_had_come_to(
    tmp_path: Path, noted: str, level: str
) -> None:
    (tmp_path / "config.yaml").write_text(CURRICULUM)
    (tmp_path / "metadata.json").write_text(noted)
    game = read_game(tmp_path)
    assert (game.level, game.curriculum) == (level, None)
    assert game.team_sizes == {"seeker": 1, "hider": 3}  # those of the whole run
    assert game.contents.boxes == 1
    assert game.times == ((96, 240) if level == "Q" else (20, 80),)
    assert read_game(tmp_path, ["env.level=L2"]).level == "L2"


@pytest.mark.parametrize(
    ("item", "error", "words"),
    [
        ("ppo.lr=1", UsageError, "only the game"),
        ("levl=L1", UsageError, r"did you mean env\.level\?"),
        ("env.levl=L1", ConfigError, r"unknown key 'env\.levl'; nearest: env\.level"),
        ("env.level=L9", ConfigError, "level 'L9' is unknown"),
        ("env.level", ConfigError, "expected KEY=VALUE"),
    ],
)
def test_a_wrong_change_names_the_right_one(
    shelf: Shelf, item: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        read_game(shelf.find("latest"), [item])


@pytest.mark.parametrize("text", ["", "env: [", "ppo: {}", "env: {level: L7}", "[1]"])
def test_an_unreadable_game_makes_the_checkpoint_unusable(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(NoUsableCheckpoint, match=r"config\.yaml"):
        read_game(tmp_path)


def test_a_checkpoint_without_a_game_names_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(NoUsableCheckpoint) as caught:
        read_game(tmp_path)
    assert str(caught.value) == (
        f"the game of this checkpoint is unknown: {tmp_path} has no config.yaml, "
        "which every training of this game saves"
    )


def test_settings_of_another_version_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("env: {level: L2}\nppo: {brand_new: 1}\n")
    assert read_game(tmp_path).level == "L2"
