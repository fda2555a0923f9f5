"""tag: a name, and a note, for a checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.safe_io.did_you_mean import did_you_mean
from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.checkpoint_tools.open_manager import SELECTORS, changing, open_manager
from trainer.errors import UsageError

HELP = "name a checkpoint: the name selects it, and it is kept whatever the retention says"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the checkpoint, its name and its note."""
    parser.add_argument("selector", metavar="CHECKPOINT", help=SELECTORS)
    parser.add_argument("name", metavar="NAME", help="of letters, digits, '_', '-' and '.'")
    parser.add_argument(
        "--note", metavar="TEXT", help="a line about it, for list_checkpoints.py -d"
    )
    parser.add_argument(
        "--force", action="store_true", help="take the name from the checkpoint that has it"
    )


def run(args: argparse.Namespace) -> int:
    """Names it and prints its former name, if any; returns the exit code."""
    if Path(args.name).exists():
        raise UsageError(f"{args.name!r} cannot be a name: it is a path here already")
    manager = open_manager(args.checkpoint_dir)
    before = {info.name: info.label for info in manager.listing().checkpoints}
    try:
        with changing(manager.shown):
            folder = manager.label(args.selector, args.name, args.note, move=args.force)
    except ValueError as error:
        raise UsageError(str(error)) from None
    after = {info.name: info.label for info in manager.listing().checkpoints}
    if folder.name not in after:
        left = did_you_mean(folder.name, after) if after else ""
        raise NoUsableCheckpoint(f"{folder.name} has been deleted meanwhile{left}")
    label = after[folder.name]
    if args.json:
        note = label.note if label else None
        print_json({"tagged": folder.name, "name": args.name, "note": note})
        return 0
    old = before.get(folder.name)
    was = f" (was {old.name})" if old is not None and old.name != args.name else ""
    print(f"{folder.name} is named {args.name}{was}; it is kept until it is untagged")
    return 0
