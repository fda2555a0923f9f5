"""What the server of `tests.scripts.forked` imports once; it starts no thread and no training.

More than half of what a short run computes is imports: torch's compiler, which seeding imports, and
the figure's library are here for that reason.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import matplotlib.pyplot  # noqa: F401
import torch._inductor  # noqa: F401

import continue_training  # noqa: F401
import list_checkpoints  # noqa: F401
import main  # noqa: F401
import trainer.ppo_trainer
from envs.hide_and_seek.config import HideAndSeekConfig

trainer.ppo_trainer.HideAndSeekBatchEnv(HideAndSeekConfig(num_layouts=1), 1)  # loads its kernels
