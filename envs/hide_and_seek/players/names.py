"""The scripted players by name. Imports nothing, for help texts."""

from __future__ import annotations

SEEKERS = {
    "chaser": "walks the shortest way to the nearest hider; knows where all are",
    "searcher": "the same by what it has seen itself; searches where it knows nothing",
    "ramp_user": "carries a ramp to the hiders' shelter and walks over its wall, else chases",
}
HIDERS = {
    "runner": "hides where few places look at; keeps away from seekers it has seen",
    "blocker": "puts boxes before the doors of its room, locks them and stays out of sight",
}
SCRIPTED = {"seeker": SEEKERS, "hider": HIDERS}
"""What each does, by team."""
