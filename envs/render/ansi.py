"""A scene as text: one character column per half cell, for terminals and logs."""

from __future__ import annotations

import numpy as np

from envs.render.scene import AgentShape, ObjectShape, Rect, Scene

_CELLS = 24  # per side; a cell is two columns wide, which makes it about square
_ARROWS = "→↗↑↖←↙↓↘"
_VIEWS = {"hider": " ·", "seeker": "░░"}  # the area a team sees, the latter above
_PAINT = {
    "seeker": "\x1b[1;91m",
    "hider": "\x1b[1;96m",
    "seen": "\x1b[1;93m",
    "wall": "\x1b[90m",
    "seeker view": "\x1b[31m",
    "hider view": "\x1b[36m",
    "box": "\x1b[33m",
    "ramp": "\x1b[35m",
    "shelter": "\x1b[32m",
    "door": "\x1b[1;97m",
}
_LETTER = {"seeker": "S", "hider": "H"}
_OBJECTS = {"cube": "[]", "plank": "==", "ramp": "/\\"}
_SHELTER = "::"
_BLOCKED = "><"
LEGEND = (
    "S→ seeker    S· blind",
    "H→ hider     H! seen",
    "[] cube      == plank",
    "/\\ ramp      S^ up from one",
    "H# locked    S+ held",
    "░░ the seekers' view",
    " · the hiders' view",
    ":: sealed    >< blocked",
    "██ wall",
)
_PLAIN = "\x1b[0m"


def _cells_of(rect: Rect, side: float) -> np.ndarray:
    """Which cells a rectangle covers, [24, 24] bool, row 0 at the bottom."""
    cell = side / _CELLS
    low = np.arange(_CELLS) * cell
    x0, y0, x1, y1 = rect
    # A thin wall between two cells marks the one that its middle line falls in.
    thin_x, thin_y = x1 - x0 < cell, y1 - y0 < cell
    across = low <= (x0 + x1) / 2 if thin_x else low + cell / 2 < x1
    along = low <= (y0 + y1) / 2 if thin_y else low + cell / 2 < y1
    after_x = low + cell > (x0 + x1) / 2 if thin_x else low + cell / 2 > x0
    after_y = low + cell > (y0 + y1) / 2 if thin_y else low + cell / 2 > y0
    return (along & after_y)[:, None] & (across & after_x)[None, :]


def _cell_at(x: float, y: float, side: float) -> tuple[int, int]:
    """The row and the column of the cell that a place lies in."""
    column, row = (min(int(v / side * _CELLS), _CELLS - 1) for v in (x, y))
    return row, column


def _shelter_cells(scene: Scene) -> np.ndarray:
    """The cells that no seeker can walk to, [24, 24] bool, row 0 at the bottom."""
    cells = np.zeros((_CELLS, _CELLS), np.bool_)
    for x, y in scene.shelter.tolist():
        cells[_cell_at(x, y, scene.side)] = True
    return cells


def _viewed_cells(scene: Scene, team: str) -> np.ndarray:
    """The cells whose middle somebody of a team sees, [24, 24] bool, row 0 below."""
    middles = (np.arange(_CELLS) + 0.5) * scene.side / _CELLS
    x, y = np.meshgrid(middles, middles)
    cells = np.zeros((_CELLS, _CELLS), np.bool_)
    for agent in scene.agents:
        if agent.team == team and len(agent.cone):
            cells |= _inside(agent.cone, x, y)
    return cells


def _inside(outline: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which points lie in a polygon [P, 2]: those from which a ray crosses it oddly."""
    px, py = x[..., None], y[..., None]
    (x0, y0), (x1, y1) = outline.T, np.roll(outline, -1, axis=0).T
    rises = (y0 > py) != (y1 > py)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = x0 + (py - y0) * (x1 - x0) / (y1 - y0)
    return np.count_nonzero(rises & (px < crossing), axis=-1) % 2 == 1


def _agent_mark(agent: AgentShape) -> tuple[str, str]:
    """The two characters of an agent and the name of its paint."""
    if agent.frozen:
        return "S·", "seeker"
    if agent.seen:
        return "H!", "seen"
    if agent.up:
        return f"{_LETTER[agent.team]}^", agent.team
    arrow = _ARROWS[round(agent.angle / (np.pi / 4)) % 8]
    return _LETTER[agent.team] + arrow, agent.team


def _object_mark(shape: ObjectShape, scene: Scene) -> tuple[str, str] | None:
    """The two characters of who has locked or holds an object, and the name of their paint."""
    if shape.lock is not None:
        return f"{_LETTER[shape.lock]}#", shape.lock
    if shape.holder is not None:
        team = scene.agents[shape.holder].team
        return f"{_LETTER[team]}+", team
    return None


def _put_objects(marks: np.ndarray, scene: Scene, color: bool) -> None:
    """Writes boxes and ramps, the doors they block, then in their middles who has them."""
    for shape in scene.objects:
        paint = "ramp" if shape.kind == "ramp" else "box"
        marks[_cells_of(shape.rect, scene.side)] = _painted(_OBJECTS[shape.kind], paint, color)
    for door in scene.doors:
        if door.blocked:
            marks[_cells_of(door.rect, scene.side)] = _painted(_BLOCKED, "door", color)
    for shape in scene.objects:
        mark = _object_mark(shape, scene)
        if mark is not None:
            x0, y0, x1, y1 = shape.rect
            middle = _cell_at((x0 + x1) / 2, (y0 + y1) / 2, scene.side)
            marks[middle] = _painted(*mark, color)


def _painted(text: str, paint: str, color: bool) -> str:
    return f"{_PAINT[paint]}{text}{_PLAIN}" if color else text


def status_line(scene: Scene) -> str:
    """The phase, the time and the score in one line."""
    phase = "preparation, seekers blind" if scene.preparing else "seeking"
    line = f"step {scene.time}/{scene.episode_steps}  {phase}"
    if scene.time > scene.prep_steps:
        line += f"  seen {scene.seen_fraction:.0%}"
    return f"{line}  SEALED" if scene.sealed else line


def draw_text(scene: Scene, color: bool = False) -> str:
    """The scene as lines of text; `LEGEND` says what is what.

    Args:
        scene: what to draw.
        color: whether to add ANSI color codes.
    """
    marks = np.full((_CELLS, _CELLS), "  ", dtype=object)
    view = {team: _viewed_cells(scene, team) for team in _VIEWS}
    marks[view["hider"]] = _painted(_VIEWS["hider"], "hider view", color)
    marks[_shelter_cells(scene)] = _painted(_SHELTER, "shelter", color)
    marks[view["seeker"]] = _painted(_VIEWS["seeker"], "seeker view", color)
    for wall in scene.walls:
        marks[_cells_of(wall, scene.side)] = _painted("██", "wall", color)
    _put_objects(marks, scene, color)
    for agent in scene.agents:
        mark, paint = _agent_mark(agent)
        marks[_cell_at(agent.x, agent.y, scene.side)] = _painted(mark, paint, color)
    edge = "─" * (2 * _CELLS)
    rows = [f"│{''.join(row)}│" for row in marks[::-1]]
    return "\n".join([status_line(scene), f"┌{edge}┐", *rows, f"└{edge}┘"])
