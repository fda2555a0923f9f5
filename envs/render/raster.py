"""A scene as an image: Pillow at a multiple of the size, scaled down, so that edges are smooth."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFont

from envs.render import palette
from envs.render.palette import Color
from envs.render.scene import AgentShape, Scene

DEFAULT_SIZE = 640  # pixels, the picture's width
_OVERSAMPLE = 2
_BAR = 0.11  # the status bar's height over the picture's width
_MARGIN = 0.02
_CONE_ALPHA = {"seeker": 125, "hider": 70}  # of 255, at the viewer's feet
_CONE_FADE = 0.62  # how much of that is lost at the far end


class _Canvas:
    """Pixels for meters: a drawing surface at the oversampled size."""

    def __init__(self, size: int, side: float) -> None:
        self.width = size * _OVERSAMPLE
        self.height = picture_height(size) * _OVERSAMPLE
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


@lru_cache(maxsize=4)
def _background(size: int, side: float, walls: tuple[tuple[float, ...], ...]) -> Image.Image:
    """Returns page, floor, grid and walls: they stay the same for a whole episode."""
    canvas = _Canvas(size, side)
    image = Image.new("RGB", (canvas.width, canvas.height), palette.PAGE)
    draw = ImageDraw.Draw(image)
    rim = canvas.length(0.06)
    left, top, right, bottom = canvas.box(0.0, 0.0, side, side)
    draw.rounded_rectangle(
        (left - rim, top - rim, right + rim, bottom + rim), 3 * rim, fill=palette.WALL
    )
    draw.rectangle((left, top, right, bottom), fill=palette.FLOOR)
    for k in range(1, int(side)):
        draw.line([canvas.point(k, 0.0), canvas.point(k, side)], palette.GRID, canvas.length(0.02))
        draw.line([canvas.point(0.0, k), canvas.point(side, k)], palette.GRID, canvas.length(0.02))
    return image


def _draw_walls(image: Image.Image, canvas: _Canvas, scene: Scene) -> None:
    """Draws the walls over the cones, each with a lighter top."""
    draw = ImageDraw.Draw(image)
    boxes = [canvas.box(*wall) for wall in scene.walls]
    drop, inset = canvas.length(0.05), canvas.length(0.045)
    for left, top, right, bottom in boxes:
        draw.rectangle((left, top + drop, right, bottom + drop), fill=palette.SHADOW)
    for box in boxes:
        draw.rectangle(box, fill=palette.WALL)
    for left, top, right, bottom in boxes:
        draw.rectangle(
            (left + inset, top + inset, right - inset, bottom - inset), fill=palette.WALL_TOP
        )


@lru_cache(maxsize=4)
def _glow(pixels: int, alpha: int) -> Image.Image:
    """A square of 2 * pixels: a light of strength `alpha` in its middle, fading outwards."""
    fade = Image.radial_gradient("L").resize((2 * pixels, 2 * pixels))
    return fade.point([round(alpha * (1.0 - _CONE_FADE * v / 255.0)) for v in range(256)])


def _draw_cones(image: Image.Image, canvas: _Canvas, scene: Scene) -> None:
    """Light up what every agent sees; the cones of one team do not add up."""
    reach = round(scene.side * canvas.scale)
    for team in ("hider", "seeker"):
        lit = Image.new("L", image.size, 0)
        for agent in scene.agents:
            if agent.team != team or len(agent.cone) < 3:
                continue
            outline = [canvas.point(*p) for p in agent.cone]
            cone = Image.new("L", image.size, 0)
            ImageDraw.Draw(cone).polygon(outline, fill=255)
            x, y = (round(v) for v in outline[0])
            glow = _glow(reach, _CONE_ALPHA[team])
            light = glow.crop(
                (reach - x, reach - y, reach - x + image.width, reach - y + image.height)
            )
            lit = ImageChops.lighter(lit, ImageChops.multiply(cone, light))
        image.paste(palette.TEAM[team], (0, 0), lit)


def _draw_links(image: Image.Image, canvas: _Canvas, scene: Scene) -> None:
    """Draws a dashed line from each seeker to every hider it sees."""
    draw = ImageDraw.Draw(image)
    for i, j in scene.links:
        start = np.array(canvas.point(scene.agents[i].x, scene.agents[i].y))
        end = np.array(canvas.point(scene.agents[j].x, scene.agents[j].y))
        length = float(np.hypot(*(end - start)))
        dashes = max(1, round(length / canvas.length(0.3)))
        for k in range(dashes):
            near = start + (end - start) * k / dashes
            far = start + (end - start) * (k + 0.55) / dashes
            draw.line([tuple(near), tuple(far)], fill=palette.SEEN, width=canvas.length(0.05))


def _disc(
    draw: ImageDraw.ImageDraw, canvas: _Canvas, x: float, y: float, r: float, fill: Color
) -> None:
    draw.ellipse(canvas.box(x - r, y - r, x + r, y + r), fill=fill)


def _draw_eyes(draw: ImageDraw.ImageDraw, canvas: _Canvas, agent: AgentShape, r: float) -> None:
    """Draws two eyes that look where the agent looks; closed ones when it is blind."""
    ahead = np.array([np.cos(agent.angle), np.sin(agent.angle)])
    left = np.array([-ahead[1], ahead[0]])
    for side in (-1.0, 1.0):
        eye = np.array([agent.x, agent.y]) + r * (0.38 * ahead + 0.42 * side * left)
        if agent.frozen:
            ends = [eye - 0.26 * r * left, eye + 0.26 * r * left]
            draw.line(
                [canvas.point(*p) for p in ends], fill=palette.PUPIL, width=canvas.length(0.05)
            )
            continue
        pupil = eye + 0.12 * r * ahead
        _disc(draw, canvas, eye[0], eye[1], 0.33 * r, palette.EYE)
        _disc(draw, canvas, pupil[0], pupil[1], 0.18 * r, palette.PUPIL)


def _draw_agent(image: Image.Image, canvas: _Canvas, agent: AgentShape, r: float) -> None:
    """Draws one agent: body, eyes, and a ring with a mark when it is seen."""
    draw = ImageDraw.Draw(image)
    body = palette.FROZEN if agent.frozen else palette.TEAM[agent.team]
    red, green, blue = body
    edge = (int(red * 0.62), int(green * 0.62), int(blue * 0.62))
    if agent.seen:
        ring = r * 1.55
        box = canvas.box(agent.x - ring, agent.y - ring, agent.x + ring, agent.y + ring)
        draw.ellipse(box, outline=palette.SEEN, width=canvas.length(0.07))
    _disc(draw, canvas, agent.x, agent.y - 0.05, r, palette.SHADOW)
    _disc(draw, canvas, agent.x, agent.y, r, edge)
    _disc(draw, canvas, agent.x, agent.y, r * 0.86, body)
    _draw_eyes(draw, canvas, agent, r)


def _draw_status(image: Image.Image, canvas: _Canvas, scene: Scene) -> None:
    """Draws the phase, the score and the time bar above the arena."""
    draw = ImageDraw.Draw(image)
    left, right = canvas.margin, canvas.width - canvas.margin
    text_y, bar_y = round(0.26 * canvas.bar), round(0.7 * canvas.bar)
    big, small = font(round(0.26 * canvas.bar)), font(round(0.21 * canvas.bar))
    if scene.preparing:
        phase, color = f"PREPARATION  {scene.prep_steps - scene.time}", palette.HIDER
        note = "the seekers are blind"
    else:
        phase, color = "SEEK", palette.SEEKER
        note = f"seen {scene.seen_fraction:.0%}" if scene.time > scene.prep_steps else ""
    draw.text((left, text_y), phase, fill=color, font=big, anchor="lm")
    start = left + draw.textlength(phase + "   ", font=big)
    spotted = any(agent.seen for agent in scene.agents)
    draw.text(
        (start, text_y),
        note,
        fill=palette.SEEN if spotted else palette.MUTED,
        font=small,
        anchor="lm",
    )
    clock = f"{scene.time} / {scene.episode_steps}"
    draw.text((right, text_y), clock, fill=palette.TEXT, font=small, anchor="rm")
    height = round(0.09 * canvas.bar)
    radius = height // 2

    def bar(share: float, fill: Color) -> None:
        end = left + round((right - left) * share)
        if end > left + height:
            draw.rounded_rectangle((left, bar_y, end, bar_y + height), radius, fill=fill)

    bar(1.0, palette.TRACK)
    bar(scene.time / scene.episode_steps, palette.SEEKER)
    bar(min(scene.time, scene.prep_steps) / scene.episode_steps, palette.HIDER)
    mark = left + round((right - left) * scene.prep_steps / scene.episode_steps)
    draw.rectangle(
        (mark - radius // 2, bar_y - radius, mark + radius // 2, bar_y + height + radius),
        fill=palette.TEXT,
    )


def draw_image(scene: Scene, size: int = DEFAULT_SIZE) -> np.ndarray:
    """The scene as pixels, [picture_height(size), size, 3] uint8.

    Raises:
        ValueError: size is below 64.
    """
    if size < 64:
        raise ValueError(f"a picture must be at least 64 pixels wide, got {size}")
    canvas = _Canvas(size, scene.side)
    image = _background(size, scene.side, scene.walls).copy()
    _draw_cones(image, canvas, scene)
    _draw_walls(image, canvas, scene)
    _draw_links(image, canvas, scene)
    for agent in sorted(scene.agents, key=lambda shape: shape.team, reverse=True):
        _draw_agent(image, canvas, agent, scene.radius)
    _draw_status(image, canvas, scene)
    return np.asarray(image.reduce(_OVERSAMPLE))
