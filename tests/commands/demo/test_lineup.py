"""Who plays, and in which game."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.checkpoints.fakes import save_own_game
from tests.commands.small_players import SPEC, save_checkpoint
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.demo.lineup import make_lineup
from trainer.commands.players.shelf import Shelf
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
