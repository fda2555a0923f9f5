"""Carrying out `demo_model.py`: find the checkpoint, then let its policies play."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from trainer.checkpoints import selectors
from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.commands.compilation import COMPILING, compilation_told, compiling_so_far
from trainer.commands.demo.checkpoint_choice import ask
from trainer.commands.demo.render_mode import render_mode
from trainer.commands.imports import large_imports
from trainer.commands.players.names import Words, check_teams, check_words, need_checkpoint
from trainer.commands.players.shelf import Shelf, home_of
from trainer.commands.target_file import check_target
from trainer.errors import UsageError
from trainer.project import SHIPPED
from trainer.reporting.progress_line import Progress
from trainer.reporting.terminal import Style, can_ask


def run_demo(args: argparse.Namespace) -> int:
    """Does what the command line (see `demo.main.build_parser`) asks; returns the exit code."""
    with Progress(sys.stderr) as progress:
        return _run(args, progress)


def _run(args: argparse.Namespace, progress: Progress) -> int:
    target = None
    if args.record:
        target = check_target("--record", args.record, (".gif",), overwrite=args.yes)
    if args.json and (target is not None or args.render not in (None, "none")):
        raise UsageError("--json shows no picture: give no --record, and no --render but none")
    mode = "none" if args.json else render_mode(args.render)
    style = Style.of(sys.stdout)
    words = {"seeker": args.seeker, "hider": args.hider}
    check_teams(words)
    found = _shipped(words) if args.shipped else _found(args, words, style)
    if found is None:
        print("left")
        return 0
    shelf, checkpoint, how = found
    progress.show("loading ...", at_once=True)
    # Here and not above: torch takes a second to import, and a mistake is told without it.
    with large_imports():
        import trainer.cluster.environment  # noqa: F401 - first: torch reads it at import
        from trainer.commands.demo.lineup import make_lineup
        from trainer.commands.demo.session import Session
        from trainer.commands.players.game import describe

    lineup = make_lineup(
        shelf,
        checkpoint,
        words,
        overrides=args.overrides,
        explore=args.explore,
        seed=args.seed,
    )
    progress.clear()
    if not args.json:
        if checkpoint is not None:
            print(f"checkpoint  {shelf.address(checkpoint)}{how}")
        print(f"game        {describe(lineup.config)}", flush=True)
    if mode == "rgb_array" and target is None:
        print("rgb_array draws without showing: add --record FILE.gif to see it", file=sys.stderr)
    session = Session(lineup, args.episodes, args.fps, progress, as_json=args.json)
    with compilation_told(partial(_show_compiling, progress, as_json=args.json)):
        return session.run(mode, explicit=args.render is not None, target=target, style=style)


def _shipped(words: Words) -> tuple[Shelf, Path, str]:
    """As `_found`, for `--shipped`; other players are looked for among the user's own."""
    shipped = Shelf(str(SHIPPED))
    others = {team: word for team, word in words.items() if word is not None}
    shelf = Shelf(None) if need_checkpoint(others) else shipped
    return shelf, shipped.find("latest"), " (comes with the project)"


def _found(
    args: argparse.Namespace, words: Words, style: Style
) -> tuple[Shelf, Path | None, str] | None:
    """Where the players are looked for, the checkpoint and how it came to be chosen.

    The checkpoint is None if the players need none; all is None if the user leaves.
    """
    shelf = Shelf(args.checkpoint_dir)
    if args.checkpoint is None:
        if not need_checkpoint(words):
            return shelf, None, ""
        check_words(words, shelf)
    chosen = choose(shelf, args.checkpoint, style, may_ask=can_ask() and not args.json)
    if chosen is None:
        return None
    checkpoint, how = chosen
    if args.checkpoint_dir is None and checkpoint.parent != shelf.directory:
        # The other players are looked for beside the first.
        shelf = Shelf(home_of(args.checkpoint, checkpoint))
    return shelf, checkpoint, how


def _show_compiling(progress: Progress, kernels: int, *, as_json: bool) -> None:
    progress.show(compiling_so_far(kernels), at_once=True)
    if kernels == 1 and not (as_json or sys.stderr.isatty()):
        print(f"{COMPILING}: up to a minute ...", file=sys.stderr, flush=True)


def choose(
    shelf: Shelf, selector: str | None, style: Style, *, may_ask: bool
) -> tuple[Path, str] | None:
    """A verified checkpoint and a remark on how it came to be chosen; None: the user leaves."""
    if selector is not None:
        return shelf.find(selector), ""
    if shelf.listing.latest is None:
        nothing = selectors.none_found(shelf.shown, shelf.directory)
        raise NoUsableCheckpoint(
            f"{nothing}\nor watch the policies that come with the project: "
            "python demo_model.py --shipped"
        )
    if may_ask:
        path = ask(shelf, style)
        return None if path is None else (path, "")
    return shelf.find("latest"), " (the latest; --checkpoint names another)"
