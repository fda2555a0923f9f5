"""The policies of a run as players, by the engine that the run samples with."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.batch_env import TeamSpec
from trainer.engine.choosing import choose
from trainer.ppo.fused_network import FEW_ROWS, FusedNetwork
from trainer.ppo.matches import Player, PolicyPlayer, Turn
from trainer.ppo.networks import ActorCritic


class FusedPlayer:
    """A policy that samples its actions as `PolicyPlayer` does, by the compiled kernels.

    Its choices do not depend on how many are played beside it.
    """

    def __init__(self, network: ActorCritic, spec: TeamSpec) -> None:
        """Takes over the weights as they are now.

        Args:
            network: the policy.
            spec: of its team, in the game that is played.
        """
        self._fused = FusedNetwork(network, spec.live_columns, spec.live_state, FEW_ROWS)

    def act(self, turn: Turn) -> Tensor:
        """See `Player.act`."""
        fused = self._fused
        actions = torch.empty((len(turn.obs), len(fused.network.spec.nvec)), dtype=torch.int64)
        choose(
            *(fused.description, fused.inputs, fused.weights[1], fused.tile),
            *(turn.obs.numpy(), turn.action_mask.numpy(), turn.noise.numpy(), actions.numpy()),
        )
        return actions


def make_policy_player(network: ActorCritic, spec: TeamSpec, engine: str) -> Player:
    """The player of a network as it is now.

    Args:
        network: the policy.
        spec: of its team, in the game that is played.
        engine: "fused" or "torch".
    """
    return FusedPlayer(network, spec) if engine == "fused" else PolicyPlayer(network)
