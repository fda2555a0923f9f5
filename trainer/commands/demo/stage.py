"""Plays episodes moment by moment, for a screen to show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from envs.render.scene import Scene, build_scene
from trainer.commands.demo.lineup import Lineup
from trainer.commands.demo.results import hiders_win, verdict
from trainer.ppo.matches import BLOCK, MatchBlock

HOLD_FRAMES = 14  # for which the end of an episode is shown


@dataclass(frozen=True)
class Moment:
    """The state of an episode after a step, for drawing.

    Attributes:
        scene: the world.
        number: of the episode, from 1.
        episodes: how many there will be.
        wins: (seekers', hiders') of the episodes that are over, this one included at its end.
        verdict: who won, at the end of an episode; else empty.
    """

    scene: Scene
    number: int
    episodes: int
    wins: tuple[int, int]
    verdict: str = ""

    @property
    def frames(self) -> int:
        """For how many frames it is shown."""
        return HOLD_FRAMES if self.verdict else 1


class Wish(Enum):
    """What the viewer wants next."""

    CONTINUE = auto()
    NEXT = auto()  # the next episode
    LEAVE = auto()


class Screen:
    """Where moments are shown."""

    def show(self, moment: Moment) -> Wish:
        """Shows a moment for as long as it is due."""
        raise NotImplementedError

    def print_line(self, line: str) -> None:
        """Prints a line of text for the user, at the latest when the screen is closed."""
        print(line, flush=True)

    def close(self) -> None:
        """Gives back what the screen took; a second call does nothing."""


class Stage:
    """Plays single episodes of a lineup, the same ones as `trainer.ppo.matches.play_matches`."""

    def __init__(self, lineup: Lineup, episodes: int) -> None:
        self.episodes = episodes
        self._block = MatchBlock(lineup.config, lineup.players, lineup.seed)
        self._block.start(0)
        self._block.step()  # compiles what a step needs, before a screen waits for it
        self._wins = [0, 0]

    def moments(self, episode: int) -> Iterator[Moment]:
        """Plays an episode (from 0) from its start to its end."""
        number, world = divmod(episode, BLOCK)
        self._block.start(number)
        yield self._moment(episode)
        while not self._block.finished[world]:
            self._block.step(slice(world, world + 1))
            yield self._moment(episode)

    def stats(self, episode: int) -> dict[str, float]:
        """The statistics of the episode just played to its end."""
        return {name: float(v[episode % BLOCK]) for name, v in self._block.stats().items()}

    def _moment(self, episode: int) -> Moment:
        world = episode % BLOCK
        words = ""
        if self._block.finished[world]:
            row = self.stats(episode)
            self._wins[int(hiders_win(row["seen_fraction"]))] += 1
            words = verdict(row)
        scene = build_scene(self._block.env, world)
        wins = (self._wins[0], self._wins[1])
        return Moment(scene, episode + 1, self.episodes, wins, words)


def show_episodes(
    stage: Stage,
    screen: Screen,
    also: Callable[[Moment], None],
    on_result: Callable[[int, dict[str, float]], None],
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Plays the stage's episodes on a screen until they are over or the viewer leaves.

    Args:
        stage: what is played.
        screen: where it is shown.
        also: called with every moment before it is shown.
        on_result: called with the number (from 1) and the metrics of each finished episode.
        stopped: asked before each step whether to leave.
    """
    for episode in range(stage.episodes):
        wish = Wish.CONTINUE
        for moment in stage.moments(episode):
            if stopped():
                wish = Wish.LEAVE
                break
            if wish is Wish.NEXT:
                continue  # played out unseen, for it counts all the same
            also(moment)
            wish = screen.show(moment)
            if wish is Wish.LEAVE:
                break
        # A viewer who leaves at the very end has seen the whole episode.
        if moment.verdict:
            on_result(episode + 1, stage.stats(episode))
        if wish is Wish.LEAVE or stopped():
            return
