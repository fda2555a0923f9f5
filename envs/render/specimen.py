"""A picture of everything that can be drawn, for the colors of a recording."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from envs.render.scene import DoorShape, Kind, ObjectShape, Scene, Team

_HALF: dict[Kind, tuple[float, float]] = {
    "cube": (0.6, 0.6),
    "plank": (1.0, 0.2),
    "ramp": (0.4, 0.4),
}


def specimen(scene: Scene) -> Scene:
    """The scene with every kind of object in every state, doors and a shelter put into it."""
    locks: tuple[Team | None, ...] = (None, "seeker", "hider")
    objects = []
    for k, ((kind, half), lock) in enumerate(product(_HALF.items(), locks)):
        x, y = 1.6 + 2.4 * (k % 3), 2.0 + 2.4 * (k // 3)
        rect = (x - half[0], y - half[1], x + half[0], y + half[1])
        ways = ((1, 0),) if kind == "ramp" and lock is None else ()
        objects.append(ObjectShape(kind, rect, lock, None, ways))
    doors = (DoorShape((9.0, 2.0, 9.2, 3.0), True), DoorShape((9.0, 5.0, 9.2, 6.0), False))
    # The right half of the arena is shut off: bare floor and lit floor both look otherwise there.
    axis = np.arange(0.0, scene.side, 0.25)
    shelter = np.stack(np.meshgrid(axis[axis > scene.side / 2], axis), axis=-1).reshape(-1, 2)
    return replace(scene, objects=tuple(objects), doors=doors, shelter=shelter, sealed=True)
