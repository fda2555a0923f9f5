"""A scene as an image: Pillow at a multiple of the size, scaled down, so that edges are smooth."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from envs.render import palette
from envs.render.canvas import OVERSAMPLE, Canvas, font, tint
from envs.render.palette import Color
from envs.render.pieces import (
    draw_boxes,
    draw_holds,
    draw_locks,
    draw_posts,
    draw_ramps,
    draw_shelter,
    draw_sills,
    draw_tapes,
    draw_ways_up,
)
from envs.render.scene import AgentShape, Scene

DEFAULT_SIZE = 640  # pixels, the picture's width
_CONE_ALPHA = {"seeker": 125, "hider": 70}  # of 255, at the viewer's feet
_CONE_FADE = 0.62  # how much of that is lost at the far end


@lru_cache(maxsize=4)
def _background(size: int, side: float, walls: tuple[tuple[float, ...], ...]) -> Image.Image:
    """Returns page, floor, grid and walls: they stay the same for a whole episode."""
    canvas = Canvas(size, side)
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


def _draw_walls(image: Image.Image, canvas: Canvas, scene: Scene) -> None:
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


def _draw_cones(image: Image.Image, canvas: Canvas, scene: Scene) -> None:
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
        tint(image, palette.TEAM[team], lit)


def _draw_links(image: Image.Image, canvas: Canvas, scene: Scene) -> None:
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
    draw: ImageDraw.ImageDraw, canvas: Canvas, x: float, y: float, r: float, fill: Color
) -> None:
    draw.ellipse(canvas.box(x - r, y - r, x + r, y + r), fill=fill)


def _draw_eyes(draw: ImageDraw.ImageDraw, canvas: Canvas, agent: AgentShape, r: float) -> None:
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


def _draw_agent(image: Image.Image, canvas: Canvas, agent: AgentShape, r: float) -> None:
    """Draws one agent: body, eyes, a seeker's horns, a ring when seen, larger when it is up."""
    draw = ImageDraw.Draw(image)
    body = palette.FROZEN if agent.frozen else palette.TEAM[agent.team]
    red, green, blue = body
    edge = (int(red * 0.62), int(green * 0.62), int(blue * 0.62))
    drop = 0.05
    if agent.up:
        r, drop = 1.2 * r, 0.24
    if agent.seen:
        ring = r * 1.55
        box = canvas.box(agent.x - ring, agent.y - ring, agent.x + ring, agent.y + ring)
        draw.ellipse(box, outline=palette.SEEN, width=canvas.length(0.07))
    _disc(draw, canvas, agent.x, agent.y - drop, r, palette.SHADOW)
    if agent.team == "seeker":
        _draw_horns(draw, canvas, agent, r, body)
    _disc(draw, canvas, agent.x, agent.y, r, palette.EYE if agent.up else edge)
    _disc(draw, canvas, agent.x, agent.y, r * 0.86, body)
    _draw_eyes(draw, canvas, agent, r)
    if agent.up:
        _draw_up(draw, canvas, agent, r)


def _draw_horns(
    draw: ImageDraw.ImageDraw, canvas: Canvas, agent: AgentShape, r: float, color: Color
) -> None:
    """Draws the two horns that tell a seeker from a hider without its color."""
    for side in (-1.0, 1.0):
        for wide, high, fill in ((0.44, 1.72, palette.PUPIL), (0.32, 1.55, color)):
            turns = ((1.05 - wide, 0.8), (1.05, high), (1.05 + wide, 0.8))
            points = []
            for turn, far in turns:
                angle = agent.angle + side * turn
                x, y = agent.x + far * r * np.cos(angle), agent.y + far * r * np.sin(angle)
                points.append(canvas.point(x, y))
            draw.polygon(points, fill=fill)


def _draw_up(draw: ImageDraw.ImageDraw, canvas: Canvas, agent: AgentShape, r: float) -> None:
    """Draws two chevrons upwards beside the agent."""
    x, y = agent.x + 1.35 * r, agent.y + 0.9 * r
    for width, color in ((0.15, palette.PUPIL), (0.07, palette.EYE)):
        for k in (0, 1):
            foot = y + 0.16 * k
            ends = [(x - 0.13, foot), (x, foot + 0.13), (x + 0.13, foot)]
            draw.line([canvas.point(*p) for p in ends], color, canvas.length(width), joint="curve")


def _draw_status(image: Image.Image, canvas: Canvas, scene: Scene) -> None:
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
    if scene.sealed:
        _badge(
            draw,
            canvas,
            "SEALED",
            start + draw.textlength(note + "   " * bool(note), small),
            text_y,
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


def _badge(draw: ImageDraw.ImageDraw, canvas: Canvas, text: str, left: float, y: float) -> None:
    """Writes a word in a box that begins at `left`, around the height y, in pixels."""
    letters = font(round(0.19 * canvas.bar))
    pad, half = round(0.1 * canvas.bar), round(0.16 * canvas.bar)
    width = draw.textlength(text, font=letters)
    box = (left, y - half, left + width + 2 * pad, y + half)
    draw.rounded_rectangle(box, half // 2, fill=palette.SHELTER)
    draw.text((left + pad, y), text, fill=palette.PAGE, font=letters, anchor="lm", stroke_width=1)


def draw_image(scene: Scene, size: int = DEFAULT_SIZE) -> np.ndarray:
    """The scene as pixels, [picture_height(size), size, 3] uint8.

    Raises:
        ValueError: size is below 64.
    """
    if size < 64:
        raise ValueError(f"a picture must be at least 64 pixels wide, got {size}")
    canvas = Canvas(size, scene.side)
    image = _background(size, scene.side, scene.walls).copy()
    draw_shelter(image, canvas, scene)
    draw_sills(image, canvas, scene)
    _draw_cones(image, canvas, scene)
    draw_ramps(image, canvas, scene)
    _draw_walls(image, canvas, scene)
    draw_posts(image, canvas, scene)
    draw_ways_up(image, canvas, scene)
    draw_boxes(image, canvas, scene)
    draw_tapes(image, canvas, scene)
    _draw_links(image, canvas, scene)
    draw_locks(image, canvas, scene)
    draw_holds(image, canvas, scene)
    # Hiders above seekers, and whoever is up above all.
    for agent in sorted(scene.agents, key=lambda shape: (shape.up, shape.team == "hider")):
        _draw_agent(image, canvas, agent, scene.radius)
    _draw_status(image, canvas, scene)
    return np.asarray(image.reduce(OVERSAMPLE))
