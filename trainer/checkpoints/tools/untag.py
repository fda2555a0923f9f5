"""untag: take the names and notes of checkpoints away again."""

from __future__ import annotations

import argparse

from trainer.checkpoints.tools import screen

HELP = "take the names and notes of checkpoints away again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The checkpoints."""
    parser.add_argument(
        "selectors", nargs="+", metavar="CHECKPOINT", help="a name, an iteration, a path"
    )


def run(args: argparse.Namespace) -> int:
    """Take them away, and print which checkpoints have none any more."""
    manager = screen.manager_of(args)
    changed = [manager.unlabel(selector).name for selector in args.selectors]
    if args.json:
        screen.print_json({"untagged": changed})
    else:
        print(f"untagged: {', '.join(changed)}")
    return screen.EXIT_OK
