"""Where a run learns: on the CPU, or on a GPU that torch reaches by CUDA.

Remote learners have the GPUs that Ray gives them (`ray.num_gpus_per_learner`); whether their
machines have any, this one need not know.
"""

from __future__ import annotations

import itertools

from trainer.config.schema import Config
from trainer.config.types import ConfigError

LEAST_WORK = 512 * 512
"""Multiply-adds per row between a team's hidden layers from which a GPU is taken to be faster."""


def device_of(config: Config) -> str:
    """What a run learns on, "cpu" or "cuda"; it always samples on the CPU.

    Raises:
        ConfigError: cuda is asked for and cannot be had.
    """
    if config.ray.num_gpus_per_learner:
        if config.train.device == "cpu":
            raise ConfigError(
                "train.device is 'cpu', but ray.num_gpus_per_learner = "
                f"{config.ray.num_gpus_per_learner:g}; set that to 0 or the device to auto"
            )
        return "cuda"
    if config.train.device == "auto":
        return "cpu" if why_cpu(config) or missing_cuda() else "cuda"
    if config.train.device == "cuda":
        if config.ray.num_learners:
            raise ConfigError(
                "train.device is 'cuda', which learns in the training process, not with "
                f"ray.num_learners = {config.ray.num_learners}; set that to 0, the device to cpu, "
                "or ray.num_gpus_per_learner to 1 for learners with a GPU each"
            )
        if missing := missing_cuda():
            raise ConfigError(
                f"train.device is 'cuda', but {missing}; train.device=cpu needs none "
                "(docs/troubleshooting.md, 'The GPU is not used')"
            )
    return config.train.device


def why_cpu(config: Config) -> str:
    """Why a run whose device is "auto" would leave a GPU alone; empty: it would not."""
    if config.train.engine == "fused":
        return "train.engine = fused"
    if config.ray.num_gpus_per_learner:
        return ""
    if config.ray.num_learners:
        return f"ray.num_learners = {config.ray.num_learners}"
    hiddens = (config.ppo.team(team).hiddens for team in config.played.team_sizes)
    work = max(sum(a * b for a, b in itertools.pairwise(widths)) for widths in hiddens)
    return "small networks" if work < LEAST_WORK else ""


def missing_cuda() -> str:
    """Why torch cannot learn on a GPU here; empty: it can."""
    import torch  # takes a second, and few runs ask

    if torch.cuda.is_available():
        return ""
    if torch.version.cuda is None:
        version = torch.__version__.partition("+")[0]
        return (
            f"this build of torch has no CUDA; `pip install torch=={version} --index-url "
            "https://download.pytorch.org/whl/cuXXX` installs one, where cuXXX is a CUDA version "
            f"that pytorch.org/get-started/previous-versions lists for {version}"
        )
    return "torch finds no GPU that it can use; nvidia-smi and CUDA_VISIBLE_DEVICES tell more"
