"""A scene as text: one character column per half cell, for terminals and logs."""

from __future__ import annotations

import numpy as np

from envs.render.scene import AgentShape, Scene

_CELLS = 24  # per side; a cell is two columns wide, which makes it about square
_ARROWS = "→↗↑↖←↙↓↘"
_PAINT = {"seeker": "\x1b[1;91m", "hider": "\x1b[1;96m", "seen": "\x1b[1;93m", "wall": "\x1b[90m"}
_PLAIN = "\x1b[0m"


def _wall_cells(scene: Scene) -> np.ndarray:
    """Return which cells hold some wall, [24, 24] bool, row 0 at the bottom."""
    cell = scene.side / _CELLS
    low = np.arange(_CELLS) * cell
    cells = np.zeros((_CELLS, _CELLS), np.bool_)
    for x0, y0, x1, y1 in scene.walls:
        # A thin wall between two cells marks the one that its middle line falls in.
        thin_x, thin_y = x1 - x0 < cell, y1 - y0 < cell
        across = low <= (x0 + x1) / 2 if thin_x else low + cell / 2 < x1
        along = low <= (y0 + y1) / 2 if thin_y else low + cell / 2 < y1
        after_x = low + cell > (x0 + x1) / 2 if thin_x else low + cell / 2 > x0
        after_y = low + cell > (y0 + y1) / 2 if thin_y else low + cell / 2 > y0
        cells |= (along & after_y)[:, None] & (across & after_x)[None, :]
    return cells


def _agent_mark(agent: AgentShape) -> tuple[str, str]:
    """Return the two characters of an agent and the name of its paint."""
    if agent.frozen:
        return "S·", "seeker"
    if agent.seen:
        return "H!", "seen"
    arrow = _ARROWS[round(agent.angle / (np.pi / 4)) % 8]
    return ("S" if agent.team == "seeker" else "H") + arrow, agent.team


def status_line(scene: Scene) -> str:
    """Return the phase, the time and the score in one line."""
    phase = "preparation, seekers blind" if scene.preparing else "seeking"
    line = f"step {scene.time}/{scene.episode_steps}  {phase}"
    if scene.time > scene.prep_steps:
        line += f"  seen {scene.seen_fraction:.0%}"
    return line


def draw_text(scene: Scene, colour: bool = False) -> str:
    """Return the scene as lines of text: `S` seekers, `H` hiders, `!` seen, arrows = headings.

    Args:
        scene: what to draw.
        colour: whether to add ANSI colour codes.
    """
    marks = np.full((_CELLS, _CELLS), "  ", dtype=object)
    walls = _wall_cells(scene)
    marks[walls] = f"{_PAINT['wall']}██{_PLAIN}" if colour else "██"
    for agent in scene.agents:
        column, row = (min(int(v / scene.side * _CELLS), _CELLS - 1) for v in (agent.x, agent.y))
        mark, paint = _agent_mark(agent)
        marks[row, column] = f"{_PAINT[paint]}{mark}{_PLAIN}" if colour else mark
    edge = "─" * (2 * _CELLS)
    rows = [f"│{''.join(row)}│" for row in marks[::-1]]
    return "\n".join([status_line(scene), f"┌{edge}┐", *rows, f"└{edge}┘"])
