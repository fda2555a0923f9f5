"""A moment as an image: the scene, and under it who plays, the score and a line for the viewer."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from envs.render import palette
from envs.render.canvas import font, picture_height
from envs.render.palette import Color
from envs.render.raster import draw_image
from trainer.commands.demo.lineup import Lineup
from trainer.commands.demo.stage import Moment

Part = tuple[str, Color]  # a piece of a line and its color

_STRIP = 0.05  # a line's height over the picture's width
_TEXT = 0.026
_MARGIN = 0.022
_NAME = 24  # characters of a player's name that are shown


def frame_height(size: int, lines: int = 1) -> int:
    """The height in pixels of a frame `size` pixels wide with `lines` of text under the scene."""
    return picture_height(size) + lines * round(_STRIP * size)


def draw_frame(
    moment: Moment, lineup: Lineup, size: int, hint: tuple[str, str] | None = None
) -> np.ndarray:
    """Draws a moment, [frame_height(size, lines), size, 3] uint8.

    Args:
        moment: what to draw.
        lineup: whose names stand under it.
        size: the width in pixels.
        hint: texts at the left and the right end of a second line; None draws no such line.
    """
    image = draw_image(moment.scene, size)
    if moment.verdict:
        image = _with_banner(image, moment.verdict, size)
    left: tuple[Part, ...] = (
        (_short(lineup.names["seeker"]), palette.SEEKER),
        ("  against  ", palette.MUTED),
        (_short(lineup.names["hider"]), palette.HIDER),
    )
    strips = [_strip(left, _score(moment), size)]
    if hint is not None:
        strips.append(_strip(((hint[0], palette.MUTED),), ((hint[1], palette.TEXT),), size))
    return np.concatenate([image, *strips])


def _score(moment: Moment) -> tuple[Part, ...]:
    if moment.episodes == 1:
        return ()
    seekers, hiders = moment.wins
    return (
        (f"{seekers}", palette.SEEKER),
        (" : ", palette.MUTED),
        (f"{hiders}", palette.HIDER),
        (f"    episode {moment.number} of {moment.episodes}", palette.TEXT),
    )


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 2]}.."


@lru_cache(maxsize=8)
def _strip(left: tuple[Part, ...], right: tuple[Part, ...], size: int) -> np.ndarray:
    """One line of text on the page's ground, [height, size, 3] uint8."""
    height = round(_STRIP * size)
    image = Image.new("RGB", (size, height), palette.PAGE)
    draw = ImageDraw.Draw(image)
    letters = font(round(_TEXT * size))
    end = size - round(_MARGIN * size)
    width = sum(draw.textlength(text, font=letters) for text, _ in right)
    for parts, start in ((left, size - end), (right, end - width)):
        x: float = start
        for text, color in parts:
            # The middle of the lines is above their optical one: the scene's own margin adds to it.
            draw.text((x, 0.4 * height), text, fill=color, font=letters, anchor="lm")
            x += draw.textlength(text, font=letters)
    return np.asarray(image)


def _with_banner(image: np.ndarray, text: str, size: int) -> np.ndarray:
    """Writes a text in a box over the middle of the scene."""
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas, "RGBA")
    letters = font(round(1.5 * _TEXT * size))
    middle, center = size / 2, picture_height(size) * 0.2
    half_width = draw.textlength(text, font=letters) / 2 + 0.03 * size
    half_height = 0.035 * size
    color = palette.HIDER if text.startswith("hiders") else palette.SEEKER
    draw.rounded_rectangle(
        (middle - half_width, center - half_height, middle + half_width, center + half_height),
        radius=0.015 * size,
        fill=(*palette.PAGE, 225),
        outline=(*color, 255),
        width=max(1, round(0.003 * size)),
    )
    draw.text((middle, center), text, fill=color, font=letters, anchor="mm")
    return np.asarray(canvas)
