"""Pictures and text: what is drawn is what is there."""

from __future__ import annotations

import numpy as np
import pytest

from envs.render import palette
from envs.render.ansi import LEGEND, draw_text
from envs.render.canvas import picture_height
from envs.render.raster import draw_image
from envs.render.scene import Scene, build_scene
from envs.render.visibility import visible_polygon
from envs.render.window import NoDisplayError, Window
from tests.envs import reference
from tests.envs.playing import make_play, place

EAST, NORTH, WEST = 0, 8, 16
WALL = (6.0, 6.0, 0.1, 2.0)
SIZE = 320


def pixel(frame: np.ndarray, x: float, y: float) -> np.ndarray:
    """The color at a place in meters."""
    margin, bar = 0.02 * SIZE, 0.11 * SIZE
    scale = (SIZE - 2 * margin) / 12.0
    return frame[round(bar + (12.0 - y) * scale), round(margin + x * scale)].astype(int)


def alike(color: np.ndarray, expected: tuple[int, int, int], tolerance: int = 12) -> bool:
    return bool(np.all(np.abs(color - np.array(expected)) <= tolerance))


@pytest.fixture
def scene() -> Scene:
    play = place([WALL], [(2.0, 6.0, EAST)], [(4.0, 6.0, WEST), (9.0, 6.0, EAST)], level="L2")
    return build_scene(play.env)


def test_scene_says_who_is_where_and_seen(scene: Scene) -> None:
    assert [agent.name for agent in scene.agents] == ["seeker_0", "hider_0", "hider_1"]
    assert [agent.seen for agent in scene.agents] == [False, True, False]
    assert scene.links == ((0, 1),)
    assert not scene.preparing
    np.testing.assert_allclose(scene.walls, [(5.9, 4.0, 6.1, 8.0)], atol=1e-6)


def test_frozen_seekers_have_no_cone() -> None:
    play = place([WALL], [(2.0, 6.0, EAST)], [(4.0, 6.0, WEST)], time=0, level="L0")
    scene = build_scene(play.env)
    seeker, hider = scene.agents
    assert scene.preparing
    assert seeker.frozen
    assert len(seeker.cone) == 0
    assert len(hider.cone) > 10
    assert not hider.seen


def test_scene_of_a_world_that_is_not_there() -> None:
    with pytest.raises(IndexError, match="world must be from 0 to 1, got 2"):
        build_scene(make_play(2).env, 2)


def inside(polygon: np.ndarray, x: float, y: float) -> bool:
    """Even-odd rule."""
    ends = np.roll(polygon, -1, axis=0)
    crosses = (polygon[:, 1] > y) != (ends[:, 1] > y)
    rise = np.where(crosses, ends[:, 1] - polygon[:, 1], 1.0)
    at = polygon[:, 0] + (y - polygon[:, 1]) * (ends[:, 0] - polygon[:, 0]) / rise
    return bool((crosses & (at > x)).sum() % 2)


@pytest.mark.parametrize("view", [40.0, 135.0, 300.0])
def test_visible_ground_is_what_the_game_calls_visible(view: float) -> None:
    walls = [(6.0, 6.0, 0.1, 2.0), (3.0, 8.0, 1.0, 0.5), (8.5, 4.0, 0.4, 0.9)]
    corners = np.array([(x - a, y - b, x + a, y + b) for x, y, a, b in walls])
    rng = np.random.default_rng(0)
    wrong = 0
    eyes = [*rng.uniform(0.3, 11.7, (15, 2)), *([x, y] for x, y, _, _ in walls)]  # some are up
    for eye, heading in zip(np.array(eyes), rng.integers(32, size=18), strict=True):
        half, angle = np.radians(view) / 2.0, reference.angle_of(heading)
        polygon = visible_polygon(eye[0], eye[1], angle, half, 7.0, corners, 12.0)
        for spot in rng.uniform(0.0, 12.0, (60, 2)):
            if reference.depth(spot, walls) > reference.RADIUS:
                continue  # it is no ground
            expected = reference.in_cone(eye, heading, spot, view, 7.0)
            expected = expected and reference.line_is_clear(eye, spot, walls)
            wrong += inside(polygon, *spot) != expected
    assert wrong <= 2  # the arc of the range is drawn with straight lines


def test_image_shows_walls_agents_and_lit_ground(scene: Scene) -> None:
    frame = draw_image(scene, SIZE)
    assert frame.shape == (picture_height(SIZE), SIZE, 3)
    assert frame.dtype == np.uint8
    assert alike(pixel(frame, 6.0, 6.0), palette.WALL_TOP)
    assert alike(pixel(frame, 1.85, 6.0), palette.SEEKER, 30)
    assert alike(pixel(frame, 8.85, 6.0), palette.HIDER, 30)
    dark = pixel(frame, 7.5, 5.2)  # behind the wall for the seeker, at the second hider's back
    assert alike(dark, palette.FLOOR)
    lit = pixel(frame, 4.6, 7.5)
    assert lit[0] > dark[0] + 40  # red light in the seeker's cone
    assert pixel(frame, 11.5, 6.5)[2] > dark[2] + 15  # blue light before the second hider
    ring = frame.reshape(-1, 3).astype(int)
    assert np.any(np.abs(ring - np.array(palette.SEEN)).max(axis=1) < 12)


def test_unseen_hiders_have_no_ring() -> None:
    play = place([WALL], [(2.0, 6.0, WEST)], [(4.0, 6.0, WEST)], level="L0")
    pixels = draw_image(build_scene(play.env), SIZE).reshape(-1, 3).astype(int)
    assert not np.any(np.abs(pixels - np.array(palette.SEEN)).max(axis=1) < 12)


def test_time_bar_grows() -> None:
    widths = []
    for time in (0, 40, 60, 80):
        play = place([], [(2.0, 6.0, EAST)], [(4.0, 9.0, WEST)], time=time, level="L0")
        row = draw_image(build_scene(play.env), SIZE)[round(0.745 * 0.11 * SIZE)].astype(int)
        widths.append(int((np.abs(row - palette.TRACK).max(axis=1) > 30).sum()))
    assert widths == sorted(widths)
    assert len(set(widths)) == 4


def test_a_picture_too_small(scene: Scene) -> None:
    with pytest.raises(ValueError, match="at least 64 pixels wide, got 10"):
        draw_image(scene, 10)


def test_text(scene: Scene) -> None:
    lines = draw_text(scene).splitlines()
    assert lines[0] == "step 40/100  seeking"
    assert len(lines) == 27
    assert {len(line) for line in lines[1:]} == {50}
    row = lines[2 + 23 - 12]
    assert row[1 + 2 * 4 : 3 + 2 * 4] == "S→"
    assert row[1 + 2 * 8 : 3 + 2 * 8] == "H!"
    assert row[1 + 2 * 12 : 3 + 2 * 12] == "██"
    assert row[1 + 2 * 18 : 3 + 2 * 18] == "H→"
    assert row[1 + 2 * 6 : 3 + 2 * 6] == "░░"  # between the seeker and the hider it sees
    assert row[1 + 2 * 14 : 3 + 2 * 14] == "  "  # behind the wall, at the hider's back
    assert row[1 + 2 * 22 : 3 + 2 * 22] == " ·"  # before that hider
    assert "\x1b[" not in draw_text(scene)
    assert "\x1b[1;91mS→\x1b[0m" in draw_text(scene, color=True)


def test_views_in_text_are_the_cones_of_the_picture() -> None:
    play = place([WALL], [(2.1, 6.1, EAST)], [(10.1, 10.1, WEST)], level="L0")
    rows = draw_text(build_scene(play.env)).splitlines()[2:-1][::-1]  # the lowest first
    view = np.array(
        [[row[1 + 2 * k : 3 + 2 * k] in ("░░", "S→") for k in range(24)] for row in rows]
    )
    middles = (np.arange(24) + 0.5) / 2.0
    x, y = np.meshgrid(middles - 2.1, middles - 6.1)
    in_cone = np.abs(np.degrees(np.arctan2(y, x))) < 135 / 2
    before_wall = in_cone & (x < 3.0)
    far = np.hypot(x, y) > 0.5
    assert (view == in_cone)[(x < 3.0) & far].mean() > 0.99
    assert before_wall.sum() > 50
    assert not view[11:13, 14:].any()  # in the shadow of the wall


def test_every_sign_is_in_the_legend(scene: Scene) -> None:
    known = set("".join(LEGEND)) | set("→↗↑↖←↙↓↘ ")
    drawn = {char for line in draw_text(scene).splitlines()[2:-1] for char in line[1:-1]}
    assert drawn <= known


def test_text_of_a_blind_seeker_and_of_the_score() -> None:
    play = place([], [(2.0, 6.0, EAST)], [(4.0, 6.0, NORTH)], time=0, level="L0")
    text = draw_text(build_scene(play.env))
    assert "S·" in text
    assert "H↑" in text
    assert "preparation, seekers blind" in text
    play = place([], [(2.0, 6.0, EAST)], [(4.0, 6.0, NORTH)], level="L0")
    play.step(play.noop())
    assert draw_text(build_scene(play.env)).startswith("step 21/80  seeking  seen 100%")


def test_window_shows_the_frame_and_can_be_closed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    import pygame

    frame = draw_image(scene, 96)
    window = Window(96, picture_height(96), "test")
    assert window.show(frame)
    surface = pygame.display.get_surface()
    assert surface is not None
    shown = pygame.surfarray.array3d(surface).swapaxes(0, 1)
    np.testing.assert_array_equal(shown, frame)
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert not window.show(frame)
    assert window.closed
    assert not window.show(frame)
    window.close()


def test_window_without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(NoDisplayError, match="no display to open a window on; use render_mode"):
        Window(96, 96, "test")


def test_window_with_a_broken_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "no-such-driver")
    with pytest.raises(NoDisplayError, match=r"cannot open a window \(.*\); use render_mode"):
        Window(96, 96, "test")
