"""What the server of `tests.scripts.forked` imports once; it starts no thread and no training.

More than half of what a short run computes is imports and kernels to load: what a run loads only
when it needs it is here for that reason.
"""

import os
from importlib.util import find_spec

os.environ["OMP_NUM_THREADS"] = "1"

import matplotlib.backends.backend_agg
import matplotlib.pyplot  # noqa: F401
import numpy as np
import PIL.Image
import ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module  # noqa: F401
import tensorboard.summary  # noqa: F401

import continue_training  # noqa: F401
import list_checkpoints  # noqa: F401
import main  # noqa: F401
import trainer.commands.train.plan
import trainer.commands.train.run
import trainer.ppo_trainer  # noqa: F401
from envs.batch_env import ObsBuffers
from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.config import HideAndSeekConfig
from envs.hide_and_seek.players.catalog import make_player


def load_kernels() -> None:
    """Plays a step."""
    env = HideAndSeekBatchEnv(HideAndSeekConfig(num_layouts=1), 1)
    out = {team.name: ObsBuffers.allocate(team, 1) for team in env.teams}
    env.reset(np.zeros(1, np.uint64), out)
    actions = {
        team.name: np.zeros((1, team.num_agents, len(team.nvec)), np.int64) for team in env.teams
    }
    rewards = {team.name: np.zeros((1, team.num_agents), np.float32) for team in env.teams}
    env.step(actions, out, rewards, np.zeros(1, np.bool_))
    for team, name in (("seeker", "searcher"), ("hider", "runner")):
        make_player(name, team).act(env)


if find_spec("mlflow") is not None:
    import mlflow.tracking  # noqa: F401
PIL.Image.preinit()
load_kernels()
