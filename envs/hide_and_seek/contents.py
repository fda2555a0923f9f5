"""What the worlds of a game can hold, all its levels together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from envs.hide_and_seek.levels import LEVELS

_OF_BOXES = ("hider_box_prep", "hider_box_main", "seeker_box_main")
_OF_RAMPS = ("hider_ramp_prep", "hider_ramp_main", "seeker_ramp_main")
_OF_LOCKS = ("hider_locks_prep", "hider_locks_main", "seeker_locks_main")
_OF_CROSSINGS = ("hider_crossings", "seeker_crossings")
_OF_SHELTERS = ("sealed", "sealed_at_end")


@dataclass(frozen=True)
class Contents:
    """The most of everything.

    Attributes:
        boxes, ramps: of a world.
        planks: whether a box can be one.
        ramps_lock: whether a ramp can be locked.
        doors: whether there are any.
    """

    boxes: int
    ramps: int
    planks: bool
    ramps_lock: bool
    doors: bool

    @classmethod
    def of(
        cls, levels: Sequence[str], num_boxes: int | None = None, num_ramps: int | None = None
    ) -> Contents:
        """The contents of levels, by name; the numbers are the settings of the game."""
        each = [LEVELS[name] for name in levels]
        boxes = max(level.boxes[1] for level in each) if num_boxes is None else num_boxes
        ramps = [level.num_ramps if num_ramps is None else num_ramps for level in each]
        return cls(
            boxes=boxes,
            ramps=max(ramps),
            planks=boxes > 0 and any(level.planks[1] > 0 for level in each),
            ramps_lock=any(
                level.ramps_lock and count > 0 for level, count in zip(each, ramps, strict=True)
            ),
            doors=any(level.has_doors for level in each),
        )

    @property
    def objects(self) -> bool:
        """Whether there are boxes or ramps."""
        return self.boxes + self.ramps > 0

    @property
    def stages(self) -> tuple[str, ...]:
        """The statistics of `STAGES` that can be other than 0."""
        parts = (
            (_OF_BOXES, self.boxes > 0),
            (_OF_RAMPS, self.ramps > 0),
            (_OF_LOCKS, self.boxes > 0 or self.ramps_lock),
            (_OF_CROSSINGS, self.ramps > 0),
            (("door_blocked",), self.boxes > 0 and self.doors),
            (_OF_SHELTERS, self.boxes > 0),
        )
        return tuple(name for names, there in parts if there for name in names)
