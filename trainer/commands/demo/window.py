"""Shows moments in a window, at the viewer's pace."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from envs.render.window import Window
from trainer.commands.demo.lineup import Lineup
from trainer.commands.demo.picture import draw_frame, frame_height
from trainer.commands.demo.recording import Recorder
from trainer.commands.demo.stage import Moment, Screen, Wish
from trainer.errors import UsageError

WIDTH = 640  # pixels, at first
_MIN_WIDTH = 200
_LINES = 2  # of text under the scene
_FASTER = 1.5
_SPEEDS = (1.0, 240.0)  # frames per second
_POLL_MS = 10
_HELD_S = 0.4  # a key down for longer repeats
_KEYS = "space pause   right step   n next   + - speed   r record   q leave"


class DemoWindow(Screen):
    """A resizable window; the keys are those of `demo_model.py --help`.

    Attributes:
        fps: moments per second.
        paused: whether it waits for a key.
    """

    def __init__(
        self,
        lineup: Lineup,
        fps: float,
        recorder: Recorder,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Opens the window; `stopped` ends a moment early.

        Raises:
            NoDisplayError: there is no screen for it.
        """
        height = frame_height(WIDTH, _LINES)
        # The game's own window finds out whether there is a display.
        self._display = Window(WIDTH, height, f"hide and seek  |  {_KEYS}")
        import pygame

        self._pygame = pygame
        self._lineup = lineup
        self.fps = fps
        self._recorder = recorder
        self._stopped = stopped
        self.paused = False
        self._note = ""
        self._due = time.monotonic()
        self._moment: Moment | None = None
        self._step = False
        self._step_again = 0.0  # when a held right arrow steps once more
        self._surface = pygame.display.set_mode((WIDTH, height), pygame.RESIZABLE)

    def show(self, moment: Moment) -> Wish:
        """See `Screen.show`."""
        self._moment = moment
        self._step = False
        self._draw()
        self._due = max(self._due + moment.frames / self.fps, time.monotonic())
        while True:
            for event in self._pygame.event.get():
                wish = self._handle(event)
                if wish is not None:
                    return wish
            if self._stopped():
                return Wish.LEAVE
            if self._is_over(time.monotonic()):
                return Wish.CONTINUE
            left_ms = 1000.0 * (self._due - time.monotonic())
            self._pygame.time.wait(_POLL_MS if self.paused else int(min(max(left_ms, 0), _POLL_MS)))

    def close(self) -> None:
        """See `Screen.close`."""
        self._display.close()

    def _is_over(self, now: float) -> bool:
        """Whether the moment has been shown for long enough."""
        held = self._pygame.key.get_pressed()[self._pygame.K_RIGHT]
        if held and now >= self._step_again:
            self._step_again = now + 1.0 / self.fps
            self._step = True
        return self._step or (not self.paused and now >= self._due)

    def _handle(self, event: Any) -> Wish | None:
        """Reacts to an event; a wish ends the moment."""
        pygame = self._pygame
        if event.type == pygame.QUIT:
            return Wish.LEAVE
        if event.type in (pygame.VIDEORESIZE, pygame.VIDEOEXPOSE):
            self._draw()
        if event.type != pygame.KEYDOWN:
            return None
        if event.key in (pygame.K_ESCAPE, pygame.K_q):
            return Wish.LEAVE
        if event.key == pygame.K_n:
            return Wish.NEXT
        if event.key == pygame.K_SPACE:
            self.paused = not self.paused
            self._due = time.monotonic()
        elif event.key == pygame.K_RIGHT:
            self.paused = self._step = True
            self._step_again = time.monotonic() + _HELD_S
        elif event.key in (pygame.K_PLUS, pygame.K_KP_PLUS, pygame.K_EQUALS):
            self.fps = min(self.fps * _FASTER, _SPEEDS[1])
        elif event.key in (pygame.K_MINUS, pygame.K_KP_MINUS):
            self.fps = max(self.fps / _FASTER, _SPEEDS[0])
        elif event.key == pygame.K_r:
            self._toggle_recording()
        self._draw()
        return None

    def _toggle_recording(self) -> None:
        try:
            self._recorder.toggle()
        except UsageError as error:  # a folder that cannot be written is no reason to leave
            print(f"not recording: {error}", file=sys.stderr)

    def _draw(self) -> None:
        """Draws the moment as large as the window allows."""
        if self._moment is None:
            return
        surface = self._surface  # keeps pace with the window's size
        width, height = surface.get_size()
        size = max(_MIN_WIDTH, min(width, int(height * WIDTH / frame_height(WIDTH, _LINES))))
        frame = draw_frame(self._moment, self._lineup, size, (_KEYS, self._state()))
        image = self._pygame.image.frombuffer(frame.tobytes(), frame.shape[1::-1], "RGB")
        surface.fill((0, 0, 0))
        surface.blit(image, ((width - size) // 2, (height - frame.shape[0]) // 2))
        self._pygame.display.flip()

    def _state(self) -> str:
        words = "PAUSED" if self.paused else f"{self.fps:.3g} fps"
        return f"REC  {words}" if self._recorder.on else words
