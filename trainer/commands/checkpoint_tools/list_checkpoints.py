"""The list of checkpoints: `list_checkpoints.py` and `python -m trainer.checkpoints list`."""

from __future__ import annotations

import argparse
import math
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from trainer.checkpoints import branches, index, layout, open_store, ranking, selectors
from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.errors import CheckpointError, NoUsableCheckpoint
from trainer.checkpoints.index import Listing
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.safe_io import safe_json
from trainer.commands.checkpoint_tools import checkpoint_table, runs
from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.checkpoint_tools.open_manager import open_manager
from trainer.commands.checkpoint_tools.verify import check
from trainer.commands.command_parser import CommandParser, add_debug
from trainer.commands.run_command import run_command
from trainer.errors import EXIT_ERROR, UsageError
from trainer.project import DEFAULT_CHECKPOINT_DIR, add_version, configured_checkpoint_dir
from trainer.reporting.terminal import Style, is_unicode

HELP = "List the checkpoints of a training."


def main(argv: Sequence[str] | None = None) -> int:
    """The program: lists as the command line says and returns the exit code."""
    return run_command(run, argv, needs_output=True)


def run(argv: Sequence[str], prog: str | None = None) -> int:
    """Prints the list that the command line asks for; returns the exit code.

    `prog` is the name of the program in its usage; None: that of the script.
    """
    args = parse_args(argv, prog)
    if args.runs:
        return show_runs(args.directory or ".", as_json=args.json)
    shown = args.directory or configured_checkpoint_dir()
    manager = open_manager(shown)
    directory, shown = manager.directory, manager.shown
    try:
        listing = manager.listing(must_exist=True)
    except FileNotFoundError:
        if args.directory:
            raise selectors.none_found(shown, directory) from None
        report_empty(Listing(()), directory, shown, as_json=args.json)
    except NotADirectoryError:
        other = configured_checkpoint_dir()
        raise UsageError(f"{shown} is not a directory; without one, {other} is listed") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {shown}: {error.strerror}") from None
    if not listing.checkpoints:
        report_empty(listing, directory, shown, as_json=args.json)
    try:
        order = ranking.ordered(listing.checkpoints, args.sort)
        by = ranking.parse_best_by(listing.checkpoints, args.best)
        top = ranking.best(listing.checkpoints, by)
    except ValueError as error:
        raise UsageError(str(error)) from None
    damage = None
    if args.verify:
        damage = {i.iteration: check(manager, manager.directory / i.name).problems for i in order}
    if args.json:
        print_json(as_json(order, manager, top, damage))
    elif args.lineage:
        from trainer.commands.checkpoint_tools import lineage

        print(*lineage.draw(directory, in_unicode=is_unicode(sys.stdout)), sep="\n")
    else:
        aside = branches.set_aside(directory)
        print(
            *checkpoint_table.render(
                listing,
                manager.address(directory),
                detailed=args.detailed,
                style=Style.of(sys.stdout),
                updated=index.updated_at(directory),
                set_aside=aside,
                order=order,
                best_by=by,
                marks={i: "damaged" if found else "ok" for i, found in (damage or {}).items()},
                width=shutil.get_terminal_size().columns,
            ),
            sep="\n",
        )
    report_skipped(listing)
    return report_damage(damage or {})


def parse_args(argv: Sequence[str], prog: str | None = None) -> argparse.Namespace:
    """The parsed command line; `directory` is None where none was given."""
    parser = CommandParser(
        prog=prog,
        description=HELP,
        epilog="exit codes: 0 listed, 1 error or damaged (--verify), 2 usage, "
        "3 no usable checkpoint. More: python -m trainer.checkpoints --help",
    )
    parser.add_argument(
        "dir",
        nargs="?",
        metavar="DIR",
        help=f"a folder or an s3:// or gs:// URL ({DEFAULT_CHECKPOINT_DIR})",
    )
    parser.add_argument("--checkpoint-dir", metavar="DIR", help="the same, as an option")
    parser.add_argument(
        "-d", "--detailed", action="store_true", help="with times, steps, sizes and notes"
    )
    parser.add_argument(
        "--sort",
        metavar="KEY",
        default="iteration",
        help="by a key of the metadata or size_bytes; KEY:desc for the highest first",
    )
    parser.add_argument(
        "--best",
        metavar="METRIC",
        help="mark the best by this number of the metadata; METRIC:min for the lowest "
        "(default: what the run goes by, evaluation.best)",
    )
    parser.add_argument(
        "--verify", action="store_true", help="check every file; exit code 1 if one is damaged"
    )
    parser.add_argument(
        "--runs", action="store_true", help="an overview of the runs in DIR (default: here)"
    )
    parser.add_argument("--lineage", action="store_true", help="a tree of what came from what")
    parser.add_argument("--json", action="store_true", help="machine-readable; unknown is null")
    add_debug(parser)
    add_version(parser)
    args = parser.parse_args(argv)
    if args.dir and args.checkpoint_dir and not _same(args.dir, args.checkpoint_dir):
        both = " and ".join(map(open_store.shown_place, (args.dir, args.checkpoint_dir)))
        parser.error(f"two directories given: {both}")
    args.directory = args.dir or args.checkpoint_dir
    alone = ("detailed", "best", "verify", "lineage")
    if args.runs and (args.sort != "iteration" or any(getattr(args, name) for name in alone)):
        parser.error("--runs is an overview: of the other options it takes --json only")
    return args


def _same(one: str, other: str) -> bool:
    return one == other or (not open_store.is_url(one) and Path(one) == Path(other))


def show_runs(given: str, *, as_json: bool) -> int:
    """Prints the overview of the runs in a folder; returns the exit code."""
    if open_store.is_url(given):
        raise UsageError(
            f"--runs {open_store.shown_place(given)}: only local folders can be searched"
        )
    root = Path(given).expanduser().absolute()
    try:
        found = runs.find_runs(root)
    except FileNotFoundError:
        raise selectors.no_such_directory(given, root) from None
    except NotADirectoryError:
        raise UsageError(f"{given} is not a directory; name the folder that it is in") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {given}: {error.strerror}") from None
    if as_json:
        listed = [run.as_dict() | {"path": str(root / run.path)} for run in found]
        print_json(listed)
    elif found:
        width = shutil.get_terminal_size().columns
        style, now = Style.of(sys.stdout), datetime.now()
        print(*runs.render(found, style, now, width, root.name or given), sep="\n")
    if not found:
        raise NoUsableCheckpoint(
            f"no runs found in {given} or up to {runs.DEPTH} levels below; "
            "start one with: python main.py"
        )
    return 0


def as_json(
    checkpoints: Sequence[CheckpointInfo],
    manager: CheckpointManager,
    best: CheckpointInfo | None,
    damage: Mapping[int, tuple[str, ...]] | None = None,
) -> list[dict[str, Any]]:
    """The checkpoints as a JSON array of their metadata; unknown numbers are null.

    Each has a key "best", and a key "problems" if they were verified.
    """
    entries: list[dict[str, Any]] = []
    for info in checkpoints:
        entry = {
            key: None if isinstance(value, float) and math.isnan(value) else value
            for key, value in manager.as_dict(info).items()
        }
        entry["best"] = info is best
        entry |= {} if damage is None else {"problems": list(damage[info.iteration])}
        entries.append(entry)
    return entries


def report_empty(listing: Listing, directory: Path, shown: str, *, as_json: bool) -> NoReturn:
    """Ends a list that is empty with an error that says what to do."""
    if as_json:
        print("[]")
    report_skipped(listing)
    if (directory / layout.MANIFEST).is_file():
        parent = Path(shown).parent
        hint = f"{shown} is one checkpoint; list its folder: python list_checkpoints.py {parent}"
        raise UsageError(hint)
    _refuse_folder_of_runs(directory, shown)
    raise selectors.none_found(shown, directory)


def _refuse_folder_of_runs(directory: Path, shown: str) -> None:
    """Raises a UsageError that names the runs below a folder without checkpoints of its own."""
    try:
        inside = [run.path for run in runs.find_runs(directory) if run.checkpoints]
    except OSError:
        return
    if inside:
        named = ", ".join(inside[:5]) + f" and {len(inside) - 5} more" * (len(inside) > 5)
        raise UsageError(
            f"{shown} is a folder of runs: {named}\n"
            f"List one of them, or all: python list_checkpoints.py --runs {shlex.quote(shown)}"
        )


def report_skipped(listing: Listing) -> None:
    """Prints the folders that look like checkpoints and are none, on stderr."""
    for name, reason in listing.skipped:
        print(f"skipped {name}: {reason}", file=sys.stderr)


def report_damage(damage: Mapping[int, tuple[str, ...]]) -> int:
    """Prints the problems of damaged checkpoints on stderr; returns the exit code."""
    for iteration, problems in damage.items():
        for problem in problems:
            shown = safe_json.shown_line(problem)
            print(f"damaged {layout.checkpoint_name(iteration)}: {shown}", file=sys.stderr)
    return EXIT_ERROR if any(damage.values()) else 0
