"""Tools for checkpoints: `python -m trainer.checkpoints COMMAND --help`.

    list [DIR]             the same as list_checkpoints.py
    verify [WHAT]          read every file and compare it with the manifest
    diff A B               differences in configuration, metadata, metrics and weights
    prune [--dry-run]      delete what is not kept, after showing it
    pin, unpin CHECKPOINT  keep it whatever the retention says
    tag CHECKPOINT NAME    name it, which keeps it too; --note TEXT, untag NAME
    repair [DIR]           index, leftovers of dead processes, damaged folders
    export CHECKPOINT      a policy as a torch.export program or as ONNX

All take `--checkpoint-dir DIR` (a folder or an s3:// or gs:// URL; default: where config.yaml says)
and `--json`. Exit codes: 0 ok, 1 problems found or error, 2 usage, 3 no usable checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from trainer import project
from trainer.checkpoints import open_store
from trainer.commands.checkpoint_tools import (
    diff,
    export,
    list_checkpoints,
    pin,
    prune,
    repair,
    tag,
    untag,
    verify,
)
from trainer.commands.command_parser import CommandParser, add_debug
from trainer.commands.run_command import run_command

PROGRAM = "python -m trainer.checkpoints"
EXIT_CODES = "exit codes: 0 ok, 1 problems found or error, 2 usage, 3 no usable checkpoint"
COMMANDS = {
    "verify": (verify.HELP, verify),
    "diff": (diff.HELP, diff),
    "prune": (prune.HELP, prune),
    "pin": (pin.HELP, pin),
    "unpin": (pin.HELP_UNPIN, pin),
    "tag": (tag.HELP, tag),
    "untag": (untag.HELP, untag),
    "repair": (repair.HELP, repair),
    "export": (export.HELP, export),
}


def main(argv: Sequence[str] | None = None) -> int:
    """The program: runs one command and returns the exit code."""
    return run_command(_run, argv, needs_output=True)


def _run(argv: Sequence[str]) -> int:
    if argv[:1] == ["list"]:
        return list_checkpoints.run(argv[1:], prog=f"{PROGRAM} list")
    args = parse_args(argv)
    return COMMANDS[args.command][1].run(args)


def parse_args(argv: Sequence[str]) -> argparse.Namespace:
    """The parsed command line; `checkpoint_dir` is never empty."""
    parser = CommandParser(
        prog=PROGRAM,
        description="List, verify, compare, thin out, pin, name, repair and export checkpoints.",
        epilog=EXIT_CODES,
    )
    project.add_version(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("list", help=list_checkpoints.HELP, add_help=False)  # see `_run`
    for name, (text, tool) in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text, epilog=EXIT_CODES)
        sub.add_argument(
            "--checkpoint-dir", metavar="DIR", help="folder or URL (what config.yaml says)"
        )
        sub.add_argument("--json", action="store_true", help="machine-readable")
        add_debug(sub)
        tool.add_arguments(sub)
    args = parser.parse_args(argv)
    if args.command is None:
        parser.error(f"give a command: {', '.join(commands.choices)}; or --help")
    folder = getattr(args, "folder", None)
    if folder and args.checkpoint_dir and folder != args.checkpoint_dir:
        both = " and ".join(map(open_store.shown_place, (folder, args.checkpoint_dir)))
        parser.error(f"two directories given: {both}")
    args.checkpoint_dir = folder or args.checkpoint_dir or project.configured_checkpoint_dir()
    if Path(args.checkpoint_dir).expanduser().is_file():
        parser.error(f"{args.checkpoint_dir} is not a directory")
    return args
