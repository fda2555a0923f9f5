"""What learns: the CPU or a GPU, by a rule that always answers alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from trainer.config.device import device_of
from trainer.config.engine import engine_of
from trainer.config.schema import Config
from trainer.config.types import ConfigError

LARGE = {"hiddens": [512, 512]}
Gpu = Callable[[bool], None]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Gpu:
    """Says whether torch finds a GPU."""
    return lambda there: monkeypatch.setattr(torch.cuda, "is_available", lambda: there)


def config(device: str, ppo: dict[str, Any] | None = None, **groups: Any) -> Config:
    train = {"device": device, **groups.pop("train", {})}
    return Config.from_dict({"ppo": ppo or {}, "train": train, **groups})


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        (config("auto", LARGE), ("cuda", "torch")),
        (config("auto", {"hider": LARGE}), ("cuda", "torch")),
        (config("auto", {"hiddens": [512, 511]}), ("cpu", "fused")),
        (config("auto", {"hiddens": [4096]}), ("cpu", "fused")),
        (config("auto", LARGE, train={"engine": "fused"}), ("cpu", "fused")),
        (config("auto", LARGE, ray={"num_learners": 1}), ("cpu", "fused")),
        (config("cpu", LARGE), ("cpu", "fused")),
        (config("cuda"), ("cuda", "torch")),
    ],
)
def test_a_gpu_is_for_large_networks_or_by_order(
    asked: Config, chosen: tuple[str, str], gpu: Gpu
) -> None:
    gpu(True)
    assert (device_of(asked), engine_of(asked)) == chosen
    if asked.train.device != "cuda":
        gpu(False)
        assert (device_of(asked), engine_of(asked)) == ("cpu", "fused")


def test_cuda_without_a_build_of_torch_for_it_is_refused(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu(False)
    monkeypatch.setattr(torch.version, "cuda", None)
    version = torch.__version__.partition("+")[0]
    install = rf"pip install torch=={version} --index-url https://download.pytorch.org/whl/cuXXX"
    with pytest.raises(ConfigError, match=rf"train.device is 'cuda', but .*{install}"):
        device_of(config("cuda"))


def test_cuda_without_a_gpu_is_refused(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(ConfigError, match=r"finds no GPU .* train.device=cpu needs none"):
        device_of(config("cuda"))


GPUS = {"num_learners": 2, "num_gpus_per_learner": 0.5}


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_remote_learners_have_gpus_of_their_own_machines(device: str, gpu: Gpu) -> None:
    gpu(False)
    asked = config(device, ray=GPUS)
    assert (device_of(asked), engine_of(asked)) == ("cuda", "torch")


def test_gpus_of_learners_need_the_torch_engine_and_no_other_device() -> None:
    with pytest.raises(ConfigError, match=r"'cpu', but ray.num_gpus_per_learner = 0.5; set that"):
        device_of(config("cpu", ray=GPUS))
    refused = r"train.engine = 'fused' does not support ray.num_gpus_per_learner = 0.5; use 'auto'"
    with pytest.raises(ConfigError, match=refused):
        engine_of(config("auto", ray=GPUS, train={"engine": "fused"}))


def test_cuda_with_remote_learners_or_the_fused_engine_is_refused(gpu: Gpu) -> None:
    gpu(True)
    with pytest.raises(ConfigError, match=r"train.device is 'cuda'.* ray.num_learners = 2"):
        device_of(config("cuda", ray={"num_learners": 2}))
    with pytest.raises(ConfigError, match=r"train.engine = 'fused' .* train.device = cuda"):
        engine_of(config("cuda", train={"engine": "fused"}))
