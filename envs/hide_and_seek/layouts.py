"""The bank of arenas: drawn from a seed, checked, packed into arrays.

Every arena is one piece for an agent's disc (no pocket to be locked up in) and has room to start
for the largest teams. Rectangles are (center x, center y, half width, half height) in meters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from envs.hide_and_seek.config import LEVELS
from envs.hide_and_seek.kernels.constants import (
    ARENA,
    CELL,
    CELLS,
    COARSE,
    DOOR_WIDTH,
    NOWHERE,
    RADIUS,
    WALL_HALF,
)
from envs.hide_and_seek.kernels.grid import fill_distance_table, reachable
from envs.hide_and_seek.kernels.lanes import LANES
from envs.hide_and_seek.kernels.state import Layouts
from envs.hide_and_seek.spaces import NUM_OBJECTS

Rect = tuple[float, float, float, float]

_SIDE = float(ARENA)
_THICK = float(WALL_HALF)
_CLEAR = float(RADIUS)
_SPAWN_CLEAR = _CLEAR + 0.1  # see kernels/spawn.py
_PASSAGE = 0.9  # free width that a generated gap has at least
# Two other agents take at most 26 places each from the last one; five when the teams share a zone.
_ENOUGH_PLACES = 26 * 5 + 1
_ATTEMPTS = 200


@dataclass
class Layout:
    """One arena: walls, and where each team may start (corners x0, y0, x1, y1; None = anywhere)."""

    walls: list[Rect] = field(default_factory=list)
    hider_zone: tuple[float, float, float, float] | None = None  # the seekers start outside it


def _wall(x0: float, y0: float, x1: float, y1: float) -> Rect:
    """A wall along the line between two points, with half a thickness added at either end."""
    return (
        (x0 + x1) / 2,
        (y0 + y1) / 2,
        abs(x1 - x0) / 2 + _THICK,
        abs(y1 - y0) / 2 + _THICK,
    )


def _wall_with_doors(
    vertical: bool, at: float, start: float, end: float, doors: list[float]
) -> list[Rect]:
    """Walls on the line x = at (vertical) or y = at, from start to end, open around each door."""
    edges = [start]
    for door in sorted(doors):
        # The rounding at a wall's end would narrow the door: give that back here.
        edges += [door - DOOR_WIDTH / 2 - _THICK, door + DOOR_WIDTH / 2 + _THICK]
    edges.append(end)
    spans = zip(edges[::2], edges[1::2], strict=True)
    return [_wall(at, a, at, b) if vertical else _wall(a, at, b, at) for a, b in spans]


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


def _pillars(rng: np.random.Generator) -> Layout:
    """L0: five to eight pillars."""
    layout = Layout()
    _add_pillars(rng, layout.walls, int(rng.integers(5, 9)), (0.4, 1.1))
    return layout


def _room(rng: np.random.Generator) -> Layout:
    """L1: one free-standing room with one door; the hiders start inside."""
    width, height = (float(v) for v in rng.uniform(4.2, 5.5, 2))
    x0 = float(rng.uniform(1.3, _SIDE - 1.3 - width))
    y0 = float(rng.uniform(1.3, _SIDE - 1.3 - height))
    x1, y1 = x0 + width, y0 + height
    door_side = int(rng.integers(4))
    sides = [(True, x0, y0, y1), (True, x1, y0, y1), (False, y0, x0, x1), (False, y1, x0, x1)]
    layout = Layout(hider_zone=(x0, y0, x1, y1))
    for side, (vertical, at, start, end) in enumerate(sides):
        doors = [float(rng.uniform(start + 0.9, end - 0.9))] if side == door_side else []
        layout.walls += _wall_with_doors(vertical, at, start, end, doors)
    return layout


def _quadrant(rng: np.random.Generator) -> Layout:
    """L2: a room in one corner with one or two doors; the hiders start inside."""
    width, height = (float(v) for v in rng.uniform(5.0, 6.5, 2))
    right, top = bool(rng.integers(2)), bool(rng.integers(2))
    x = _SIDE - width if right else width
    y = _SIDE - height if top else height
    x_span = (x, _SIDE) if right else (0.0, x)
    y_span = (y, _SIDE) if top else (0.0, y)
    open_walls = (
        (True, True) if rng.integers(2) else ((True, False), (False, True))[rng.integers(2)]
    )
    layout = Layout(hider_zone=(x_span[0], y_span[0], x_span[1], y_span[1]))
    for vertical, at, span, is_open in ((True, x, y_span, 0), (False, y, x_span, 1)):
        door = float(rng.uniform(span[0] + 0.9, span[1] - 0.9))
        doors = [door] if open_walls[is_open] else []
        layout.walls += _wall_with_doors(vertical, at, *span, doors)
    return layout


def _rooms(rng: np.random.Generator) -> Layout:
    """L3: three to five rooms by repeated division, doors in every wall, up to three pillars."""
    layout = Layout()
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
        layout.walls += _wall_with_doors(vertical, at, start, end, at_doors)
        doors += [(at, d) if vertical else (d, at) for d in at_doors]
        rooms += (
            [(x0, y0, at, y1), (at, y0, x1, y1)]
            if vertical
            else [(x0, y0, x1, at), (x0, at, x1, y1)]
        )
    _add_pillars(rng, layout.walls, int(rng.integers(0, 4)), (0.3, 0.7))
    return layout


def _on_border(room: tuple[float, float, float, float], door: tuple[float, float]) -> bool:
    """Whether a door's middle lies on the outline of a room."""
    x0, y0, x1, y1 = room
    x, y = door
    return x0 <= x <= x1 and y0 <= y <= y1 and (x in (x0, x1) or y in (y0, y1))


_GENERATORS: dict[str, Callable[[np.random.Generator], Layout]] = {
    "L0": _pillars,
    "L1": _room,
    "L2": _quadrant,
    "L3": _rooms,
}


@cache
def cell_centers() -> np.ndarray:
    """The middles of the grid's cells, [48, 48, 2] (row = y, column = x), meters; read only."""
    centers = np.stack(np.meshgrid(_cell_axis(), _cell_axis()), axis=-1)
    centers.flags.writeable = False
    return centers


def _cell_axis() -> np.ndarray:
    """The middles of the grid's cells along one side, [48], meters."""
    return (np.arange(CELLS, dtype=np.float32) + np.float32(0.5)) * CELL


def free_cells(walls: np.ndarray, clearance: float) -> np.ndarray:
    """Where a disc of radius `clearance` clears walls [W, 4] and border: [48, 48] bool."""
    axis = _cell_axis()
    inside = (axis >= clearance) & (axis <= _SIDE - clearance)
    free = inside[:, None] & inside
    # Along each side alone as long as possible: a grid has few rows and columns, but many cells.
    gap_x = np.maximum(np.abs(axis - walls[:, :1]) - walls[:, 2:3], 0.0)
    gap_y = np.maximum(np.abs(axis - walls[:, 1:2]) - walls[:, 3:], 0.0)
    for x, y in zip(gap_x**2, gap_y**2, strict=True):
        free &= np.sqrt(x + y[:, None]) >= clearance
    return free


def _spawn_places(layout: Layout, walls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The start places of seekers and hiders, [S, 2] each."""
    centers, free = cell_centers(), free_cells(walls, _SPAWN_CLEAR)
    if layout.hider_zone is None:
        return centers[free], centers[free]
    x0, y0, x1, y1 = layout.hider_zone
    x, y = centers[..., 0], centers[..., 1]
    inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    return centers[free & ~inside], centers[free & inside]


def _is_playable(walls: np.ndarray, spawns: tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether the free space is one piece with enough room for both teams to start."""
    if min(len(places) for places in spawns) < _ENOUGH_PLACES:
        return False
    free = free_cells(walls, _CLEAR)
    return bool(reachable(free, int(np.flatnonzero(free)[0])) == free.sum())


def _draw(level: str, rng: np.random.Generator) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Draws playable walls [W, 4] and the start places of either team."""
    for _ in range(_ATTEMPTS):
        layout = _GENERATORS[level](rng)
        walls = np.array(layout.walls, np.float32).reshape(-1, 4)
        spawns = _spawn_places(layout, walls)
        if _is_playable(walls, spawns):
            return walls, spawns
    raise RuntimeError(f"no playable arena for level {level} in {_ATTEMPTS} attempts")


def pack_walls(walls: np.ndarray, size: int) -> np.ndarray:
    """Walls [W, 4] as kernels take them, [4, size rounded up]; the others are out of reach."""
    packed = np.zeros((4, -(-size // LANES) * LANES), np.float32)
    packed[:2] = NOWHERE
    packed[:, : len(walls)] = walls.T
    return packed


def walls_of(bank: Layouts, layout: int) -> np.ndarray:
    """The walls of one layout, [W, 4]."""
    return bank.walls[layout, :, : bank.num_walls[layout]].T


def build_layouts(level: str, num_layouts: int, seed: int) -> Layouts:
    """A bank of playable arenas, without distance tables; a function of its arguments."""
    rng = np.random.default_rng([seed, list(LEVELS).index(level)])
    drawn = [_draw(level, rng) for _ in range(num_layouts)]
    most_walls = max(len(walls) for walls, _ in drawn)
    most_places = max(len(places) for _, spawns in drawn for places in spawns)
    bank = Layouts(
        walls=np.stack([pack_walls(walls, most_walls) for walls, _ in drawn]),
        num_walls=np.zeros(num_layouts, np.int32),
        spawns=np.zeros((num_layouts, 2, most_places, 2), np.float32),
        num_spawns=np.zeros((num_layouts, 2), np.int32),
        distances=np.zeros((1, 1, 1), np.uint8),
        level=np.zeros(num_layouts, np.int32),
        object_half=np.zeros((num_layouts, NUM_OBJECTS, 2), np.float32),
        object_places=np.zeros((num_layouts, NUM_OBJECTS, 1, 2), np.float32),
        num_object_places=np.zeros((num_layouts, NUM_OBJECTS), np.int32),
        doors=np.zeros((num_layouts, 1, 4), np.float32),
        num_doors=np.zeros(num_layouts, np.int32),
    )
    for k, (walls, spawns) in enumerate(drawn):
        bank.num_walls[k] = len(walls)
        for team, places in enumerate(spawns):
            bank.spawns[k, team, : len(places)] = places
            bank.num_spawns[k, team] = len(places)
    return bank


def has_distances(layouts: Layouts) -> bool:
    """Whether the distance tables, which only the shaping needs, are there."""
    return layouts.distances.shape[1] > 1


def with_distances(bank: Layouts) -> Layouts:
    """The bank with its walking-distance tables filled, [L, 576, 576] uint8."""
    num_places = COARSE * COARSE
    tables = np.empty((len(bank.num_walls), num_places, num_places), np.uint8)
    for k, table in enumerate(tables):
        fill_distance_table(free_cells(walls_of(bank, k), _CLEAR), table)
    return bank._replace(distances=tables)
