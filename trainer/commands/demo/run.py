"""Carrying out `demo_model.py`: find the checkpoint, then let its policies play."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from trainer.commands.demo.checkpoint_choice import Shelf, ask, home_of
from trainer.commands.demo.record_file import check_target
from trainer.commands.demo.render_mode import render_mode
from trainer.reporting.progress_line import Progress
from trainer.reporting.terminal import Style, can_ask


def run_demo(args: argparse.Namespace) -> int:
    """Do what the command line (see `demo.main.build_parser`) asks; returns the exit code."""
    progress = Progress(sys.stderr)
    try:
        return _run(args, progress)
    finally:
        progress.clear()


def _run(args: argparse.Namespace, progress: Progress) -> int:
    target = check_target(args.record, args.yes) if args.record else None
    mode = render_mode(args.render)
    style = Style.of(sys.stdout)
    shelf = Shelf(args.checkpoint_dir)
    chosen = choose(shelf, args.checkpoint, style)
    if chosen is None:
        print("left")
        return 0
    checkpoint, how = chosen
    if args.checkpoint_dir is None and checkpoint.parent != shelf.directory:
        # The other players are looked for beside the first.
        shelf = Shelf(home_of(args.checkpoint, checkpoint))
    progress.show("loading (a first start compiles the game, some ten seconds) ...", at_once=True)
    # Here and not above: torch takes a second to import, and a mistake is told without it.
    from trainer.commands.demo.lineup import describe, make_lineup
    from trainer.commands.demo.session import Session

    lineup = make_lineup(
        shelf,
        checkpoint,
        {"seeker": args.seeker, "hider": args.hider},
        overrides=args.overrides,
        explore=args.explore,
        seed=args.seed,
    )
    progress.clear()
    print(f"checkpoint  {shelf.address(checkpoint)}{how}")
    print(f"game        {describe(lineup.config)}", flush=True)
    if mode == "rgb_array" and target is None:
        print("rgb_array draws without showing: add --record FILE.gif to see it", file=sys.stderr)
    session = Session(lineup, args.episodes, args.fps, progress)
    return session.run(mode, explicit=args.render is not None, target=target, style=style)


def choose(shelf: Shelf, selector: str | None, style: Style) -> tuple[Path, str] | None:
    """A verified checkpoint and a remark on how it came to be chosen; None: the user leaves."""
    if selector is not None:
        return shelf.find(selector), ""
    if can_ask():
        path = ask(shelf, style)
        return None if path is None else (path, "")
    return shelf.find("latest"), " (the latest; --checkpoint names another)"
