"""The earlier policies that are opponents, in a checkpoint: plain values and an array file.

`opponents` in state.json    iteration, rating and games of each member; who is drawn; the stream
opponents.npz                `pool_0` and `pool_1` [M, P] float32: the members of each team
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trainer.opponents.pool import PoolState

OPPONENTS = "opponents"
OPPONENTS_FILE = "opponents.npz"
LARGEST_RATING, LARGEST_DEVIATION = 1000.0, 100.0
"""Far above anything that games could give, and where ratings can still be computed with."""


@dataclass(frozen=True)
class OpponentsState:
    """The pools and who is drawn from them.

    Attributes:
        pools: by team (see `Pool.state`).
        matches: see `Matchmaker.state`; None: nobody plays them.
    """

    pools: dict[str, PoolState]
    matches: dict[str, Any] | None

    def without_stream(self) -> OpponentsState:
        """The same without the random stream: draws start anew from the seed."""
        matches = None if self.matches is None else {**self.matches, "random": None}
        return replace(self, matches=matches)

    def values(self) -> dict[str, Any]:
        """The plain values."""
        pools = {team: pool.values for team, pool in self.pools.items()}
        return {"pools": pools, "matches": self.matches}

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return {f"pool_{n}": pool.weights for n, pool in enumerate(self.pools.values())}
