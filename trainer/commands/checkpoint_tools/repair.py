"""repair: put a checkpoint folder in order and report the changes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import datetime

from trainer.checkpoints import repair, selectors
from trainer.checkpoints.open_store import open_store
from trainer.checkpoints.safe_io import safe_json
from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.checkpoint_tools.open_manager import changing
from trainer.errors import EXIT_ERROR, UsageError
from trainer.reporting.formatting import plural

HELP = "rebuild the index, remove what dead processes left, move damaged checkpoints aside"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the folder."""
    parser.add_argument("folder", nargs="?", metavar="DIR", help="the same as --checkpoint-dir")


def run(args: argparse.Namespace) -> int:
    """Repairs and prints the report; returns 1 if something is left for the user to decide."""
    try:
        store = open_store(args.checkpoint_dir)
    except ValueError as error:
        raise UsageError(str(error)) from None
    store.refresh()
    with changing(store.shown):
        if not store.directory.is_dir() or not (store.is_remote or repair.is_used(store.directory)):
            raise selectors.none_found(store.shown, store.directory)
        report = repair.repair(store, datetime.now())
    if args.json:
        print_json(_as_json(report))
    else:
        for line in lines(report):
            print(safe_json.shown_line(line))
    return 0 if report.is_whole else EXIT_ERROR


def lines(report: repair.Report) -> Iterator[str]:
    """The lines of the report."""
    yield from report.recovered
    for path in report.removed:
        yield f"removed {path.name}: its process has ended"
    for item in report.aside:
        yield str(item)
    for iteration in report.unpinned:
        yield f"unpinned {iteration}: there is no such checkpoint"
    for iteration, name in report.unnamed:
        yield f"forgot the name {name} of {iteration}: there is no such checkpoint"
    if report.index_rebuilt:
        yield "rebuilt the index"
    yield from report.left
    yield f"whole: {plural(report.checked, 'checkpoint')}" + "; nothing to do" * report.is_clean


def _as_json(report: repair.Report) -> dict[str, object]:
    return {
        "whole": report.checked,
        "recovered": report.recovered,
        "removed": [str(path) for path in report.removed],
        "aside": [
            {
                "path": str(item.path),
                "moved_to": str(item.moved_to) if item.moved_to else None,
                "problems": list(item.problems),
            }
            for item in report.aside
        ],
        "unpinned": report.unpinned,
        "unnamed": [{"iteration": i, "name": name} for i, name in report.unnamed],
        "index_rebuilt": report.index_rebuilt,
        "left": report.left,
    }
