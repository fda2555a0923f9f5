"""Learning on a GPU: as on the CPU, and from one to the other by a checkpoint."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.ppo.fake_cuda import CUDA, FakeCuda
from trainer.config import device
from trainer.ppo import torch_update
from trainer.ppo.policy_files import load_policy
from trainer.ppo_trainer import train
from trainer.run.identity import RunOrigin
from trainer.run.saved_run import SavedRun

Place = Callable[[], AbstractContextManager[Any]]
FAKE = pytest.param("fake", id="fake GPU")
REAL = pytest.param(
    "real",
    id="GPU",
    marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA GPU here"),
)


@pytest.fixture(params=[FAKE, REAL])
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Where training runs that asks for cuda: on the GPU, or on a fake one."""
    # The fake one is known to this thread alone.
    monkeypatch.setattr(torch_update, "_pool", lambda workers, threads: None)
    if request.param == "real":
        return contextlib.nullcontext
    monkeypatch.setattr(device, "missing_cuda", lambda: "")
    return FakeCuda


def values(folder: Path, device: str) -> dict[str, Any]:
    small = {"rollout_length": 16, "minibatch_size": 128, "num_epochs": 2, "hiddens": [16, 16]}
    hider = {"normalize_obs": True, "kl_coeff": 0.2, "vf_share_layers": True, "activation": "relu"}
    seeker = {"normalize_obs": True, "critic": "state"}
    return {
        "env": {"num_layouts": 2},
        "ppo": {**small, "seeker": seeker, "hider": hider, "checkpoint_dir": str(folder)},
        "ray": {"num_envs_per_env_runner": 16},
        # The engine is torch's on both sides.
        "train": {"device": device, "engine": "torch", "torch_threads": 1},
        "tracking": {"tensorboard_dir": None, "window_episodes": 50},
    }


def trained(config: dict[str, Any], until: int, earlier: Path | None = None) -> Path:
    """Trains up to an iteration, and returns its checkpoint."""
    origin = RunOrigin(saved=None if earlier is None else SavedRun.open(earlier))
    checkpoint = train(config, origin=origin, until=until).checkpoint
    assert checkpoint is not None
    return checkpoint


def weights(checkpoint: Path) -> np.ndarray:
    networks = [load_policy(folder) for folder in sorted((checkpoint / "policies").iterdir())]
    return torch.cat([v.flatten() for net in networks for v in net.state_dict().values()]).numpy()


def test_two_iterations_agree_with_the_cpu_and_a_checkpoint_crosses_over(
    gpu: Place, tmp_path: Path
) -> None:
    biased = {"logit_bias": {"forward.ahead": {"type": "linear", "start": 1.0, "end": 0.5}}}
    cpu, cuda = (values(tmp_path / name, name) | {"schedules": biased} for name in ("cpu", "cuda"))
    here = trained(cpu, 2)
    with gpu() as fake:
        there = trained(cuda, 2)
    assert fake is None or fake.moved
    assert json.loads((there / "metadata.json").read_text())["device"] == "cuda"
    np.testing.assert_allclose(weights(there), weights(here), atol=1e-4)

    there_then_here = trained(values(tmp_path / "back", "cpu"), 3, there)
    with gpu():
        here_then_there = trained(values(tmp_path / "away", "cuda"), 3, here)
    np.testing.assert_allclose(weights(here_then_there), weights(there_then_here), atol=1e-4)


def test_the_fake_gpu_refuses_what_a_gpu_refuses() -> None:
    with FakeCuda() as fake:
        there, here = torch.ones(3).to(CUDA), torch.ones(3)
        assert (there.device.type, here.device.type) == ("cuda", "cpu")
        assert fake.moved == [(3,)]
        for mixed in (lambda: there + here, lambda: here.index_select(0, there.long())):
            with pytest.raises(AssertionError, match="on the CPU"):
                mixed()
        with pytest.raises(AssertionError, match="numpy"):
            (there * 2).numpy()
        assert ((there * 2).cpu() + here).tolist() == [3.0, 3.0, 3.0]
