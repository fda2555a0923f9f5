"""Frames -> a looping GIF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

_SAMPLES = 5  # frames from which the colours are chosen


def save_gif(frames: Sequence[np.ndarray], path: Path | str, fps: float = 15.0) -> None:
    """Write frames [H, W, 3] uint8 as a looping GIF.

    Raises:
        ValueError: there is no frame, or fps is not above 0.
    """
    if not len(frames):
        raise ValueError("there is no frame to write")
    if not fps > 0.0:
        raise ValueError(f"fps must be above 0, got {fps}")
    images = [Image.fromarray(frame) for frame in frames]
    # One palette for all frames: with one each, the floor would flicker.
    picks = np.linspace(0, len(frames) - 1, _SAMPLES).astype(int)
    sample = Image.fromarray(np.concatenate([frames[k] for k in picks]))
    colours = sample.quantize(256, dither=Image.Dither.NONE)
    indexed = [image.quantize(palette=colours, dither=Image.Dither.NONE) for image in images]
    indexed[0].save(
        path,
        save_all=True,
        append_images=indexed[1:],
        duration=round(1000.0 / fps),
        loop=0,
    )
