"""An animated GIF written frame by frame, so that its length costs no memory."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import GifImagePlugin, Image

_COLOURS = 255  # the 256th entry stands for "as before"
_AS_BEFORE = 255
_NO_DISPOSAL = 1
MAX_FPS = 50.0  # viewers play anything faster at 10 frames per second
_LOOP_FOREVER = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
_TRAILER = b"\x3b"


def _choose_colors(pixels: np.ndarray, exact: Sequence[tuple[int, int, int]]) -> Image.Image:
    """An image whose palette has the exact colors, and the best others for pixels [H, W, 3]."""
    kept = [part for color in exact for part in color]
    chosen = Image.fromarray(pixels).quantize(_COLOURS - len(exact), dither=Image.Dither.NONE)
    table = Image.new("P", (1, 1))
    table.putpalette(kept + (chosen.getpalette() or []))
    return table


class GifWriter:
    """Writes to a hidden file beside `path`, which gets its name when it is complete.

    Attributes:
        path: where the GIF will be.
        frames: how many were added.
    """

    def __init__(
        self,
        path: Path,
        fps: float,
        sample: Sequence[np.ndarray],
        exact: Sequence[tuple[int, int, int]] = (),
    ) -> None:
        """Begins a GIF.

        Args:
            path: its name; an existing file is replaced.
            fps: frames per second, at most `MAX_FPS`.
            sample: frames [H, W, 3] uint8 that have all the colors of those to come.
            exact: colors that are kept as they are, however little of them the sample shows.

        Raises:
            OSError: the file cannot be written.
            ValueError: there is no sample.
        """
        if not sample:
            raise ValueError("a GIF needs a sample of its frames to choose its colors from")
        self.path = path
        self.frames = 0
        self._delay = 1000.0 / min(fps, MAX_FPS)  # ms
        self._clock = 0.0
        self._colors = _choose_colors(np.concatenate(list(sample)), exact)
        self._before: np.ndarray | None = None
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._file: BinaryIO | None = self._part.open("wb")
        height, width = sample[0].shape[:2]
        self._file.write(self._header(width, height))

    def add(self, frame: np.ndarray, hold: float = 0.0) -> None:
        """Appends a frame [H, W, 3] uint8, shown `hold` seconds longer than the others."""
        assert self._file is not None, "the GIF is closed"
        image = Image.fromarray(frame).quantize(palette=self._colors, dither=Image.Dither.NONE)
        now = np.asarray(image)
        # What did not change is left out: a few bytes instead of a whole picture.
        shown = now if self._before is None else np.where(now == self._before, _AS_BEFORE, now)
        self._before = now
        delta = Image.fromarray(shown.astype(np.uint8), "L")
        blocks = GifImagePlugin.getdata(
            delta,
            duration=self._next_delay(hold),
            transparency=_AS_BEFORE,
            disposal=_NO_DISPOSAL,
        )
        # In one piece: Ctrl-C must not leave half a frame.
        self._file.write(b"".join(blocks))
        self.frames += 1

    def close(self) -> None:
        """Complete the file, or leave none if it has no frame; a second call does nothing."""
        if self._file is None:
            return
        self._file.write(_TRAILER)
        self._file.close()
        self._file = None
        if self.frames:
            self._part.replace(self.path)
        else:
            self._part.unlink()

    def discard(self) -> None:
        """Gives up: leaves nothing behind, and what was at `path` before as it was."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # what is still buffered may not fit either
                self._file.close()
            self._file = None
            self._part.unlink(missing_ok=True)

    def _next_delay(self, hold: float) -> int:
        """The frame's duration in ms, rounded to 1/100 s such that the errors do not add up."""
        start = round(self._clock / 10.0)
        self._clock += self._delay + 1000.0 * hold
        return 10 * (round(self._clock / 10.0) - start)

    def _header(self, width: int, height: int) -> bytes:
        """The header: signature, size, the colors of all frames, endless loop."""
        table = bytes(self._colors.getpalette() or []).ljust(3 * 256, b"\0")
        # 0xF7: a table of 256 colors of 8 bits follows.
        return b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + table + _LOOP_FOREVER
