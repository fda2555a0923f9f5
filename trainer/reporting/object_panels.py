"""The row of the figure that levels with boxes and ramps add: what is done with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from trainer.reporting.figure_panel import NEUTRAL, Panel
from trainer.reporting.formatting import percent
from trainer.reporting.metrics import STAGES, TEAM_COLORS

_SEEKER, _HIDER = TEAM_COLORS["seeker"], TEAM_COLORS["hider"]
_LATER = "#3B8E5A"  # what the hiders do after the preparation


def has_objects(columns: Iterable[str]) -> bool:
    """Whether a history is of levels with objects."""
    return not STAGES.keys().isdisjoint(columns)


def object_panels(axes: Sequence[Any], has_ramps: bool) -> list[Panel]:
    """Three panels: shelters, boxes, and ramps or, at levels without any, locks."""
    shelters = {
        "door_blocked": ("blocked doors", NEUTRAL),
        "sealed": ("sealed games", _HIDER),
        "sealed_at_end": ("at the end", _LATER),
    }
    boxes = {
        "hider_box_prep": ("hiders in preparation", _HIDER),
        "hider_box_main": ("later", _LATER),
        "seeker_box_main": ("seekers", _SEEKER),
    }
    locks = {
        "hider_locks_prep": ("hiders in preparation", _HIDER),
        "hider_locks_main": ("later", _LATER),
        "seeker_locks_main": ("seekers", _SEEKER),
    }
    ramps = {
        "seeker_crossings": ("seekers cross", _SEEKER),
        "hider_crossings": ("hiders cross", _HIDER),
        "hider_ramp_prep": ("m moved", NEUTRAL),
    }
    last, title = (ramps, "Ramps") if has_ramps else (locks, "Locks")
    return [
        Panel(axes[0], "Shelters", shelters, text=percent, floor=0.0, show_steps=False),
        Panel(axes[1], "Meters that boxes were moved", boxes, floor=0.0, show_steps=False),
        Panel(axes[2], title, last, floor=0.0, show_steps=False),
    ]
