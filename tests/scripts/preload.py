"""What the server of `tests.scripts.forked` imports once; it starts no thread and no training."""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import continue_training  # noqa: F401
import list_checkpoints  # noqa: F401
import main  # noqa: F401
import trainer.ppo_trainer  # noqa: F401
