"""Train seekers and hiders: a fresh run, or one that goes on from a checkpoint."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from trainer.command import run_command
from trainer.run_arguments import add_run_arguments

EPILOG = """\
examples:
  python main.py                                   a fresh run as config.yaml says
  python main.py --iterations 20 --set env.level=L1
  python main.py --resume latest                   go on from the newest checkpoint
  python main.py ./checkpoints/checkpoint_000050   go on from this one

A selector is latest, best, final, an iteration number or a path. Without one, the environment
variable RESTORE_CHECKPOINT and then initialization in the configuration decide. Ctrl-C or SIGTERM
saves a checkpoint after the iteration in hand; a second Ctrl-C leaves at once.

exit codes: 0 done, 1 error, 2 usage or configuration, 3 no usable checkpoint, 130 saved after
Ctrl-C, 143 saved after SIGTERM"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", nargs="?", help="checkpoint to go on from (a selector)")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--fresh", action="store_true", help="new networks, whatever else says so")
    start.add_argument("--resume", metavar="SEL", help="go on from this checkpoint (a selector)")
    add_run_arguments(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.checkpoint is not None and (args.fresh or args.resume is not None):
        parser.error("a checkpoint, --fresh and --resume exclude each other")
    from trainer.run import run
    from trainer.run_plan import plan_run

    selector = args.resume if args.checkpoint is None else args.checkpoint
    source = "CHECKPOINT" if args.checkpoint is not None else "--resume"
    return run(plan_run(args, selector, source, args.fresh), quiet=args.quiet)


if __name__ == "__main__":
    sys.exit(run_command(main, sys.argv[1:]))
