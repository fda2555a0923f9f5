"""What a level holds: team sizes, times, arena, boxes and ramps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envs.hide_and_seek.word_hints import did_you_mean


@dataclass(frozen=True)
class Level:
    """The standard values of one level; times in steps.

    Attributes:
        content: in a few words, for menus and tables.
        arena: the level whose kind of arena it has, of the same seed too; "" = its own.
        hiders_inside: whether the hiders start inside the room, if the arena has one; the seekers
            always start outside.
        boxes: how few and how many of them; a number is drawn for each layout.
        planks: how many of the boxes are planks, likewise; the others are cubes.
        box_zone: where boxes start: anywhere, in the room, or there and near a door.
        num_ramps: they start anywhere.
        ramps_lock: whether a ramp can be locked.
        has_doors: whether its walls have doors, so that one can be blocked.
    """

    num_seekers: int
    num_hiders: int
    prep_steps: int
    episode_steps: int
    content: str
    arena: str = ""
    hiders_inside: bool = True
    boxes: tuple[int, int] = (0, 0)
    planks: tuple[int, int] = (0, 0)
    box_zone: Literal["anywhere", "room", "near a door"] = "anywhere"
    num_ramps: int = 0
    ramps_lock: bool = True
    has_doors: bool = True


LEVELS: dict[str, Level] = {
    "L0": Level(1, 1, 20, 80, "pillars", has_doors=False),
    "L1": Level(1, 1, 32, 80, "a room, a door, a box", boxes=(1, 1), box_zone="near a door"),
    "L2": Level(2, 2, 40, 100, "a quadrant, 1-2 doors, 2 boxes", boxes=(2, 2), box_zone="room"),
    "L3": Level(2, 2, 96, 240, "random rooms, 3-4 boxes", boxes=(3, 4), planks=(1, 2)),
    "L4": Level(
        *(2, 2, 96, 240, "random rooms, 3-4 boxes, 2 ramps"),
        arena="L3",
        boxes=(3, 4),
        planks=(1, 2),
        num_ramps=2,
    ),
    # As the quadrant game of Baker et al. 2019, but longer: in its 80 steps no ramp pays.
    "Q": Level(
        *(2, 2, 96, 240, "a quadrant, 1-2 doors, 2 boxes, a ramp"),
        hiders_inside=False,
        boxes=(2, 2),
        box_zone="room",
        num_ramps=1,
        ramps_lock=False,
    ),
}


def check_level(name: str) -> None:
    """Raises ValueError, with the nearest name, if there is no such level."""
    if name not in LEVELS:
        raise ValueError(f"level {name!r} is unknown; {did_you_mean(name, LEVELS)}")
