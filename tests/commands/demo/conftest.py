"""The demo run in this process, and a folder with a damaged checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.running import Command, in_this_process
from tests.commands.small_players import save_checkpoint
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.demo import recording, window
from trainer.commands.demo.lineup import Lineup, make_lineup
from trainer.commands.demo.main import main
from trainer.commands.players.shelf import Shelf


@pytest.fixture
def lineup(shelf: Shelf) -> Lineup:
    return make_lineup(shelf, shelf.find("20"), {"hider": "random"})


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A folder whose only checkpoint, 10, has a changed weight."""
    folder = tmp_path / "damaged"
    path = save_checkpoint(CheckpointManager(folder), 10)
    weights = path / "policies" / "seeker_policy" / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    return folder


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing is most of the time of these tests."""
    monkeypatch.setattr(recording, "SIZE", 160)
    monkeypatch.setattr(window, "WIDTH", 240)


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)


Demo = Command


@pytest.fixture
def demo(
    checkpoints: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Demo:
    """Runs the command in this process, in an empty folder, without a terminal."""
    monkeypatch.chdir(tmp_path)
    return in_this_process(main, checkpoints, capsys)
