"""What boxes shut: the ground that no seeker can walk to, doors that nobody fits through."""

from __future__ import annotations

import numpy as np

from envs.hide_and_seek.kernels.constants import CELL, CELLS, RADIUS
from envs.hide_and_seek.kernels.grid import walk_costs
from envs.hide_and_seek.layouts import cell_centers, free_cells

_COSTS = CELLS * CELLS


def shelter_of(pos: np.ndarray, num_seekers: int, solids: np.ndarray) -> tuple[np.ndarray, bool]:
    """The middles [C, 2] of the free cells that no seeker can walk to; whether all hiders are there.

    Args:
        pos: [A, 2] float32, the seekers first.
        num_seekers: of them.
        solids: [S, 4] walls and boxes, middles and half sides.
    """
    free = free_cells(solids.astype(np.float32), float(RADIUS))
    queue = np.empty((8, 8 * _COSTS), np.int32)
    costs = np.empty(_COSTS, np.int32)
    reached = np.zeros(_COSTS, np.bool_)
    cells = [_cell_of(free, x, y) for x, y in pos]
    for cell in cells[:num_seekers]:
        if not reached[cell]:
            walk_costs(free, cell, queue, costs)
            reached |= costs >= 0
    shut = free & ~reached.reshape(free.shape)
    return cell_centers()[shut], not reached[cells[num_seekers:]].any()


def _cell_of(free: np.ndarray, x: float, y: float) -> int:
    """The flat index of the free cell nearest to a place."""
    away = np.where(free, np.hypot(*np.moveaxis(cell_centers() - (x, y), -1, 0)), np.inf)
    return int(away.argmin())


def is_blocked(door: np.ndarray, solids: np.ndarray) -> bool:
    """Whether the solids [S, 4] leave no way as wide as an agent through a door [4]."""
    along = 0 if door[2] > door[3] else 1
    across = 1 - along
    low, high = door[along] - door[2 + along], door[along] + door[2 + along]
    before = np.abs(solids[:, across] - door[across]) - solids[:, 2 + across] < 2 * RADIUS - CELL
    inside = np.abs(solids[:, along] - door[along]) < solids[:, 2 + along] + door[2 + along] - 1e-6
    edges = low
    for box in sorted(solids[before & inside], key=lambda b: b[along] - b[2 + along]):
        if box[along] - box[2 + along] - edges >= 2 * RADIUS:
            return False
        edges = max(edges, box[along] + box[2 + along])
    return bool(high - edges < 2 * RADIUS)
