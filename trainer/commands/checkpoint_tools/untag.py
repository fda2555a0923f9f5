"""untag: remove the names and notes of checkpoints."""

from __future__ import annotations

import argparse

from trainer.checkpoints import labels, layout
from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.checkpoint_tools.open_manager import SELECTORS, changing, open_manager

HELP = "remove the names and notes of checkpoints"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the checkpoints."""
    parser.add_argument("selectors", nargs="+", metavar="CHECKPOINT", help=SELECTORS)


def run(args: argparse.Namespace) -> int:
    """Removes them and prints which checkpoints had one and which had none."""
    manager = open_manager(args.checkpoint_dir)
    changed: list[str] = []
    unnamed: list[str] = []
    for selector in args.selectors:
        iteration = layout.iteration_of(manager.find(selector).name)
        named = iteration in labels.LABELS.read(manager.directory)
        with changing(manager.shown):
            (changed if named else unnamed).append(manager.unlabel(selector).name)
    if args.json:
        print_json({"untagged": changed})
        return 0
    if changed:
        print(f"untagged: {', '.join(changed)}")
    pinned = manager.pinned()
    for name in unnamed:
        print(f"{name} has no name")
    for name in (*changed, *unnamed):
        if layout.iteration_of(name) in pinned:
            print(f"{name} stays pinned; `unpin` takes that away")
    return 0
