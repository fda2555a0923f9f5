"""Train seekers and hiders: a fresh run, or one that continues from a checkpoint."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from trainer.commands.command_parser import CommandParser
from trainer.commands.run_command import run_command
from trainer.commands.train.arguments import add_run_arguments
from trainer.errors import EXIT_USAGE

EPILOG = """\
examples:
  python main.py                                   a fresh run as config.yaml says
  python main.py --iterations 20 --set env.level=L1
  python main.py --resume latest                   continue from the newest checkpoint
  python main.py ./checkpoints/checkpoint_000050   continue from this one
  python main.py --resume auto --iterations 500    the same command again continues, up to 500
  python main.py --warmstart best --checkpoint-dir ./second
                                                   a new run with the networks of the best one

A selector is latest, best, final, an iteration number, a path, or a name given by
`python -m trainer.checkpoints tag`. Without one, the environment variable RESTORE_CHECKPOINT and
then initialization in the configuration decide. RAY_WORKERS in the environment is
ray.num_env_runners. Ctrl-C, SIGTERM or a closed terminal (SIGHUP, unless under nohup) saves a
checkpoint after the iteration in hand; a second Ctrl-C, not in the same instant, leaves at once.

exit codes: 0 done, 1 error, 2 usage or configuration, 3 no usable checkpoint, 130 saved after
Ctrl-C, 143 saved after SIGTERM, 129 saved after SIGHUP; a second Ctrl-C leaves at once, without a
checkpoint, with 1"""


def main(argv: Sequence[str] | None = None) -> int:
    """The program: trains as the command line says and returns the exit code."""
    return run_command(_run, argv)


def build_parser() -> CommandParser:
    parser = CommandParser(
        trains=True,
        usage="%(prog)s [options] [checkpoint | --fresh | --resume SEL | --warmstart SEL | ...]",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", nargs="?", help="checkpoint to continue from (a selector)")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--fresh", action="store_true", help="new networks, whatever else says so")
    start.add_argument(
        "--resume",
        metavar="SEL",
        help="continue from this checkpoint (a selector); auto: from the newest in the folder of "
        "the run, or start if there is none yet",
    )
    start.add_argument(
        "--continue-run-id",
        metavar="ID",
        help="continue from the last checkpoint of this MLflow run, under the same run",
    )
    start.add_argument(
        "--warmstart",
        metavar="SEL",
        help="a new run that starts with this checkpoint's networks, or with those that come with "
        "the project: shipped",
    )
    add_run_arguments(parser)
    return parser


def _run(argv: Sequence[str]) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    named = (args.resume, args.warmstart, args.continue_run_id)
    others = args.fresh or any(name is not None for name in named)
    if args.checkpoint is not None and others:
        parser.error(
            "a checkpoint, --fresh, --resume, --warmstart and --continue-run-id exclude each other"
        )
    from trainer.commands.train.auto import AlreadyDone
    from trainer.commands.train.plan import plan_run
    from trainer.commands.train.resume_report import show_resume
    from trainer.commands.train.run import run
    from trainer.commands.train.schedule_report import print_new_schedules
    from trainer.commands.train.start import Start
    from trainer.commands.train.start_warnings import warnings

    if args.checkpoint is not None:
        start = Start(resume=args.checkpoint, source="")
    elif args.resume is not None:
        start = Start(resume=args.resume, source="--resume")
    elif args.continue_run_id is not None:
        start = Start(mlflow_run_id=args.continue_run_id)
    elif args.warmstart is not None:
        start = Start(warmstart=args.warmstart, source="--warmstart")
    else:
        start = Start(fresh=args.fresh)
    try:
        plan = plan_run(args, start)
    except AlreadyDone as done:
        print(done)
        return 0
    if plan.note:
        print(plan.note)
    for warning in warnings(plan, args, asks=False):
        print(f"warning: {warning}", file=sys.stderr)
    if plan.restore_path is None:
        print_new_schedules(plan)
    elif not show_resume(plan, args):
        return EXIT_USAGE
    return run(plan, quiet=args.quiet)
