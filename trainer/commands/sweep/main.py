"""Train the same configuration with several values and seeds, and compare what came out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.commands.command_parser import CommandParser, add_debug, add_overrides
from trainer.commands.run_command import run_command
from trainer.errors import EXIT_ERROR
from trainer.project import add_version, profiles

if TYPE_CHECKING:
    from trainer.commands.sweep.manifest import Run, Sweep
    from trainer.commands.sweep.plan import Plan
    from trainer.commands.sweep.results import Measure

PROGRAM = "python -m trainer.sweep"
EPILOG = """\
examples:
  python -m trainer.sweep L1 --set ppo.lr=0.0003,0.001 --set train.seed=0,1,2
  python -m trainer.sweep --iterations 100 --set 'ppo.hiddens=[64,64],[128,128]' --jobs 2
  python -m trainer.sweep --samples 20 --set ppo.lr=log:1e-4:3e-3 --set ppo.gamma=0.98,0.99

Values are YAML; a comma outside of brackets and quotes separates two of them. KEY=log:LOW:HIGH and
KEY=uniform:LOW:HIGH are ranges that --samples draws from. Each sample is trained with every seed
that is given. Every combination is checked before anything starts.

Each run is an ordinary one, in a folder of its own below DIR with its checkpoints and its log. The
same command again continues: finished runs are kept, one that was cut short is resumed from its
latest checkpoint, a failed one is tried again. More values in the same DIR are added. Ctrl-C lets
every run save a checkpoint and stops; a second Ctrl-C kills them.

exit codes: 0 all finished, 1 a run has failed, 2 usage or configuration, 130, 143 or 129 stopped by
Ctrl-C, SIGTERM or a closed terminal; a second Ctrl-C leaves at once with 1"""


def main(argv: Sequence[str] | None = None) -> int:
    """The program: sweeps as the command line says and returns the exit code."""
    return run_command(_run, argv)


def build_parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=PROGRAM,
        trains=True,
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "config",
        nargs="?",
        help="what the runs share: a file, or a profile that comes with the project: "
        f"{', '.join(profiles())} (default: config.yaml)",
    )
    add_overrides(parser, "the values of a key, one run for each", "KEY=VALUE,VALUE,...")
    parser.add_argument(
        "--jobs",
        type=_positive,
        default=1,
        metavar="N",
        help="runs at a time, sharing the cores (1)",
    )
    parser.add_argument(
        "--samples", type=_positive, metavar="K", help="K random combinations instead of all"
    )
    parser.add_argument(
        "--sample-seed", type=int, default=0, metavar="N", help="which random ones (%(default)s)"
    )
    parser.add_argument(
        "--iterations", type=_positive, metavar="N", help="iterations of each run, all of it"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder of the sweep (./sweeps/, named by file and values)"
    )
    parser.add_argument(
        "--measure",
        default="evaluation/score",
        metavar="KEY",
        help="what settings are compared by, a metric of the history; KEY:min for the lowest first "
        "(%(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="show the runs, and start none")
    parser.add_argument("--json", action="store_true", help="the result for programs, on stdout")
    add_debug(parser)
    add_version(parser)
    return parser


def _run(argv: Sequence[str]) -> int:
    from trainer.commands.sweep.axes import check_spaces, parse_axes

    if not {"-h", "--help"} & {*argv}:
        check_spaces(argv)
    args = build_parser().parse_args(argv)
    from trainer.commands.sweep.known_measures import check_measure
    from trainer.commands.sweep.manifest import check_writable, read_sweep, writing
    from trainer.commands.sweep.plan import plan_sweep, read_base
    from trainer.commands.sweep.results import Measure

    base = read_base(args.config, args.iterations)
    plan = plan_sweep(base, parse_axes(args.overrides), args.samples, args.sample_seed)
    measure = Measure.parse(args.measure)
    check_measure(measure.key)
    folder = plan.default_folder() if args.out is None else Path(args.out).expanduser()
    if args.dry_run:
        sweep = read_sweep(folder, base)
        check_writable(folder)
        return _show_plan(sweep, _asked(sweep, plan, args.jobs), as_json=args.json)
    with writing(folder, base) as sweep:
        asked = _asked(sweep, plan, args.jobs)
        sweep.save()
        return _carry_out(sweep, asked, measure, args, _again(argv))


def _asked(sweep: Sweep, plan: Plan, jobs: int) -> list[Run]:
    from trainer.commands.sweep.names import varied

    asked = sweep.add(plan.runs, varied(plan.axes), jobs)
    sweep.settle()
    return [sweep.runs[run.name] for run in asked]


def _carry_out(
    sweep: Sweep, asked: Sequence[Run], measure: Measure, args: argparse.Namespace, again: str
) -> int:
    """Runs what is asked for and reports; returns the exit code."""
    from trainer.commands.sweep import report
    from trainer.commands.sweep.manifest import FAILED, FINISHED
    from trainer.commands.sweep.progress import make_progress
    from trainer.commands.sweep.runner import Runner
    from trainer.reporting.formatting import plural
    from trainer.run.stop_signals import StopSignals
    from trainer.shown_commands import shown_path

    out = sys.stderr if args.json else sys.stdout
    kept = sum(run.state == FINISHED for run in asked)
    told = f"{plural(len(asked), 'run')} in {shown_path(sweep.folder)}, {args.jobs} at a time"
    print(told + f"; {kept} finished already" * (kept > 0), file=out, flush=True)
    progress = make_progress(out, args.jobs, measure.key)
    runner = Runner(sweep, asked, args.jobs, measure.key, progress)
    try:
        with StopSignals(progress.note_stop, runner.kill) as stop:
            stop.resume_command = again
            runner.run(stop)
    finally:
        progress.close()
    document = report.write(sweep, measure)
    if args.json:
        from trainer.commands.checkpoint_tools.json_output import print_json

        print_json(document)
    else:
        report.show(sweep, measure, again)
    if stop.requested:
        return stop.exit_code
    failed = any(sweep.runs[run.name].state == FAILED for run in asked)
    return EXIT_ERROR if failed else 0


def _show_plan(sweep: Sweep, asked: Sequence[Run], *, as_json: bool) -> int:
    from trainer.commands.sweep.plan import overrides
    from trainer.commands.tables import print_table
    from trainer.reporting.formatting import plural
    from trainer.shown_commands import shown_path

    if as_json:
        from dataclasses import asdict

        from trainer.commands.checkpoint_tools.json_output import print_json

        print_json({"folder": str(sweep.folder), "runs": [asdict(run) for run in asked]})
        return 0
    rows = [
        (run.name, run.state, run.iterations, run.threads, " ".join(overrides(run.values)))
        for run in asked
    ]
    heads = ("Run", "State", "Iterations", "Threads", "Values")
    print_table(heads, rows, numbers=heads[2:4], wraps=True)
    print(f"{plural(len(asked), 'run')} in {shown_path(sweep.folder)}; nothing was started")
    return 0


def _again(argv: Sequence[str]) -> str:
    """The command that was typed."""
    from trainer.shown_commands import module_command

    return module_command("trainer.sweep", argv)


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number above 0")
    return number
