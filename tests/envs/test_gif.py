"""GIFs, by reading them back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from envs.render import gif
from envs.render.gif import GifWriter

COLORS = [(255, 0, 0), (0, 0, 255), (20, 30, 40), (250, 250, 250)]


def frame(k: int) -> np.ndarray:
    """A picture with a square that walks to the right."""
    pixels = np.full((30, 40, 3), COLORS[2], np.uint8)
    pixels[5:15, 5 + k : 15 + k] = COLORS[0]
    pixels[20:, :] = COLORS[1]
    pixels[0, k] = COLORS[3]
    return pixels


def write(path: Path, frames: Sequence[np.ndarray], fps: float = 10.0, **kwargs: Any) -> GifWriter:
    writer = GifWriter(path, fps, frames[:2])
    for picture in frames:
        writer.add(picture, **kwargs)
    writer.close()
    return writer


def read(path: Path) -> tuple[list[tuple[np.ndarray, int]], dict[Any, Any]]:
    with Image.open(path) as image:
        frames = [
            (np.asarray(f.convert("RGB")), f.info["duration"])
            for f in ImageSequence.Iterator(image)
        ]
        return frames, image.info


def test_every_frame_comes_back(tmp_path: Path) -> None:
    frames = [frame(k) for k in range(8)]
    writer = write(tmp_path / "a.gif", frames)
    back, info = read(tmp_path / "a.gif")
    assert writer.frames == len(back) == 8
    assert info["loop"] == 0  # for ever
    for (pixels, duration), original in zip(back, frames, strict=True):
        assert np.array_equal(pixels, original)
        assert duration == 100
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]


def test_a_rare_color_is_kept_if_asked_for(tmp_path: Path) -> None:
    """A sample with more colors than a GIF holds, in which one that matters fills two pixels."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 80, (200, 200, 3)).astype(np.uint8)
    rare = (90, 85, 240)
    noise[7, 7:9] = rare
    for exact in ((), (rare,)):
        writer = GifWriter(tmp_path / "a.gif", 10.0, [noise], exact)
        writer.add(noise)
        writer.close()
        ((pixels, _),), _ = read(tmp_path / "a.gif")
        assert (tuple(pixels[7, 7].tolist()) == rare) == bool(exact)
        assert np.abs(pixels.astype(int) - noise).mean() < 12  # the others are as good as can be


def test_a_picture_that_stays_costs_next_to_nothing(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (200, 200, 1))
    still = np.repeat(255 * noise, 3, axis=2).astype(np.uint8)
    write(tmp_path / "one.gif", [still])
    write(tmp_path / "many.gif", [still] * 20)
    one, many = ((tmp_path / f"{name}.gif").stat().st_size for name in ("one", "many"))
    assert (many - one) / 19 < 0.1 * one


def test_the_pace_is_kept_in_hundredths_of_a_second(tmp_path: Path) -> None:
    write(tmp_path / "a.gif", [frame(k % 8) for k in range(24)], fps=12.0)
    durations = [duration for _, duration in read(tmp_path / "a.gif")[0]]
    assert set(durations) == {80, 90}
    assert sum(durations) == 2000


def test_a_frame_can_be_held(tmp_path: Path) -> None:
    writer = GifWriter(tmp_path / "a.gif", 10.0, [frame(0)])
    writer.add(frame(0))
    writer.add(frame(1), hold=1.5)
    writer.close()
    assert [duration for _, duration in read(tmp_path / "a.gif")[0]] == [100, 1600]


def test_it_is_never_faster_than_viewers_play(tmp_path: Path) -> None:
    write(tmp_path / "a.gif", [frame(0), frame(1)], fps=500.0)
    assert [duration for _, duration in read(tmp_path / "a.gif")[0]] == [20, 20]


def test_nothing_has_the_name_before_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_text("older")
    writer = GifWriter(path, 10.0, [frame(0)])
    writer.add(frame(0))
    assert path.read_text() == "older"
    writer.close()
    writer.close()
    assert path.read_bytes().startswith(b"GIF89a")


@pytest.mark.parametrize("end", ["close", "discard"])
def test_without_a_frame_or_given_up_nothing_is_left(tmp_path: Path, end: str) -> None:
    writer = GifWriter(tmp_path / "a.gif", 10.0, [frame(0)])
    if end == "discard":
        writer.add(frame(0))
    getattr(writer, end)()
    assert list(tmp_path.iterdir()) == []


def test_a_sample_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sample"):
        GifWriter(tmp_path / "a.gif", 10.0, [])
    assert list(tmp_path.iterdir()) == []


def test_the_color_that_means_as_before_is_no_color_of_a_picture(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8)
    colorful = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], np.uint8(128)), axis=-1)
    writer = GifWriter(tmp_path / "a.gif", 10.0, [colorful])
    writer.add(colorful)
    writer.add(colorful[::-1])
    assert writer._before is not None
    assert writer._before.max() < gif._AS_BEFORE
    writer.close()
    back = read(tmp_path / "a.gif")[0][1][0].astype(int)
    assert np.abs(back - colorful[::-1]).mean() < 12
