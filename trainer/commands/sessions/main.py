"""Records of sampled episodes, which training writes with tracking.sessions.every: list them, look
at one, count over them. Needs no Ray."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from trainer import project
from trainer.commands.command_parser import CommandParser, add_debug
from trainer.commands.run_command import run_command

PROGRAM = "python -m trainer.sessions"
EXIT_CODES = "exit codes: 0 done, 1 error, 2 usage, 3 no session records"
EPILOG = f"""\
WHERE is the folder of all sessions (default: tracking.sessions.uri of config.yaml, else
./sessions), one session in it, the folder of one worker, or a record; also as s3:// or gs:// URL.

examples:
  python main.py --set tracking.sessions.every=10
  {PROGRAM} list
  {PROGRAM} list sessions/ray_training_20261122_130524
  {PROGRAM} show                             the newest record, drawn at its end
  {PROGRAM} show sessions/ray_training_20261122_130524/worker_0 --gif episode.gif
  {PROGRAM} stats --bucket 50 --per-worker
  {PROGRAM} stats s3://bucket/sessions --each --csv > episodes.csv

pandas reads the output as it is:
  pandas.read_csv("episodes.csv")            of --csv
  pandas.read_json("episodes.json")          of --json

{EXIT_CODES}"""
HELP = {
    "list": "the sessions; of one session, its records, newest first",
    "show": "one episode: its numbers, a picture, a GIF",
    "stats": "means over records, by iteration and worker",
}


def main(argv: Sequence[str] | None = None) -> int:
    """The program: runs one command and returns the exit code."""
    return run_command(_run, argv, needs_output=True)


def parse_args(argv: Sequence[str]) -> argparse.Namespace:
    """The parsed command line; `where` is never empty."""
    parser = CommandParser(
        prog=PROGRAM,
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    project.add_version(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    subs = {
        name: commands.add_parser(name, help=text, description=text, epilog=EXIT_CODES)
        for name, text in HELP.items()
    }
    for sub in subs.values():
        sub.add_argument("where", nargs="?", metavar="WHERE", help="folder, session, URL or record")
    _add_list(subs["list"])
    _add_show(subs["show"])
    _add_stats(subs["stats"])
    for sub in subs.values():
        add_debug(sub)
    args = parser.parse_args(argv)
    if args.command is None:
        parser.error(f"give a command: {', '.join(HELP)}; or --help")
    args.where = args.where or project.configured_sessions()
    return args


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit", type=_at_least_one, default=20, metavar="N", help="records shown (20)"
    )
    _add_formats(parser)


def _add_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--step", type=int, metavar="N", help="draw the moment after N steps")
    parser.add_argument("--gif", metavar="FILE.gif", help="draw the whole episode into a file")
    parser.add_argument("--yes", action="store_true", help="let --gif replace an existing file")
    parser.add_argument("--json", action="store_true", help="print the record as JSON")


def _add_stats(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bucket", type=_at_least_one, metavar="N", help="iterations of a row (a tenth of them)"
    )
    parser.add_argument("--per-worker", action="store_true", help="a row for each worker")
    parser.add_argument("--each", action="store_true", help="a row for each record, no means")
    _add_formats(parser)


def _add_formats(parser: argparse.ArgumentParser) -> None:
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="a JSON list of rows")
    formats.add_argument("--csv", action="store_true", help="comma-separated values")


def _at_least_one(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= 10**9:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, not {text}")
    return value


def _run(argv: Sequence[str]) -> int:
    args = parse_args(argv)
    # Here and not above: what reads records imports pydantic and numpy.
    if args.command == "list":
        from trainer.commands.sessions.list_sessions import run_list

        return run_list(args)
    if args.command == "show":
        from trainer.commands.sessions.show import run_show

        return run_show(args)
    from trainer.commands.sessions.stats import run_stats

    return run_stats(args)
