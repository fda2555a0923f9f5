"""Who plays, and in which game."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.checkpoints.fakes import save_own_game
from tests.commands.demo.conftest import SPEC, save_checkpoint
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.demo.checkpoint_choice import Shelf
from trainer.commands.demo.lineup import describe, make_lineup, read_game
from trainer.config.types import ConfigError
from trainer.errors import IncompatibleCheckpoint, UsageError
from trainer.ppo.matches import Player, PolicyPlayer, RandomPlayer, RulePlayer

NOBODY: dict[str, str | None] = {"seeker": None, "hider": None}


def policy_head(player: Player) -> torch.Tensor:
    assert isinstance(player, PolicyPlayer)
    return player.network.policy_head.weight


def test_both_teams_play_the_checkpoint(shelf: Shelf) -> None:
    lineup = make_lineup(shelf, shelf.find("20"), NOBODY, seed=4)
    assert lineup.names == {"seeker": "checkpoint_000020", "hider": "checkpoint_000020"}
    assert lineup.actions == {"seeker": "most likely", "hider": "most likely"}
    assert lineup.seed == 4
    seeker, hider = map(policy_head, lineup.players.values())
    assert not seeker.equal(hider)  # each its own policy


def test_others_may_play(shelf: Shelf) -> None:
    path = shelf.find("20")
    lineup = make_lineup(shelf, path, {"seeker": "10", "hider": "random"}, explore=True)
    assert lineup.names == {"seeker": "checkpoint_000010", "hider": "random"}
    assert lineup.actions == {"seeker": "sampled", "hider": "random"}
    seeker, hider = lineup.players["seeker"], lineup.players["hider"]
    assert isinstance(hider, RandomPlayer)
    assert isinstance(seeker, PolicyPlayer)
    assert seeker.explore
    own = make_lineup(shelf, shelf.find("10"), NOBODY).players["seeker"]
    assert policy_head(seeker).equal(policy_head(own))


def test_scripted_players_may_play(shelf: Shelf) -> None:
    others = {"seeker": "ramp_user", "hider": "20"}
    lineup = make_lineup(shelf, shelf.find("10"), others)
    assert lineup.names == {"seeker": "ramp_user", "hider": "checkpoint_000020"}
    assert lineup.actions == {"seeker": "scripted", "hider": "most likely"}
    seeker = lineup.players["seeker"]
    assert isinstance(seeker, RulePlayer)
    assert seeker.script.team == "seeker"


def test_without_a_checkpoint_the_configured_game_is_played(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("env: {level: L2, num_hiders: 3}\nppo: {brand_new: 1}\n")
    others = {"seeker": "chaser", "hider": "random"}
    lineup = make_lineup(shelf, None, others, overrides=["env.num_seekers=1"])
    game = lineup.config
    assert (game.level, game.num_hiders, game.num_seekers) == ("L2", 3, 1)
    assert lineup.names == {"seeker": "chaser", "hider": "random"}
    with pytest.raises(UsageError, match="only the game"):
        make_lineup(shelf, None, others, overrides=["ppo.lr=1"])


def test_a_mistyped_player_is_answered_with_the_nearest(shelf: Shelf) -> None:
    words = r"--hider blockr: neither a player nor a checkpoint; did you mean 'blocker'\?"
    with pytest.raises(NoUsableCheckpoint, match=words):
        make_lineup(shelf, shelf.find("20"), {"hider": "blockr"})


def test_an_unknown_opponent_is_named(shelf: Shelf) -> None:
    with pytest.raises(NoUsableCheckpoint, match=r"--hider: no checkpoint for iteration 11"):
        make_lineup(shelf, shelf.find("20"), {"hider": "11"})


def test_another_game_is_not_played(shelf: Shelf, tmp_path: Path) -> None:
    other = save_own_game(tmp_path)
    message = r"plays hide and seek only; checkpoint_000005 is of the game 'tag'\.\nPlay it with tr"
    with pytest.raises(IncompatibleCheckpoint, match=message):
        make_lineup(shelf, other, NOBODY)
    with pytest.raises(IncompatibleCheckpoint, match=message):
        make_lineup(shelf, shelf.find("20"), {"seeker": str(other)})


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


def test_a_policy_of_another_game_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path)
    spec = dataclasses.replace(SPEC, obs_size=100)
    path = save_checkpoint(manager, 1, spec=spec)
    with pytest.raises(IncompatibleCheckpoint, match="100 observations"):
        make_lineup(shelf, path, NOBODY)


def test_a_checkpoint_without_policies_is_unusable(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("env: {level: L0}\n")
    with pytest.raises(NoUsableCheckpoint, match="seeker_policy"):
        make_lineup(shelf, tmp_path, NOBODY)
