"""Recordings keep the colors of what comes up after the preview."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from envs.render import palette
from envs.render.raster import draw_image
from envs.render.scene import build_scene
from envs.render.specimen import specimen
from tests.envs.playing import place
from trainer.commands.demo import recording
from trainer.commands.demo.lineup import Lineup
from trainer.commands.demo.recording import Recorder
from trainer.commands.demo.stage import Moment

CUBE = (9.5, 9.5, 0.6, 0.6)


def moment() -> Moment:
    """One of a game with a box, in which nothing is locked or shut."""
    play = place([], [(2.0, 3.0, 8)], [(7.0, 3.0, 0)], objects={0: CUBE}, level="L2")
    return Moment(build_scene(play.env), 1, 1, (0, 0))


def test_a_shelter_that_the_preview_lacks_keeps_its_colors(lineup: Lineup, tmp_path: Path) -> None:
    recorder = Recorder(lineup, 10.0, lambda: [moment()] * 8)
    recorder.start(tmp_path / "a.gif")
    late = replace(moment(), scene=specimen(moment().scene))
    recorder.add(late)
    recorder.stop()
    shown = draw_image(late.scene, recording.SIZE).astype(int)
    with Image.open(tmp_path / "a.gif") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)[: len(shown)]
    away = np.abs(pixels - shown).max(axis=-1)
    right = slice(shown.shape[1] * 5 // 8, None)  # the hatched floor
    assert np.percentile(away[:, right], 95) < 12
    for color in (palette.SHELTER, palette.TAPE, palette.HIDER, palette.SEEKER):
        exact = np.all(shown == np.array(color), axis=-1)
        assert exact.any()
        np.testing.assert_array_equal(pixels[exact], shown[exact])


def test_the_specimen_has_everything_in_it() -> None:
    scene = specimen(moment().scene)
    assert {(shape.kind, shape.lock) for shape in scene.objects} == {
        (kind, lock) for kind in ("cube", "plank", "ramp") for lock in (None, "seeker", "hider")
    }
    assert {door.blocked for door in scene.doors} == {True, False}
    assert scene.sealed
    assert len(scene.shelter)
