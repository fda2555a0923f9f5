"""The fixed opponents of an evaluation: the players that tell the policies of a level apart."""

from __future__ import annotations

from envs.hide_and_seek.contents import Contents

RANDOM = "random"
"""Chooses every allowed action equally often: whoever does worse has learned the wrong thing."""


def anchors_of(contents: Contents) -> dict[str, tuple[str, ...]]:
    """The names of the fixed opponents that each team meets in worlds that hold this.

    Measured by how far apart trained and untrained policies are. Between pillars all hiders fare
    alike against the chaser, who knows where they are; where boxes make shelters it tells most. No
    seeker comes near a blocker behind its doors, so that one tells nothing.
    """
    seeker = "ramp_user" if contents.ramps else "chaser" if contents.boxes else "searcher"
    return {"seeker": (RANDOM, "runner"), "hider": (RANDOM, seeker)}
