"""The RLlib adapter of an `ActorCritic`: the network under the names that RLlib expects."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from ray.rllib.core.columns import Columns
from ray.rllib.core.distribution.torch.torch_distribution import TorchMultiCategorical
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from torch import Tensor

from trainer.ppo.distributions import mask_logits
from trainer.ppo.networks import ActorCritic, PolicySpec

ACTION_MASK = "action_mask"
STATE = "state"
INIT_SEED = "init_seed"


class TeamRLModule(TorchRLModule, ValueFunctionAPI):
    """A policy with value function; `model_config` holds the rest of its spec, and `init_seed`.

    Batches hold Columns.OBS [B, D] and, optionally, "action_mask" [B, L]; for the values of a
    network that reads it, "state" [B, S].
    """

    net: ActorCritic

    def setup(self) -> None:
        assert isinstance(self.observation_space, spaces.Box)  # as `policy_spaces` makes them
        assert isinstance(self.action_space, spaces.MultiDiscrete)
        settings = dict(self.model_config)
        init_seed = settings.pop(INIT_SEED)
        spec = PolicySpec(
            obs_size=int(self.observation_space.shape[0]),
            nvec=tuple(int(n) for n in self.action_space.nvec),
            **settings,
        )
        # A stream of its own: RLlib builds modules in the order of a set, another in each run.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(init_seed)
            self.net = ActorCritic(spec)
        self.action_dist_cls = TorchMultiCategorical.get_partial_dist_cls(
            input_lens=list(spec.nvec)
        )

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        logits = self.net.logits(batch[Columns.OBS])
        return {Columns.ACTION_DIST_INPUTS: mask_logits(logits, batch.get(ACTION_MASK))}

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        return self.net.value(batch[STATE if self.net.spec.state_size else Columns.OBS])

    def set_state(self, state: dict[str, Any]) -> None:
        """Loads every weight; RLlib's own version accepts a state with weights missing."""
        # Copied, because Ray hands out read-only arrays.
        weights = {name: torch.tensor(value) for name, value in state.items()}
        self.load_state_dict(weights, strict=True)
