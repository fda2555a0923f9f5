"""The colors of the picture, red, green, blue."""

from __future__ import annotations

Color = tuple[int, int, int]

PAGE: Color = (13, 17, 25)
FLOOR: Color = (24, 31, 43)
GRID: Color = (30, 38, 52)
WALL: Color = (92, 106, 132)
WALL_TOP: Color = (122, 138, 168)
SHADOW: Color = (10, 13, 19)
TEXT: Color = (226, 232, 242)
MUTED: Color = (128, 140, 162)
TRACK: Color = (36, 45, 61)

SEEKER: Color = (255, 99, 92)
HIDER: Color = (64, 196, 235)
FROZEN: Color = (126, 98, 106)
SEEN: Color = (255, 205, 86)
EYE: Color = (250, 252, 255)
PUPIL: Color = (18, 22, 32)

TEAM = {"seeker": SEEKER, "hider": HIDER}
