"""Meters to pixels: the size of a picture and where things lie in it."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageFont

from envs.render.palette import Color

OVERSAMPLE = 2  # pictures are drawn larger and scaled down, so that edges are smooth
_BAR = 0.11  # the status bar's height over the picture's width
_MARGIN = 0.02


class Canvas:
    """Pixels for meters: a drawing surface at the oversampled size."""

    def __init__(self, size: int, side: float) -> None:
        """For a picture `size` pixels wide of an arena with sides of `side` meters."""
        self.width = size * OVERSAMPLE
        self.height = picture_height(size) * OVERSAMPLE
        self.margin = round(_MARGIN * self.width)
        self.bar = round(_BAR * self.width)
        self.scale = (self.width - 2 * self.margin) / side
        self.side = side

    def point(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a place; y points down in an image."""
        return self.margin + x * self.scale, self.bar + (self.side - y) * self.scale

    def box(self, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        """A rectangle in meters as (left, top, right, bottom) pixels."""
        left, bottom = self.point(x0, y0)
        right, top = self.point(x1, y1)
        return left, top, right, bottom

    def length(self, meters: float) -> int:
        """A line width in pixels, at least 1."""
        return max(1, round(meters * self.scale))


def picture_height(size: int) -> int:
    """The height in pixels of a picture `size` pixels wide."""
    return size + round((_BAR - _MARGIN) * size)


@lru_cache(maxsize=8)
def font(pixels: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """The font of all texts, at a size."""
    return ImageFont.load_default(pixels)


def tint(image: Image.Image, color: Color, mask: Image.Image) -> None:
    """Lays a color over an image as far as a mask "L" of its size says."""
    box = mask.getbbox()  # a mask's zeros take as long as the rest of it
    if box is not None:
        image.paste(color, box, mask.crop(box))
