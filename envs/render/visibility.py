"""The area a viewer sees: its cone, cut off by walls and border."""

from __future__ import annotations

import numpy as np

_BESIDE = 1e-4  # radians; rays just left and right of a corner find what lies behind it
_ARC_STEP = np.radians(2.0)


def cast(
    x: float, y: float, angles: np.ndarray, reach: float, corners: np.ndarray, side: float
) -> np.ndarray:
    """The distance to the nearest wall or border along each angle, at most `reach`.

    Args:
        x, y: the viewer, meters.
        angles: [K] radians.
        reach: meters.
        corners: [W, 4] walls as x0, y0, x1, y1.
        side: of the arena, meters.

    Returns:
        [K] meters.
    """
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    directions = np.where(np.abs(directions) < 1e-12, 1e-12, directions)
    eye = np.array([x, y])
    border = np.where(directions > 0.0, side - eye, -eye) / directions
    reached = np.minimum(border.min(axis=-1), reach)
    if len(corners):
        low = (corners[None, :, :2] - eye) / directions[:, None]
        high = (corners[None, :, 2:] - eye) / directions[:, None]
        enter = np.minimum(low, high).max(axis=-1)
        leave = np.maximum(low, high).min(axis=-1)
        hits = np.where((enter <= leave) & (enter > 0.0), enter, np.inf)  # no obstacle it is up on
        reached = np.minimum(reached, hits.min(axis=-1))
    return reached


def visible_polygon(
    x: float,
    y: float,
    angle: float,
    half_angle: float,
    reach: float,
    corners: np.ndarray,
    side: float,
) -> np.ndarray:
    """The outline of what a viewer sees, [P, 2] meters, the viewer first.

    Args:
        x, y: the viewer, meters. angle: where it looks, radians.
        half_angle: half the cone's opening, radians.
        reach: how far it sees, meters.
        corners: [W, 4] walls as x0, y0, x1, y1. side: of the arena, meters.
    """
    of_walls = [corners[:, ends] for ends in ([0, 1], [0, 3], [2, 1], [2, 3])]
    points = np.concatenate([*of_walls, [[0, 0], [0, side], [side, 0], [side, side]]])
    towards = np.arctan2(points[:, 1] - y, points[:, 0] - x) - angle
    towards = (towards + np.pi) % (2.0 * np.pi) - np.pi
    towards = np.concatenate([towards - _BESIDE, towards, towards + _BESIDE])
    steps = int(np.ceil(2.0 * half_angle / _ARC_STEP)) + 1
    arc = np.linspace(-half_angle, half_angle, steps)
    relative = np.sort(np.concatenate([arc, towards[np.abs(towards) < half_angle]]))
    reached = cast(x, y, angle + relative, reach, corners, side)
    outline = np.stack(
        [x + reached * np.cos(angle + relative), y + reached * np.sin(angle + relative)], axis=-1
    )
    return np.concatenate([[[x, y]], outline])
