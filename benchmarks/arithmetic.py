"""How many multiply-adds the products of an iteration take, counted by hand.

Only the work that cannot be avoided is counted: columns that are always zero, rows that nobody
learns from, and everything elementwise (activations, losses, Adam) are left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TeamWork:
    """What one team does in an iteration.

    Attributes:
        columns: of an observation that can be non-zero.
        hiddens: widths of the hidden layers, of the actor and of the critic.
        logits: outputs of the actor; the critic has one.
        acted: rows that actions are drawn for.
        valued: rows that the critic values before the update.
        learned: rows of an epoch.
        epochs: passes over them.
    """

    columns: int
    hiddens: Sequence[int]
    logits: int
    acted: int
    valued: int
    learned: int
    epochs: int

    @property
    def multiply_adds(self) -> int:
        """Of acting, valuing and learning, all rows together."""
        actor, critic = self._layers(self.logits), self._layers(1)
        gradient = sum(forward_and_backward(layers) for layers in (actor, critic))
        return (
            self.acted * sum(actor) + self.valued * sum(critic)
        ) + self.learned * self.epochs * gradient

    def _layers(self, outputs: int) -> list[int]:
        sizes = (self.columns, *self.hiddens, outputs)
        return [fan_in * fan_out for fan_in, fan_out in itertools.pairwise(sizes)]


def forward_and_backward(layers: Sequence[int]) -> int:
    """Multiply-adds of a row's gradient, from those of each layer's product.

    Forward, the gradient of the weights, and the gradient of the inputs, which nobody needs of the
    first layer's.
    """
    return 3 * sum(layers) - layers[0]
