"""The policies that come with the project, and how a maintainer ships others."""

from __future__ import annotations

import json
import platform
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.commands.demo.conftest import Demo
from tests.commands.small_players import save_checkpoint
from trainer.checkpoints import manifest, metadata
from trainer.checkpoints.errors import CheckpointCorrupted
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.demo import ship as shipping
from trainer.commands.demo.lineup import make_lineup
from trainer.commands.demo.ship import LIMIT, ship
from trainer.commands.players.shelf import Shelf
from trainer.config.loading import load_config
from trainer.config.schema import Config
from trainer.errors import IncompatibleCheckpoint, UsageError
from trainer.ppo.matches import play_matches
from trainer.project import SHIPPED

OURS = Shelf(str(SHIPPED)).find("latest")
HERE = re.compile(rf"/(?:home|root|tmp|work|Users)\b|{re.escape(platform.node())}")


def texts(checkpoint: Path) -> str:
    """All that can be read in a checkpoint."""
    files = [p for p in checkpoint.rglob("*") if p.suffix in (".json", ".yaml")]
    return "".join(path.read_text() for path in files)


def test_the_shipped_policies_are_whole_small_and_name_no_machine() -> None:
    assert list(SHIPPED.glob("[!.]*")) == [OURS]
    assert set(manifest.verify(OURS).policies) == {"seeker_policy", "hider_policy"}
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < LIMIT
    assert not HERE.findall(texts(OURS))


def test_the_shipped_policies_play_their_own_game() -> None:
    """Also under later versions: their format stays readable."""
    lineup = make_lineup(Shelf(str(SHIPPED)), OURS, {}, seed=3)
    assert load_config(OURS / "config.yaml").game.level == lineup.config.level
    stats = play_matches(
        lineup.config, lineup.players["seeker"], lineup.players["hider"], episodes=1, seed=3
    )
    assert stats["length"] == [lineup.config.episode_steps]
    assert all(np.isfinite(values).all() for values in stats.values())


def test_they_are_watched_without_training(demo: Demo, tmp_path: Path) -> None:
    level = json.loads(demo("--shipped", "--json", "--episodes", 1, folder=None)[1])["level"]
    code, out, _ = demo("--shipped", "--render", "ansi", "--episodes", 1, folder=None)
    assert code == 0
    assert f"checkpoint  {OURS} (comes with the project)\ngame        {level}, " in out
    short = ("env.level=L1", "env.num_layouts=2", "env.prep_steps=4", "env.episode_steps=16")
    game = [word for item in short for word in ("--set", item)]
    against = ("--hider", "runner", "--record", tmp_path / "a.gif", "--episodes", 1, *game)
    code, out, _ = demo("--shipped", *against, folder=None)
    assert code == 0
    assert (tmp_path / "a.gif").stat().st_size > 0
    assert "game        L1, " in out
    assert re.search(r"policy +shipped +runner\n", out)


def test_own_policies_play_against_them(
    demo: Demo, checkpoints: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, _, err = demo("--shipped", "--hider", "latest", folder=None)
    assert code == 3
    assert "--hider: no checkpoints found in ./checkpoints" in err
    (tmp_path / "checkpoints").symlink_to(checkpoints)
    code, out, _ = demo("--shipped", "--hider", "latest", "--episodes", "1", folder=None)
    assert code == 0
    assert re.search(r"policy +shipped +checkpoint_000030\n", out)


@pytest.mark.parametrize("other", [("20",), ("--checkpoint", "20"), ("--checkpoint-dir", "x")])
def test_they_are_no_other_checkpoint(demo: Demo, other: tuple[str, ...]) -> None:
    code, _, err = demo("--shipped", *other, folder=None)
    assert code == 2
    assert "--shipped plays its own checkpoint" in err


def test_shipping_takes_what_is_played_and_nothing_of_the_machine(
    checkpoints: Path, tmp_path: Path
) -> None:
    manager = CheckpointManager(tmp_path / "checkpoints")
    saved = save_checkpoint(manager, 20, tags=["final"])
    values = yaml.safe_load((saved / "config.yaml").read_text())
    values["ppo"]["checkpoint_dir"] = values["tracking"]["tensorboard_dir"] = "/home/me"
    values["tracking"]["run_name"] = "mine"
    values["ray"]["address"] = "/home/me:1"
    values["initialization"]["warmstart"]["checkpoint"] = "/home/me/checkpoint_000010"
    (saved / "config.yaml").write_text(yaml.safe_dump(values))
    noted = metadata.read(saved)
    noted |= {"parent": {"path": "/home/me"}, "run_name": "mine", "segment": "5", "level": "L0"}
    (saved / "metadata.json").write_text(metadata.encode(noted))
    manifest.write(saved)

    target = tmp_path / "shipped"
    made = ship(saved, target)
    assert made == target / "checkpoint_000020"
    assert not HERE.findall(texts(made))
    assert "mine" not in texts(made)
    assert manifest.verify(made).policies == manifest.verify(saved).policies
    for path in made.rglob("policies/*/*"):
        assert path.read_bytes() == (saved / path.relative_to(made)).read_bytes()
    assert Config.from_dict(yaml.safe_load((made / "config.yaml").read_text())).env.prep_steps == 2
    told = metadata.read(made)
    assert (told["iteration"], told["reward_mean"], told["tags"]) == (20, 3.25, ["final"])
    assert (told["level"], told["parent"]) == ("L0", None)
    assert sorted(path.name for path in made.iterdir()) == [
        *("config.yaml", "manifest.json", "metadata.json", "policies")
    ]
    assert ship(checkpoints / "checkpoint_000010", target).name == "checkpoint_000010"
    assert [path.name for path in target.iterdir()] == ["checkpoint_000010"]
    assert not list(tmp_path.glob(".*"))


def test_what_cannot_be_played_is_not_shipped(
    checkpoints: Path, damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "shipped"
    before = ship(checkpoints / "checkpoint_000010", target)
    with pytest.raises(CheckpointCorrupted, match="content changed"):
        ship(damaged / "checkpoint_000010", target)
    own = shutil.copytree(checkpoints / "checkpoint_000020", tmp_path / "own")
    (own / "config.yaml").write_text("env: {game: tag}\n")
    manifest.write(own)
    with pytest.raises(IncompatibleCheckpoint, match="is of the game 'tag'"):
        ship(own, target)
    monkeypatch.setattr(shipping, "LIMIT", 10_000)
    with pytest.raises(UsageError, match=r"and at most 9\.8 KB are shipped"):
        ship(checkpoints / "checkpoint_000020", target)
    assert list(target.iterdir()) == [before]
    assert not list(tmp_path.glob(".*"))


def test_the_command_ships_a_checkpoint_of_a_folder(
    checkpoints: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(shipping, "SHIPPED", tmp_path / "shipped")
    assert shipping.main(["best", "--checkpoint-dir", str(checkpoints)]) == 0
    assert f"shipped: {tmp_path / 'shipped' / 'checkpoint_000020'}, " in capsys.readouterr().out
    assert shipping.main(["24", "--checkpoint-dir", str(checkpoints)]) == 3
    monkeypatch.setattr(shipping, "is_checkout", lambda: False)
    assert shipping.main(["best", "--checkpoint-dir", str(checkpoints)]) == 2
    assert "not from an installed package" in capsys.readouterr().err
