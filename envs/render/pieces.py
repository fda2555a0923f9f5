"""Boxes, ramps, doors and locks as they look from above, and the ground that they shut off."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from envs.render import palette
from envs.render.canvas import Canvas, font, tint
from envs.render.palette import Color
from envs.render.scene import SHELTER_CELLS, AgentShape, ObjectShape, Rect, Scene

_LOCK_SIZE = {"cube": 0.62, "plank": 0.52, "ramp": 0.4}  # width in meters
_LOCK_LETTER = {"seeker": "S", "hider": "H"}


def draw_shelter(image: Image.Image, canvas: Canvas, scene: Scene) -> None:
    """Tints and hatches the floor that no seeker can walk to."""
    if not len(scene.shelter):
        return
    ground = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(ground)
    # A cell stands for all that a disc in it covers; walls are drawn over what is too much.
    around = scene.radius + scene.side / SHELTER_CELLS / 2
    for x, y in scene.shelter.tolist():
        draw.rectangle(canvas.box(x - around, y - around, x + around, y + around), fill=255)
    hatch = _hatch(*image.size, canvas.length(0.4))
    tint(image, palette.SHELTER, ImageChops.multiply(ground, hatch))


@lru_cache(maxsize=4)
def _hatch(width: int, height: int, step: int) -> Image.Image:
    """A faint mask with stronger diagonal lines `step` pixels apart."""
    across = np.add.outer(np.arange(height), np.arange(width)) % step
    return Image.fromarray(np.where(across < max(2, step // 7), 104, 26).astype(np.uint8))


def draw_sills(image: Image.Image, canvas: Canvas, scene: Scene) -> None:
    """Marks the openings on the floor."""
    draw = ImageDraw.Draw(image)
    for door in scene.doors:
        draw.rectangle(canvas.box(*door.rect), fill=palette.SILL)


def draw_posts(image: Image.Image, canvas: Canvas, scene: Scene) -> None:
    """Draws the two posts of each door, a little thicker than its wall."""
    draw = ImageDraw.Draw(image)
    out = 0.04
    for door in scene.doors:
        x0, y0, x1, y1 = door.rect
        if x1 - x0 > y1 - y0:
            posts = [(x - 0.06, y0 - out, x + 0.06, y1 + out) for x in (x0, x1)]
        else:
            posts = [(x0 - out, y - 0.06, x1 + out, y + 0.06) for y in (y0, y1)]
        for post in posts:
            draw.rectangle(canvas.box(*post), fill=palette.POST)


def draw_ramps(image: Image.Image, canvas: Canvas, scene: Scene) -> None:
    """Draws ramps as steps that rise towards the middle, and where they lead up as arrows."""
    draw = ImageDraw.Draw(image)
    for shape in scene.objects:
        if shape.kind != "ramp":
            continue
        x0, y0, x1, y1 = shape.rect
        _shadow(draw, canvas, shape.rect, 0.04)
        for k, color in enumerate(palette.STEPS):
            inset = k * 0.12 * (x1 - x0)
            draw.rectangle(canvas.box(x0 + inset, y0 + inset, x1 - inset, y1 - inset), fill=color)
        _frame(draw, canvas, shape, scene.agents)


def draw_ways_up(image: Image.Image, canvas: Canvas, scene: Scene) -> None:
    """Draws two chevrons on a ramp towards each obstacle that it leads up."""
    draw = ImageDraw.Draw(image)
    for shape in scene.objects:
        x0, y0, x1, y1 = shape.rect
        middle, half = np.array([(x0 + x1) / 2, (y0 + y1) / 2]), (x1 - x0) / 2
        for way in shape.ways_up:
            ahead = np.array(way, float)
            left = np.array([-ahead[1], ahead[0]])
            for width, color in ((0.17, palette.EYE), (0.08, palette.PUPIL)):
                for start in (0.16, 0.52):
                    tip = middle + ahead * half * (start + 0.34)
                    foot = middle + ahead * half * start
                    ends = [foot + 0.44 * half * left, tip, foot - 0.44 * half * left]
                    points = [canvas.point(*end) for end in ends]
                    draw.line(points, color, canvas.length(width), joint="curve")


def draw_boxes(image: Image.Image, canvas: Canvas, scene: Scene) -> None:
    """Draws cubes as crates and planks as boards, framed in the color of who locked or holds."""
    draw = ImageDraw.Draw(image)
    boxes = [shape for shape in scene.objects if shape.kind != "ramp"]
    for shape in boxes:
        _shadow(draw, canvas, shape.rect, 0.07)
    for shape in boxes:
        x0, y0, x1, y1 = shape.rect
        rim = 0.05
        draw.rectangle(canvas.box(*shape.rect), fill=palette.CRATE_EDGE)
        draw.rectangle(canvas.box(x0 + rim, y0 + rim, x1 - rim, y1 - rim), fill=palette.CRATE)
        (_planks if shape.kind == "cube" else _grain)(draw, canvas, shape.rect)
        _frame(draw, canvas, shape, scene.agents)


def _shadow(draw: ImageDraw.ImageDraw, canvas: Canvas, rect: Rect, drop: float) -> None:
    x0, y0, x1, y1 = rect
    draw.rectangle(canvas.box(x0, y0 - drop, x1, y1 - drop), fill=palette.SHADOW)


def _planks(draw: ImageDraw.ImageDraw, canvas: Canvas, rect: Rect) -> None:
    """A crate's lid: a frame with two boards across."""
    x0, y0, x1, y1 = rect
    inset, width = 0.16, canvas.length(0.07)
    corners = x0 + inset, y0 + inset, x1 - inset, y1 - inset
    for ends in ((0, 1, 2, 3), (0, 3, 2, 1)):
        a, b, c, d = (corners[k] for k in ends)
        draw.line([canvas.point(a, b), canvas.point(c, d)], palette.CRATE_DARK, width)
    draw.rectangle(canvas.box(*corners), outline=palette.CRATE_DARK, width=width)


def _grain(draw: ImageDraw.ImageDraw, canvas: Canvas, rect: Rect) -> None:
    """A board: lines along its length."""
    x0, y0, x1, y1 = rect
    for share in (0.36, 0.64):
        if x1 - x0 > y1 - y0:
            y = y0 + share * (y1 - y0)
            line = [canvas.point(x0 + 0.12, y), canvas.point(x1 - 0.12, y)]
        else:
            x = x0 + share * (x1 - x0)
            line = [canvas.point(x, y0 + 0.12), canvas.point(x, y1 - 0.12)]
        draw.line(line, palette.CRATE_DARK, canvas.length(0.03))


def _frame(
    draw: ImageDraw.ImageDraw, canvas: Canvas, shape: ObjectShape, agents: tuple[AgentShape, ...]
) -> None:
    """An edge in a team's color: whole around what it has locked, thin around what it holds."""
    box = canvas.box(*shape.rect)
    if shape.lock is not None:
        width = 0.06 if shape.kind == "ramp" else 0.09
        draw.rectangle(box, outline=palette.CRATE_EDGE, width=canvas.length(width + 0.04))
        draw.rectangle(box, outline=palette.TEAM[shape.lock], width=canvas.length(width))
    elif shape.holder is not None:
        color = palette.TEAM[agents[shape.holder].team]
        draw.rectangle(box, outline=color, width=canvas.length(0.05))


def draw_tapes(image: Image.Image, canvas: Canvas, scene: Scene) -> None:
    """Draws barrier tape across the doors that nobody fits through."""
    draw = ImageDraw.Draw(image)
    for door in scene.doors:
        if door.blocked:
            _tape(draw, canvas, door.rect)


def _tape(draw: ImageDraw.ImageDraw, canvas: Canvas, rect: Rect) -> None:
    """Slanted stripes within a rectangle."""
    x0, y0, x1, y1 = rect
    lying = x1 - x0 > y1 - y0
    middle = (y0 + y1) / 2 if lying else (x0 + x1) / 2
    low, high = (x0, x1) if lying else (y0, y1)
    half, step = 0.08, 0.2

    def place(along: float, across: float) -> tuple[float, float]:
        along = min(max(along, low), high)
        return (
            canvas.point(along, middle + across) if lying else canvas.point(middle + across, along)
        )

    draw.polygon(
        [place(low, -half), place(high, -half), place(high, half), place(low, half)], palette.TAPE
    )
    for start in np.arange(low - step, high, step):
        stripe = [
            place(start, -half),
            place(start + step / 2, -half),
            place(start + step, half),
            place(start + step / 2, half),
        ]
        draw.polygon(stripe, palette.TAPE_DARK)


def draw_holds(image: Image.Image, canvas: Canvas, scene: Scene) -> None:
    """Draws the arm from each holder to its object, with the hand on the object's edge."""
    draw = ImageDraw.Draw(image)
    for shape in scene.objects:
        if shape.holder is None:
            continue
        agent = scene.agents[shape.holder]
        color = palette.TEAM[agent.team]
        x0, y0, x1, y1 = shape.rect
        near = np.array([np.clip(agent.x, x0, x1), np.clip(agent.y, y0, y1)])
        body = np.array([agent.x, agent.y])
        distance = float(np.hypot(*(near - body)))
        ahead = (near - body) / max(distance, 1e-6)
        hand = near + 0.08 * ahead
        for width, fill in ((0.2, palette.PUPIL), (0.12, color)):
            draw.line([canvas.point(*body), canvas.point(*hand)], fill, canvas.length(width))
        for radius, fill in ((0.15, palette.PUPIL), (0.11, color)):
            draw.ellipse(
                canvas.box(hand[0] - radius, hand[1] - radius, hand[0] + radius, hand[1] + radius),
                fill=fill,
            )


def draw_locks(image: Image.Image, canvas: Canvas, scene: Scene) -> None:
    """Draws a padlock with the letter of the team on all that is locked."""
    draw = ImageDraw.Draw(image)
    for shape in scene.objects:
        if shape.lock is not None:
            x0, y0, x1, y1 = shape.rect
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            _padlock(draw, canvas, x, y, _LOCK_SIZE[shape.kind], shape.lock)


def _padlock(
    draw: ImageDraw.ImageDraw, canvas: Canvas, x: float, y: float, size: float, team: str
) -> None:
    """A padlock `size` meters wide around a middle."""
    color: Color = palette.TEAM[team]
    half, top, bottom = size / 2, y + 0.12 * size, y - 0.6 * size
    edge = 0.05
    # The bow: a ring of which the body hides the lower half.
    bow, thick = 0.32 * size, 0.13 * size
    outer = canvas.box(x - bow - edge, top - bow - edge, x + bow + edge, top + bow + edge)
    draw.ellipse(outer, fill=palette.PUPIL)
    ring = canvas.box(x - bow, top - bow, x + bow, top + bow)
    draw.ellipse(ring, outline=palette.EYE, width=canvas.length(thick))
    body = canvas.box(x - half, bottom, x + half, top)
    left, upper, right, lower = body
    rim = canvas.length(edge)
    radius = canvas.length(0.1)
    draw.rounded_rectangle(
        (left - rim, upper - rim, right + rim, lower + rim), radius + rim, fill=palette.PUPIL
    )
    draw.rounded_rectangle(body, radius, fill=color)
    letters = font(canvas.length(0.74 * size))
    # Who does not see red sees the seekers' color as a dark one.
    ink = palette.EYE if team == "seeker" else palette.PUPIL
    draw.text(
        *(canvas.point(x, (top + bottom) / 2), _LOCK_LETTER[team]),
        fill=ink,
        font=letters,
        anchor="mm",
        stroke_width=canvas.length(0.02),
        stroke_fill=ink,
    )
