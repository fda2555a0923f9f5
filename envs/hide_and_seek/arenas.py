"""The generators of arenas: walls, doors and the room that the hiders start in, from a seed.

Rectangles are (center x, center y, half width, half height) in meters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from envs.hide_and_seek.kernels.constants import ARENA, CELL, CELLS, DOOR_WIDTH, WALL_HALF

Rect = tuple[float, float, float, float]
Zone = tuple[float, float, float, float]  # corners x0, y0, x1, y1

_SIDE = float(ARENA)
_THICK = float(WALL_HALF)
_PASSAGE = 0.9  # free width that a generated gap has at least


@dataclass
class Arena:
    """Walls, the openings in them, and the room if there is a special one."""

    walls: list[Rect] = field(default_factory=list)
    doors: list[Rect] = field(default_factory=list)
    room: Zone | None = None

    def add_wall(
        self, vertical: bool, at: float, start: float, end: float, doors: list[float]
    ) -> None:
        """Adds walls on the line x = at (vertical) or y = at, open around the middle of each door.

        Args:
            start, end: where the line begins and ends.
        """
        edges = [start]
        for door in sorted(doors):
            # The rounding at a wall's end would narrow the door: give that back here.
            edges += [door - DOOR_WIDTH / 2 - _THICK, door + DOOR_WIDTH / 2 + _THICK]
            long, short = DOOR_WIDTH / 2, _THICK
            opening = (at, door, short, long) if vertical else (door, at, long, short)
            self.doors.append(opening)
        edges.append(end)
        for a, b in zip(edges[::2], edges[1::2], strict=True):
            self.walls.append(_wall(at, a, at, b) if vertical else _wall(a, at, b, at))


def cell_axis() -> np.ndarray:
    """The middles of the grid's cells along one side, [48], meters."""
    return (np.arange(CELLS, dtype=np.float32) + np.float32(0.5)) * CELL


def _wall(x0: float, y0: float, x1: float, y1: float) -> Rect:
    """A wall along the line between two points, with half a thickness added at either end."""
    return (
        (x0 + x1) / 2,
        (y0 + y1) / 2,
        abs(x1 - x0) / 2 + _THICK,
        abs(y1 - y0) / 2 + _THICK,
    )


def _apart(rect: Rect, others: list[Rect], gap: float) -> bool:
    """Whether a rectangle keeps at least `gap` to all others and to the border."""
    x, y, hx, hy = rect
    if min(x - hx, y - hy, _SIDE - x - hx, _SIDE - y - hy) < gap:
        return False
    return all(
        max(abs(x - ox) - hx - ohx, abs(y - oy) - hy - ohy) >= gap for ox, oy, ohx, ohy in others
    )


def _add_pillars(
    rng: np.random.Generator, walls: list[Rect], count: int, half: tuple[float, float]
) -> None:
    """Adds up to `count` pillars that leave a passage all around."""
    added = 0
    for _ in range(20 * count):
        if added == count:
            return
        hx, hy = rng.uniform(*half, 2)
        x, y = rng.uniform(0.0, _SIDE, 2)
        pillar = (float(x), float(y), float(hx), float(hy))
        if _apart(pillar, walls, _PASSAGE):
            walls.append(pillar)
            added += 1


def _pillars(rng: np.random.Generator) -> Arena:
    """L0: five to eight pillars."""
    arena = Arena()
    _add_pillars(rng, arena.walls, int(rng.integers(5, 9)), (0.4, 1.1))
    return arena


def _one_room(rng: np.random.Generator) -> Arena:
    """L1: one free-standing room with one door."""
    width, height = (float(v) for v in rng.uniform(4.2, 5.5, 2))
    x0 = float(rng.uniform(1.3, _SIDE - 1.3 - width))
    y0 = float(rng.uniform(1.3, _SIDE - 1.3 - height))
    x1, y1 = x0 + width, y0 + height
    door_side = int(rng.integers(4))
    sides = [(True, x0, y0, y1), (True, x1, y0, y1), (False, y0, x0, x1), (False, y1, x0, x1)]
    arena = Arena(room=(x0, y0, x1, y1))
    for side, (vertical, at, start, end) in enumerate(sides):
        doors = [float(rng.uniform(start + 0.9, end - 0.9))] if side == door_side else []
        arena.add_wall(vertical, at, start, end, doors)
    return arena


def _quadrant(rng: np.random.Generator) -> Arena:
    """L2, Q: a room in one corner, a door in either inner wall; one is dropped in half of them."""
    width, height = (float(v) for v in rng.uniform(5.0, 6.5, 2))
    right, top = bool(rng.integers(2)), bool(rng.integers(2))
    x = _SIDE - width if right else width
    y = _SIDE - height if top else height
    x_span = (x, _SIDE) if right else (0.0, x)
    y_span = (y, _SIDE) if top else (0.0, y)
    open_walls = (
        (True, True) if rng.integers(2) else ((True, False), (False, True))[rng.integers(2)]
    )
    arena = Arena(room=(x_span[0], y_span[0], x_span[1], y_span[1]))
    for vertical, at, span, is_open in ((True, x, y_span, 0), (False, y, x_span, 1)):
        door = float(rng.uniform(span[0] + 0.9, span[1] - 0.9))
        arena.add_wall(vertical, at, *span, [door] if open_walls[is_open] else [])
    return arena


def _rooms(rng: np.random.Generator) -> Arena:
    """L3: three to five rooms by repeated division, doors in every wall, up to three pillars."""
    arena = Arena()
    rooms = [(0.0, 0.0, _SIDE, _SIDE)]
    doors: list[tuple[float, float]] = []
    for _ in range(int(rng.integers(2, 5))):
        rooms.sort(key=lambda r: (r[2] - r[0]) * (r[3] - r[1]))
        x0, y0, x1, y1 = rooms.pop()
        vertical = bool(x1 - x0 > y1 - y0) if x1 - x0 != y1 - y0 else bool(rng.integers(2))
        low, high = (x0, x1) if vertical else (y0, y1)
        start, end = (y0, y1) if vertical else (x0, x1)
        at = float(rng.uniform(low + 2.5, high - 2.5))
        near = [d for d in doors if abs((d[0] if vertical else d[1]) - at) < DOOR_WIDTH]
        if any(_on_border((x0, y0, x1, y1), d) for d in near):
            rooms.append((x0, y0, x1, y1))
            continue  # the new wall would stand in a doorway
        middle = (start + end) / 2
        two = end - start > 5.0 and rng.random() < 0.4
        spans = [(start + 0.9, middle - 0.9), (middle + 0.9, end - 0.9)] if two else []
        at_doors = [float(rng.uniform(*s)) for s in spans or [(start + 0.9, end - 0.9)]]
        arena.add_wall(vertical, at, start, end, at_doors)
        doors += [(at, d) if vertical else (d, at) for d in at_doors]
        rooms += (
            [(x0, y0, at, y1), (at, y0, x1, y1)]
            if vertical
            else [(x0, y0, x1, at), (x0, at, x1, y1)]
        )
    _add_pillars(rng, arena.walls, int(rng.integers(0, 4)), (0.3, 0.7))
    return arena


def _on_border(room: Zone, door: tuple[float, float]) -> bool:
    """Whether a door's middle lies on the outline of a room."""
    x0, y0, x1, y1 = room
    x, y = door
    return x0 <= x <= x1 and y0 <= y <= y1 and (x in (x0, x1) or y in (y0, y1))


GENERATORS: dict[str, tuple[int, Callable[[np.random.Generator], Arena]]] = {
    "L0": (0, _pillars),
    "L1": (1, _one_room),
    "L2": (2, _quadrant),
    "L3": (3, _rooms),
    "Q": (5, _quadrant),
}
"""By level: what its arenas are drawn from beside the seed, and the generator. Neither ever
changes, nor does a generator draw more: states in checkpoints hold numbers of layouts."""
