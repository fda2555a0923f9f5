"""The human window: shows finished frames, keeps the pace, notices when it is closed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")


def has_display() -> bool:
    """Whether a window is worth trying; only Linux says so beforehand."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    return not sys.platform.startswith("linux") or any(map(os.environ.get, names))


class NoDisplayError(RuntimeError):
    """There is no screen to open a window on."""


class Window:
    """A window for frames of one size.

    Attributes:
        closed: True once the user closed it or pressed Escape or Q; `show` then does nothing.
    """

    def __init__(self, width: int, height: int, title: str) -> None:
        """Opens the window.

        Raises:
            NoDisplayError: there is no display.
        """
        self.closed = False
        if not has_display():
            raise NoDisplayError(
                "no display to open a window on; use render_mode 'ansi' or 'rgb_array' instead"
            )
        import pygame  # here, because a second's import should not slow down who never looks

        self._pygame = pygame
        try:
            pygame.display.init()
            self._surface = pygame.display.set_mode((width, height))
        except pygame.error as error:
            raise NoDisplayError(
                f"cannot open a window ({error}); use render_mode 'ansi' or 'rgb_array' instead"
            ) from None
        pygame.display.set_caption(title)
        self._clock = pygame.time.Clock()

    def show(self, frame: np.ndarray, fps: float | None = None) -> bool:
        """Shows a frame [height, width, 3] uint8 and waits until it is due.

        Args:
            frame: the pixels.
            fps: frames per second to keep to; None does not wait.

        Returns:
            False once the window is closed.
        """
        if self.closed:
            return False
        self._handle_events()
        if self.closed:
            return False
        self._pygame.surfarray.blit_array(self._surface, frame.swapaxes(0, 1))
        self._pygame.display.flip()
        if fps is not None:
            self._clock.tick(fps)
        return True

    def close(self) -> None:
        """Takes the window off the screen; a second call does nothing."""
        if not self.closed:
            self.closed = True
            self._pygame.display.quit()

    def _handle_events(self) -> None:
        pygame = self._pygame
        for event in pygame.event.get():
            quits = event.type == pygame.QUIT
            if event.type == pygame.KEYDOWN:
                quits = event.key in (pygame.K_ESCAPE, pygame.K_q)
            if quits:
                self.close()
                return
