"""Records the played episodes as GIF files; can be switched on and off."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from envs.render import palette
from envs.render.gif import GifWriter
from envs.render.specimen import specimen
from trainer.commands.demo.lineup import Lineup
from trainer.commands.demo.picture import draw_frame
from trainer.commands.demo.stage import Moment
from trainer.commands.target_file import free_name
from trainer.errors import UsageError

SIZE = 480  # pixels, the width
_HOLD = 1.2  # seconds that the end of an episode stays longer
_SAMPLES = 8  # moments from which the colors are chosen


class Recorder:
    """Writes the moments passed to `add` while it is on.

    Attributes:
        saved: (path, frames) of each finished file.
        failed: why the last file was given up; empty if none was.
    """

    def __init__(self, lineup: Lineup, fps: float, preview: Callable[[], Iterable[Moment]]) -> None:
        """`preview` plays an episode whose pictures have the colors of nearly all others."""
        self.saved: list[tuple[Path, int]] = []
        self.failed = ""
        self._lineup = lineup
        self._fps = fps
        self._preview = preview
        self._sample: list[np.ndarray] = []
        self._writer: GifWriter | None = None

    @property
    def on(self) -> bool:
        """Whether it writes."""
        return self._writer is not None

    def start(self, path: Path) -> None:
        """Begins a file. UsageError if it cannot be written."""
        if not self._sample:
            moments = list(self._preview())
            picks = np.linspace(0, len(moments) - 1, _SAMPLES).astype(int)
            self._sample = [self._draw(moments[k]) for k in picks]
            if moments[0].scene.objects:  # a lock or a shelter may first come up later
                rare = replace(moments[-1], scene=specimen(moments[-1].scene))
                self._sample.append(self._draw(rare))
        try:
            self._writer = GifWriter(path, self._fps, self._sample, palette.EXACT)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}") from None

    def stop(self) -> None:
        """Complete the file, if one is being written."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        try:
            writer.close()
        except OSError as error:
            self._give_up(writer, error)
            return
        if writer.frames:
            self.saved.append((writer.path, writer.frames))

    def toggle(self) -> None:
        """Stops, or starts with a new file in the working directory."""
        if self.on:
            self.stop()
        else:
            names = dict.fromkeys(self._lineup.names.values())
            stem = f"demo_{'_against_'.join(names)}_seed{self._lineup.seed}"
            self.start(free_name(stem))

    def add(self, moment: Moment) -> None:
        """Writes a moment, if it is on."""
        if self._writer is None:
            return
        try:
            self._writer.add(self._draw(moment), _HOLD if moment.verdict else 0.0)
        except OSError as error:
            writer, self._writer = self._writer, None
            self._give_up(writer, error)

    def _give_up(self, writer: GifWriter, error: OSError) -> None:
        """A full disk ends the recording, not the demo."""
        writer.discard()
        self.failed = f"{writer.path} could not be written: {error.strerror}"

    def _draw(self, moment: Moment) -> np.ndarray:
        return draw_frame(moment, self._lineup, SIZE)
