"""Three tiny checkpoints of a short game, written without Ray."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest
import torch
import yaml

from tests.checkpoints.fakes import BY_REWARD, WHEN, FakeAlgorithm
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.demo import recording, window
from trainer.commands.demo.checkpoint_choice import Shelf
from trainer.commands.demo.lineup import Lineup, make_lineup
from trainer.commands.demo.main import main
from trainer.config.schema import Config
from trainer.ppo.networks import ActorCritic, PolicySpec
from trainer.ppo.policy_files import save_policy

GAME: dict[str, Any] = {
    "level": "L0",
    "prep_steps": 2,
    "episode_steps": 8,
    "num_layouts": 2,
    "num_seekers": 2,
}
SPEC = PolicySpec(obs_size=158, nvec=(3, 3, 5, 2, 3), hiddens=(8,))
REWARDS = {10: 1.5, 20: 3.25, 30: -2.0}


def make_network(seed: int, spec: PolicySpec = SPEC) -> ActorCritic:
    torch.manual_seed(seed)
    network = ActorCritic(spec).eval()
    # A fresh head is near uniform; this one has opinions, so that players differ.
    torch.nn.init.normal_(network.policy_head.weight, std=2.0)
    return network


def save_checkpoint(
    manager: CheckpointManager,
    iteration: int,
    *,
    game: dict[str, Any] = GAME,
    spec: PolicySpec = SPEC,
    tags: Sequence[str] = (),
) -> Path:
    def write_policies(folder: Path) -> None:
        for k, team in enumerate(("seeker", "hider")):
            save_policy(make_network(2 * iteration + k, spec), folder / f"{team}_policy")

    def write_config(path: Path) -> None:
        values = Config.from_dict({"env": game}).to_dict()
        path.write_text(yaml.safe_dump(values), encoding="utf-8")

    return manager.save(
        FakeAlgorithm(),
        iteration=iteration,
        metadata={"reward_mean": REWARDS.get(iteration, 0.0), "best_by": BY_REWARD},
        writers={"policies": write_policies, "config.yaml": write_config},
        tags=tags,
    )


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the iterations 10, 20 (best) and 30 (final); tests do not change it."""
    folder = tmp_path_factory.mktemp("demo") / "checkpoints"
    manager = CheckpointManager(folder, clock=lambda: WHEN)
    for iteration in (10, 20):
        save_checkpoint(manager, iteration)
    save_checkpoint(manager, 30, tags=["final"])
    return folder


@pytest.fixture
def shelf(checkpoints: Path) -> Shelf:
    return Shelf(str(checkpoints))


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


class Demo(Protocol):
    """Runs the command and returns its exit code, output and errors."""

    def __call__(
        self, *args: object, folder: Path | None = ...
    ) -> tuple[int | str | None, str, str]: ...


@pytest.fixture
def demo(
    checkpoints: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Demo:
    """Runs the command in this process, in an empty folder, without a terminal."""
    monkeypatch.chdir(tmp_path)

    def run(*args: object, folder: Path | None = checkpoints) -> tuple[int | str | None, str, str]:
        code: int | str | None
        argv = [*map(str, args), *(["--checkpoint-dir", str(folder)] if folder else [])]
        try:
            code = main(argv)
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        return code, out, err

    return run
