"""Three tiny checkpoints of a short game, written without Ray."""

import pytest
import torch
import yaml

from tests.checkpoints.fakes import BY_REWARD, WHEN, FakeAlgorithm
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.demo import recording, window
from trainer.commands.demo.checkpoint_choice import Shelf
from trainer.config.schema import Config
from trainer.ppo.networks import ActorCritic, PolicySpec, save_policy

GAME = {"level": "L0", "prep_steps": 2, "episode_steps": 8, "num_layouts": 2, "num_seekers": 2}
SPEC = PolicySpec(obs_size=158, nvec=(3, 3, 5, 2, 3), hiddens=(8,))
REWARDS = {10: 1.5, 20: 3.25, 30: -2.0}


def make_network(seed, spec=SPEC):
    torch.manual_seed(seed)
    network = ActorCritic(spec).eval()
    # A fresh head is near uniform; this one has opinions, so that players differ.
    torch.nn.init.normal_(network.policy_head.weight, std=2.0)
    return network


def save_checkpoint(manager, iteration, *, game=GAME, spec=SPEC, tags=()):
    def write_policies(folder):
        for k, team in enumerate(("seeker", "hider")):
            save_policy(make_network(2 * iteration + k, spec), folder / f"{team}_policy")

    def write_config(path):
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
def checkpoints(tmp_path_factory):
    """A folder with the iterations 10, 20 (best) and 30 (final); tests do not change it."""
    folder = tmp_path_factory.mktemp("demo") / "checkpoints"
    manager = CheckpointManager(folder, clock=lambda: WHEN)
    for iteration in (10, 20):
        save_checkpoint(manager, iteration)
    save_checkpoint(manager, 30, tags=["final"])
    return folder


@pytest.fixture
def shelf(checkpoints):
    return Shelf(str(checkpoints))


@pytest.fixture
def damaged(tmp_path):
    """A folder whose only checkpoint, 10, has a changed weight."""
    folder = tmp_path / "damaged"
    path = save_checkpoint(CheckpointManager(folder), 10)
    weights = path / "policies" / "seeker_policy" / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    return folder


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    """Drawing is most of the time of these tests."""
    monkeypatch.setattr(recording, "SIZE", 160)
    monkeypatch.setattr(window, "WIDTH", 240)


@pytest.fixture(autouse=True)
def no_display(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
