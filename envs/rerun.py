"""One world played again from a copy, so that what a compiled rollout passed through can be seen.

A rollout keeps actions, not the states between them. A game is a pure function of its state and the
actions, so a copy of a world from before the rollout, given the same actions, is led through the
same states.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np


class Rerun(Protocol):
    """A copy of one world on memory of its own; the original goes on untouched.

    It is stepped with the numbers of the game that were in force when it was copied.
    """

    @property
    def settings(self) -> Mapping[str, Any]:
        """All settings of the game, as plain values."""

    def step(self, actions: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], bool]:
        """Plays one step.

        Where the episode ends with it, the world stays at its end until `go_on`.

        Args:
            actions: by team [A, H].

        Returns:
            By team [A] float32, the rewards, and whether the episode has ended.
        """

    def go_on(self) -> None:
        """Starts the next episode, as the original did."""

    def frame(self) -> dict[str, np.ndarray]:
        """Copies of what can be seen of the world now, by name, for a picture of it."""

    def place(self) -> dict[str, Any]:
        """Where it is played, as plain values: the level, say, and the arena."""

    def state(self) -> dict[str, np.ndarray]:
        """Copies of all that the future depends on, as `BatchEnv.get_state` of one world."""
