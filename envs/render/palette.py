"""The colors of the picture, red, green, blue. Each meaning has a shape or a letter as well."""

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

POST: Color = (176, 190, 214)
SILL: Color = (44, 55, 76)
CRATE: Color = (206, 164, 108)
CRATE_DARK: Color = (134, 98, 56)
CRATE_EDGE: Color = (92, 66, 38)
STEPS: tuple[Color, ...] = ((96, 80, 164), (132, 116, 200), (170, 156, 228), (212, 204, 250))
SHELTER: Color = (92, 226, 168)
TAPE: Color = (250, 214, 70)
TAPE_DARK: Color = (26, 24, 22)

SEEKER: Color = (255, 99, 92)
HIDER: Color = (64, 196, 235)
FROZEN: Color = (126, 98, 106)
SEEN: Color = (255, 205, 86)
EYE: Color = (250, 252, 255)
PUPIL: Color = (18, 22, 32)

TEAM = {"seeker": SEEKER, "hider": HIDER}

# What a recording must not blend with others: small things that mean something.
EXACT: tuple[Color, ...] = (
    *(SEEKER, HIDER, FROZEN, SEEN, EYE, PUPIL),
    *(CRATE, CRATE_DARK, CRATE_EDGE, *STEPS, POST, TAPE, TAPE_DARK, SHELTER),
)
