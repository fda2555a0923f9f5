"""Continue training from a checkpoint: show what would be resumed, ask, then train."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from trainer.commands.command_parser import CommandParser
from trainer.commands.confirmation import confirmed
from trainer.commands.run_command import run_command
from trainer.commands.train.arguments import add_run_arguments
from trainer.errors import EXIT_USAGE, UsageError

EPILOG = """\
examples:
  python continue_training.py                                    the newest checkpoint
  python continue_training.py ./checkpoints/checkpoint_000050
  python continue_training.py best --iterations 100 --yes

A selector is latest, best, final, an iteration number, a path, or a name given by
`python -m trainer.checkpoints tag`. Without a terminal, --yes is needed.

exit codes: 0 done (or declined), 1 error, 2 usage or configuration, 3 no usable checkpoint, 130
saved after Ctrl-C, 143 saved after SIGTERM, 129 saved after SIGHUP (a closed terminal); a second
Ctrl-C leaves at once with 1"""


def main(argv: Sequence[str] | None = None) -> int:
    """The program: continues a training as the command line says and returns the exit code."""
    return run_command(_run, argv)


def build_parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        trains=True,
        usage="%(prog)s [options] [checkpoint]",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "checkpoint", nargs="?", default="latest", help="a selector (default: latest)"
    )
    add_run_arguments(parser, asks=True)
    return parser


def _run(argv: Sequence[str]) -> int:
    args = build_parser().parse_args(argv)
    from trainer.commands.train.plan import plan_run
    from trainer.commands.train.resume_report import show_resume
    from trainer.commands.train.run import run
    from trainer.commands.train.start import Start
    from trainer.commands.train.start_warnings import warnings

    plan = plan_run(args, Start(resume=args.checkpoint, source=""))
    for warning in warnings(plan, args, asks=True):
        print(f"warning: {warning}", file=sys.stderr)
    if not show_resume(plan, args, in_full=True):
        return EXIT_USAGE
    if not args.yes:
        if not sys.stdin.isatty():
            raise UsageError("no terminal to ask on; add --yes to continue")
        if not confirmed("Continue training?"):
            print("nothing was changed")
            return 0
    return run(plan, quiet=args.quiet)
