"""The colours of the picture, red, green, blue."""

from __future__ import annotations

Colour = tuple[int, int, int]

PAGE: Colour = (13, 17, 25)
FLOOR: Colour = (24, 31, 43)
GRID: Colour = (30, 38, 52)
WALL: Colour = (92, 106, 132)
WALL_TOP: Colour = (122, 138, 168)
SHADOW: Colour = (10, 13, 19)
TEXT: Colour = (226, 232, 242)
MUTED: Colour = (128, 140, 162)
TRACK: Colour = (36, 45, 61)

SEEKER: Colour = (255, 99, 92)
HIDER: Colour = (64, 196, 235)
FROZEN: Colour = (126, 98, 106)
SEEN: Colour = (255, 205, 86)
EYE: Colour = (250, 252, 255)
PUPIL: Colour = (18, 22, 32)

TEAM = {"seeker": SEEKER, "hider": HIDER}
