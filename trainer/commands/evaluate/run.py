"""Carrying out `python -m trainer.evaluate A B ...`: load the players, play, report."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.compilation import compilation_told, compiling_so_far
from trainer.commands.imports import large_imports
from trainer.commands.interrupt import Interrupt
from trainer.commands.players.shelf import Shelf
from trainer.commands.target_file import check_target
from trainer.errors import EXIT_INTERRUPTED
from trainer.reporting.formatting import duration
from trainer.reporting.progress_line import Progress
from trainer.reporting.terminal import Style


def run_table(args: argparse.Namespace) -> int:
    """Does what the command line (see `main.table_parser`) asks; returns the exit code."""
    target = None
    if args.out is not None:
        target = check_target("--out", args.out, (".png",), overwrite=args.yes)
    shelf = Shelf(args.checkpoint_dir)
    with Progress(sys.stderr) as progress:
        return _run(args, shelf, target, progress)


def _run(args: argparse.Namespace, shelf: Shelf, target: Path | None, progress: Progress) -> int:
    progress.show("loading ...", at_once=True)
    # Here and not above: torch takes a second to import, and a mistake is told without it.
    with large_imports():
        import trainer.cluster.environment  # noqa: F401 - first: torch reads it at import
        from trainer.commands.evaluate.contestants import contestants_of, game_of
        from trainer.commands.evaluate.report import Report, left_early
        from trainer.evaluation.cross_table import CrossTable, play_pairings

    people = contestants_of(args.players, shelf, explore=args.explore)
    seekers = [person for person in people if "seeker" in person.makers]
    hiders = [person for person in people if "hider" in person.makers]
    table = CrossTable.empty([p.name for p in seekers], [p.name for p in hiders])
    game = game_of(people, args.overrides)
    report = Report(people, table, game, args.games, args.seed, args.explore)
    progress.clear()
    if not args.json:
        print(*report.head(), "", sep="\n", flush=True)
    countdown = Countdown(progress, args.games * len(seekers) * len(hiders))
    with Interrupt() as interrupt, compilation_told(countdown.compiling):
        for pairing, stats in play_pairings(
            game,
            [person.makers["seeker"] for person in seekers],
            [person.makers["hider"] for person in hiders],
            args.games,
            args.seed,
            told=countdown.show,
            stopped=lambda: interrupt.requested,
        ):
            table.add(pairing, stats)
        left = interrupt.requested
    progress.clear()
    if left and not table.cells:
        print("left; no game was played to its end", file=sys.stderr)
        return EXIT_INTERRUPTED
    progress.show("rating ...", at_once=True)
    document = report.as_dict()
    progress.clear()
    if args.json:
        print_json(document)
    else:
        print(*report.lines(Style.of(sys.stdout)), sep="\n")
    if left:
        print(left_early(table, args.games), file=sys.stderr)
    elif target is not None:
        from trainer.commands.evaluate.heat_map import draw_heat_map

        draw_heat_map(report, target)
        print(f"drawn: {args.out}", file=sys.stderr if args.json else sys.stdout)
    return EXIT_INTERRUPTED if left else 0


class Countdown:
    """The progress line while games are played."""

    def __init__(self, progress: Progress, games: int) -> None:
        self._progress = progress
        self._games = games
        self._begun: tuple[float, int] | None = None  # when the first games were done, how many

    def show(self, played: int) -> None:
        """Shows how many games have been played, and about how long the others take."""
        now = time.monotonic()
        if self._begun is None:
            if played:
                self._begun = now, played
            left = ""
        else:
            since, before = self._begun
            rate = (played - before) / max(now - since, 1e-9)
            left = f", {duration((self._games - played) / rate)} left" if rate else ""
        if played:
            self._progress.show(f"played {played:,} of {self._games:,} games{left}")

    def compiling(self, kernels: int) -> None:
        """Says why nothing has been played yet."""
        if self._begun is None:
            self._progress.show(compiling_so_far(kernels), at_once=True)
