"""Who draws actions during a rollout: torch for any network, or the fused engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol

import numpy as np
import torch

from trainer.engine.acting import act
from trainer.engine.blas import one_blas_thread
from trainer.engine.playing import Player
from trainer.ppo.fused_network import FusedNetwork
from trainer.ppo.networks import ActorCritic, one_thread
from trainer.ppo.sampling import sample_actions


class Rows(NamedTuple):
    """What the agents of one team see in one step, and what they do. R agents.

    Attributes:
        obs: [R, D].
        action_mask: [R, L] bool, True = allowed.
        uniforms: [R, H] in [0, 1), what is drawn by.
        logits: [R, L], to be filled, masked.
        actions: [R, H] int64, to be filled.
        logp: [R], to be filled with the actions' log-probability.
    """

    obs: np.ndarray
    action_mask: np.ndarray
    uniforms: np.ndarray
    logits: np.ndarray
    actions: np.ndarray
    logp: np.ndarray


class Actor(Protocol):
    """Draws the actions of agents of one team, by one of the policies that it knows.

    A policy goes by the name of its player: the team, or one of `trainer.opponents.seating`.

    Attributes:
        threads: how many may call `act` at the same time.
    """

    threads: int

    def ready(self) -> AbstractContextManager[None]:
        """Takes over the weights as they are now; `act` may be called while this lasts."""

    def act(self, player: str, rows: Rows, bias: np.ndarray | None) -> None:
        """Fills what a policy adds to `rows`.

        Args:
            player: whose policy acts.
            rows: what its agents see and may do.
            bias: [L], added to the logits.
        """


class TorchActor:
    """Acts by the networks themselves. See `Actor`.

    Args:
        networks: by player.
    """

    threads = 1

    def __init__(self, networks: Mapping[str, ActorCritic]) -> None:
        self._networks = networks
        self._nvec = {
            player: np.asarray(network.spec.nvec, np.int64) for player, network in networks.items()
        }

    @contextmanager
    def ready(self) -> Iterator[None]:
        with one_thread(), torch.inference_mode():  # small matrices: more threads only wait
            yield

    def act(self, player: str, rows: Rows, bias: np.ndarray | None) -> None:
        logits = rows.logits
        logits[...] = self._networks[player].logits(torch.from_numpy(rows.obs)).numpy()
        if bias is not None:
            logits += bias
        sample_actions(
            *(logits, rows.action_mask, self._nvec[player], rows.uniforms, rows.actions, rows.logp)
        )


class FusedActor:
    """Acts by the kernels of `trainer.engine`, in several threads. See `Actor`.

    Args:
        networks: by player.
        threads: that share the worlds.
    """

    def __init__(self, networks: Mapping[str, FusedNetwork], threads: int) -> None:
        self.threads = threads
        self._networks = networks
        self._no_bias = {
            player: np.zeros(fused.network.spec.num_logits, np.float32)
            for player, fused in networks.items()
        }

    @contextmanager
    def ready(self) -> Iterator[None]:
        for network in self._networks.values():
            network.refresh()
        with one_blas_thread(), one_thread():
            yield

    def act(self, player: str, rows: Rows, bias: np.ndarray | None) -> None:
        network = self._networks[player]
        act(
            *(network.description, network.inputs, network.weights[1]),
            *(self._no_bias[player] if bias is None else bias, network.tile, *rows),
        )

    def player(self, name: str, rows: Rows, cut: slice, bias: np.ndarray | None) -> Player:
        """What `trainer.engine.playing` needs to act in a whole rollout.

        Args:
            name: whose policy acts.
            rows: as for `act`, with a leading axis of steps.
            cut: the rows that act.
            bias: [L], added to the logits.
        """
        network = self._networks[name]
        return Player(
            network.description,
            network.inputs,
            transposed=network.weights[1],
            bias=self._no_bias[name] if bias is None else bias,
            tile=network.tile,
            first=cut.start,
            end=cut.stop,
            **rows._asdict(),
        )
