"""Boxes, ramps, doors and shelters in pictures and text: what is drawn is what is there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from envs.hide_and_seek.kernels.constants import HIDERS, SEEKERS
from envs.hide_and_seek.spaces import RAMP_SIZE, RAMPS_AT
from envs.render import palette
from envs.render.ansi import LEGEND, draw_text
from envs.render.palette import Color
from envs.render.raster import draw_image
from envs.render.scene import AgentShape, Scene, build_scene
from tests.envs.playing import Play, Rect, place
from tests.envs.test_render import SIZE, alike, inside, pixel

EAST, NORTH, WEST = 0, 8, 16
# A room from 4 to 8 with one door in its west wall.
ROOM: list[Rect] = [
    (8.0, 6.0, 0.1, 2.1),
    (6.0, 4.0, 2.1, 0.1),
    (6.0, 8.0, 2.1, 0.1),
    (4.0, 4.7, 0.1, 0.8),
    (4.0, 7.3, 0.1, 0.8),
]
DOOR = (4.0, 6.0, 0.1, 0.5)
IN_THE_DOOR = (4.1, 6.0, 0.6, 0.6)
PLANK, RAMP = (9.5, 9.5, 1.0, 0.2), (2.0, 9.0, 0.4, 0.4)


def situation(objects: dict[int, Rect], walls: list[Rect] = ROOM, door: Rect | None = DOOR) -> Play:
    """A seeker in the west of the room that looks north, a hider in it that looks east."""
    play = place(walls, [(2.0, 3.0, NORTH)], [(7.0, 6.0, EAST)], objects=objects, level="L2")
    doors = np.array([[DOOR if door is None else door]], np.float32)
    num_doors = np.array([0 if door is None else 1], np.int32)
    play.env.layouts = play.env.layouts._replace(doors=doors, num_doors=num_doors)
    return play


def near_pixels(frame: np.ndarray, x: float, y: float, half: float) -> np.ndarray:
    """The colors of a square around a place in meters, [P, 3]."""
    reach = np.arange(-half, half, 0.04)
    return np.stack([pixel(frame, x + dx, y + dy) for dx in reach for dy in reach])


def share(frame: np.ndarray, x: float, y: float, half: float, color: Color) -> float:
    """How much of a square around a place in meters has a color."""
    away = np.abs(near_pixels(frame, x, y, half) - np.array(color)).max(axis=1)
    return float((away <= 30).mean())


# ---- the scene


def test_scene_says_what_is_locked_and_held_by_whom() -> None:
    play = situation({0: IN_THE_DOOR, 3: PLANK, 4: RAMP})
    play.env.objects.lock_team[0, [0, 3]] = HIDERS, SEEKERS
    play.env.objects.holding[0, 1] = 4
    cube, plank, ramp = build_scene(play.env).objects
    assert [shape.kind for shape in (cube, plank, ramp)] == ["cube", "plank", "ramp"]
    np.testing.assert_allclose(plank.rect, (8.5, 9.3, 10.5, 9.7), atol=1e-5)
    assert [cube.lock, plank.lock, ramp.lock] == ["hider", "seeker", None]
    assert [cube.holder, plank.holder, ramp.holder] == [None, None, 1]


def test_boxes_cut_off_what_is_seen_and_ramps_do_not() -> None:
    for k, rect in ((0, (2.0, 6.0, 0.6, 0.6)), (4, (2.0, 6.0, 0.4, 0.4))):
        cone = build_scene(situation({k: rect}).env).agents[0].cone
        assert inside(cone, 2.0, 5.0)
        assert inside(cone, 2.0, 8.0) == (k == 4)


@pytest.mark.parametrize("gap", [0.05, 0.15, 0.25])
@pytest.mark.parametrize("way", [(1, 0), (-1, 0), (0, 1), (0, -1)])
def test_a_ramp_leads_up_where_the_game_says_so(gap: float, way: tuple[int, int]) -> None:
    far = 0.4 + 0.3 + gap
    ramp = (2.0, 6.0, 0.4, 0.4)
    wall = (2.0 + way[0] * far, 6.0 + way[1] * far, 0.3, 0.3)
    play = situation({4: ramp}, walls=[wall])
    play.env.world.pos[0, 0] = 0.7, 4.7  # from where the ramp is seen, past the wall
    play.env.world.heading[0, 0] = 4
    play.env.observe(play.out)
    row = play.out["seeker"].obs[0, 0, RAMPS_AT : RAMPS_AT + RAMP_SIZE]
    (shape,) = build_scene(play.env).objects
    assert shape.ways_up == ((way,) if gap < 0.2 else ())
    if row[0]:
        assert bool(row[7]) == bool(shape.ways_up)
    play.env.objects.holding[0, 0] = 4
    assert build_scene(play.env).objects[0].ways_up == ()


def test_a_shelter_is_where_no_seeker_gets_to() -> None:
    scene = build_scene(situation({0: IN_THE_DOOR}).env)
    assert scene.sealed
    assert scene.doors[0].blocked
    x, y = scene.shelter.T
    assert np.all((x > 4.1) & (x < 7.9) & (y > 4.1) & (y < 7.9))
    assert len(scene.shelter) > 100
    np.testing.assert_allclose(scene.doors[0].rect, (3.9, 5.5, 4.1, 6.5), atol=1e-5)

    inside_too = situation({0: IN_THE_DOOR})
    inside_too.env.world.pos[0, 0] = 6.0, 5.0
    scene = build_scene(inside_too.env)
    assert not scene.sealed
    assert np.all((scene.shelter.T[0] < 4.0) | (np.abs(scene.shelter - 6.0).max(axis=1) > 2.0))

    scene = build_scene(situation({0: (6.0, 6.0, 0.6, 0.6)}).env)
    assert not scene.sealed
    assert not scene.doors[0].blocked
    assert len(scene.shelter) == 0


@pytest.mark.parametrize(
    ("x", "y", "sealed"), [(6.0, 3.93, True), (6.0, 4.07, False), (4.02, 6.35, False)]
)
def test_a_seeker_that_is_up_counts_from_the_nearest_ground(
    x: float, y: float, sealed: bool
) -> None:
    play = situation({0: IN_THE_DOOR})
    play.env.world.pos[0, 0] = x, y
    play.env.objects.climb[0, 0] = 3
    scene = build_scene(play.env)
    assert scene.agents[0].up
    assert scene.sealed == sealed
    inside_room = np.abs(scene.shelter - 6.0).max(axis=1) < 2.0
    assert np.all(inside_room == sealed)
    assert len(inside_room) > 100


# ---- the picture


def test_locks_show_the_team_by_color_and_by_letter() -> None:
    letters = {}
    for team, name in ((SEEKERS, "seeker"), (HIDERS, "hider")):
        play = situation({0: (9.5, 9.5, 0.6, 0.6)}, door=None)
        free = draw_image(build_scene(play.env), SIZE)
        assert alike(pixel(free, 9.5, 9.2), palette.CRATE, 40)
        play.env.objects.lock_team[0, 0] = team
        frame = draw_image(build_scene(play.env), SIZE)
        assert share(frame, 9.5, 9.4, 0.5, palette.TEAM[name]) > 0.1
        assert alike(pixel(frame, 10.04, 10.0), palette.TEAM[name], 60)  # the edge
        body = near_pixels(frame, 9.5, 9.35, 0.14) - np.array(palette.TEAM[name])
        letters[name] = np.abs(body).max(axis=1) > 70
        assert 0.1 < letters[name].mean() < 0.9
    assert (letters["seeker"] != letters["hider"]).mean() > 0.2


def test_a_holder_has_an_arm_to_its_object() -> None:
    play = situation({0: (9.5, 9.5, 0.6, 0.6)}, door=None)
    play.env.world.pos[0, 1] = 9.5, 8.2
    free = draw_image(build_scene(play.env), SIZE)
    assert alike(pixel(free, 9.5, 8.68), palette.FLOOR, 20)
    play.env.objects.holding[0, 1] = 0
    frame = draw_image(build_scene(play.env), SIZE)
    assert alike(pixel(frame, 9.5, 8.68), palette.HIDER, 60)


def silhouette(frame: np.ndarray, agent: AgentShape, radius: float) -> float:
    """How much of the ring around an agent's disc is not floor."""
    turns = np.linspace(0.0, 2.0 * np.pi, 120)
    ring = [
        pixel(frame, agent.x + 1.2 * radius * np.cos(a), agent.y + 1.2 * radius * np.sin(a))
        for a in turns
    ]
    return float(np.mean([not alike(color, palette.FLOOR, 25) for color in ring]))


def test_seekers_have_horns_and_who_is_up_is_larger() -> None:
    scene = build_scene(situation({}, walls=[], door=None).env)
    blind = replace(scene, links=(), agents=tuple(_without_cone(a) for a in scene.agents))
    frame = draw_image(blind, 640)[::2, ::2]
    seeker, hider = (silhouette(frame, agent, scene.radius) for agent in blind.agents)
    assert hider < 0.02
    assert seeker > hider + 0.05
    up = replace(blind, agents=tuple(replace(agent, up=True) for agent in blind.agents))
    above = draw_image(up, 640)[::2, ::2]
    assert silhouette(above, up.agents[1], scene.radius) > hider + 0.1
    assert alike(pixel(above, 7.0 - 1.12 * scene.radius, 6.0), palette.EYE, 60)  # its edge
    assert share(above, 7.0, 6.0, 0.5, palette.EYE) > share(frame, 7.0, 6.0, 0.5, palette.EYE)


def _without_cone(agent: AgentShape) -> AgentShape:
    return replace(agent, cone=np.empty((0, 2)), seen=False)


def test_a_shelter_is_hatched_and_told_in_the_status_bar() -> None:
    play = situation({0: IN_THE_DOOR})
    scene = build_scene(play.env)
    frame = draw_image(scene, SIZE)
    openly = draw_image(replace(scene, sealed=False, shelter=np.empty((0, 2))), SIZE)
    bar = frame[: round(0.1 * SIZE)].astype(int)
    assert (np.abs(bar - np.array(palette.SHELTER)).max(axis=-1) < 20).sum() > 100
    rows = [near_pixels(picture, 5.5, 7.0, 0.3)[:, 1] for picture in (frame, openly)]
    assert rows[0].min() > rows[1].max()  # all of it is greener,
    assert rows[0].max() - rows[0].min() > 20  # with stripes
    same = [near_pixels(picture, 10.5, 3.0, 0.4) for picture in (frame, openly)]
    np.testing.assert_array_equal(same[0], same[1])


def test_a_blocked_door_is_taped_up() -> None:
    # In front of the door: the opening itself stays in view.
    play = situation({0: (4.75, 6.0, 0.6, 0.6)})
    scene = build_scene(play.env)
    assert scene.doors[0].blocked
    frame = draw_image(scene, SIZE)
    stripes = [pixel(frame, 4.0, y) for y in np.arange(5.6, 6.4, 0.02)]
    assert any(alike(color, palette.TAPE, 60) for color in stripes)
    assert any(alike(color, palette.TAPE_DARK, 60) for color in stripes)
    freely = draw_image(build_scene(situation({}).env), SIZE)
    for y in (5.5, 6.5):
        assert alike(pixel(freely, 4.0, y), palette.POST, 30)
    assert not alike(pixel(freely, 4.0, 6.0), palette.TAPE, 60)


def test_ramps_rise_in_steps_and_point_to_what_they_lead_up() -> None:
    play = situation({4: (9.0, 6.0, 0.4, 0.4), 5: (9.0, 9.0, 0.4, 0.4)}, door=None)
    scene = build_scene(play.env)
    frame = draw_image(scene, SIZE)
    steps = [pixel(frame, 8.64 + k * 0.1, 9.0).sum() for k in range(4)]
    assert steps == sorted(steps)
    assert steps[0] < steps[3] - 150
    assert scene.objects[0].ways_up == ()
    play = situation({4: (8.6, 6.0, 0.4, 0.4)}, door=None)
    assert build_scene(play.env).objects[0].ways_up == ((-1, 0),)
    frame = draw_image(build_scene(play.env), SIZE)
    dark = [share(frame, x, 6.0, 0.2, palette.PUPIL) for x in (8.4, 8.8)]
    assert dark[0] > dark[1] + 0.1


# ---- text


def cells(scene: Scene) -> list[list[str]]:
    """The marks of the text, by row from below and column."""
    rows = draw_text(scene).splitlines()[2:-1][::-1]
    return [[row[1 + 2 * k : 3 + 2 * k] for k in range(24)] for row in rows]


def test_text_shows_objects_locks_and_holders() -> None:
    play = situation({0: IN_THE_DOOR, 1: PLANK, 4: RAMP, 5: (5.0, 2.0, 0.4, 0.4)})
    play.env.objects.lock_team[0, [0, 4]] = HIDERS, SEEKERS
    play.env.objects.holding[0, 1] = 1
    play.env.objects.climb[0, 0] = 4
    rows = cells(build_scene(play.env))
    assert rows[12][8] == "H#"
    assert rows[11][8] == "><"
    assert rows[11][7] == rows[12][7] == "[]"
    assert rows[19][19] == "H+"
    assert rows[19][17] == "=="
    assert rows[18][4] == "S#"
    assert rows[4][10] == "/\\"
    assert rows[6][4] == "S^"
    assert rows[9][9] == "::"
    assert draw_text(build_scene(play.env)).startswith("step 40/100  seeking  SEALED\n")


def test_every_sign_of_objects_is_in_the_legend() -> None:
    play = situation({0: IN_THE_DOOR, 1: PLANK, 4: RAMP})
    play.env.objects.lock_team[0, 0] = HIDERS
    play.env.objects.holding[0, 1] = 1
    known = set("".join(LEGEND)) | set("→↗↑↖←↙↓↘ ")
    assert {char for row in cells(build_scene(play.env)) for mark in row for char in mark} <= known
