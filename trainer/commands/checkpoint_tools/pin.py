"""pin and unpin: protect checkpoints from pruning, and take the protection away."""

from __future__ import annotations

import argparse

from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.checkpoint_tools.open_manager import SELECTORS, changing, open_manager

HELP = "keep checkpoints whatever the retention says"
HELP_UNPIN = "take pins away again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the checkpoints."""
    parser.add_argument("selectors", nargs="+", metavar="CHECKPOINT", help=SELECTORS)


def run(args: argparse.Namespace) -> int:
    """Pins or unpins each and prints all that are pinned; returns the exit code."""
    manager = open_manager(args.checkpoint_dir)
    change = manager.pin if args.command == "pin" else manager.unpin
    with changing(manager.shown):
        changed = [change(selector).name for selector in args.selectors]
    pinned = sorted(manager.pinned())
    if args.json:
        print_json({args.command: changed, "pinned": pinned})
    else:
        print(f"{'pinned' if args.command == 'pin' else 'unpinned'}: {', '.join(changed)}")
        print(f"pinned now: {', '.join(map(str, pinned)) or 'none'}")
    return 0
