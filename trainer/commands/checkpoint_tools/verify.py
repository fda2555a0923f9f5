"""verify: read every file of one or all checkpoints and compare it with the manifest."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.checkpoints import layout, open_store, quarantine, selectors
from trainer.checkpoints.errors import CheckpointCorrupted
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.safe_io import safe_json
from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.checkpoint_tools.open_manager import SELECTORS, open_manager
from trainer.commands.tables import print_table
from trainer.errors import EXIT_ERROR
from trainer.reporting import formatting
from trainer.reporting.progress_line import Progress

HELP = "check every file of one or all checkpoints against its manifest"


@dataclass(frozen=True)
class Result:
    """The result for one checkpoint; without problems it is whole."""

    folder: Path
    files: int
    size_bytes: int
    problems: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the checkpoint or folder."""
    parser.add_argument(
        "what", nargs="?", metavar="WHAT", help=f"{SELECTORS}; or a folder (all in it)"
    )


def run(args: argparse.Namespace) -> int:
    """Verifies and prints the results; returns 1 if anything is damaged."""
    manager, folders = _meant(args)
    results = [check(manager, folder) for folder in shown_one_by_one(folders)]
    if args.json:
        print_json([_as_json(result, manager.address(result.folder)) for result in results])
    else:
        rows = [_row(result) for result in results]
        print_table(("Checkpoint", "Files", "Size", "Result"), rows, numbers=("Files", "Size"))
        for result in results:
            for problem in result.problems:
                line = safe_json.shown_line(f"{result.folder.name}: {problem}")
                print(line, file=sys.stderr)
    return EXIT_ERROR if any(result.problems for result in results) else 0


def shown_one_by_one(folders: Sequence[Path]) -> Iterator[Path]:
    """The folders; a terminal shows the one in hand if it takes long."""
    line = Progress(sys.stderr)
    for place, folder in enumerate(folders, 1):
        line.show(f"{folder.name} ({place} of {len(folders)})")
        yield folder
    line.clear()


def check(manager: CheckpointManager, folder: Path) -> Result:
    """Reads every file of a checkpoint and compares it with the manifest."""
    try:
        found = manager.verify(folder)
    except CheckpointCorrupted as error:
        return Result(folder, 0, 0, error.problems)
    return Result(folder, len(found.files), found.size_bytes, ())


def _meant(args: argparse.Namespace) -> tuple[CheckpointManager, list[Path]]:
    """The checkpoints to verify, damaged ones included. NoUsableCheckpoint if there is none."""
    manager = open_manager(args.checkpoint_dir)
    if args.what is not None:
        given = selectors.typed_path(args.what)
        if layout.iteration_of(given.name) is not None and given.is_dir():
            return manager, [Path(os.path.abspath(given))]  # noqa: PTH100
        one = not given.is_dir() or (given / layout.MANIFEST).is_file() or args.what.isdecimal()
        if one and not _is_place(args.what):
            return manager, [manager.find(args.what)]
        args.checkpoint_dir = args.what
        manager = open_manager(args.checkpoint_dir)
    whole = [manager.directory / info.name for info in manager.listing().checkpoints]
    if not manager.directory.is_dir():
        raise selectors.none_found(manager.shown, manager.directory)
    folders = sorted([*whole, *(path for path, _ in quarantine.unlisted(manager.directory))])
    if not folders:
        raise selectors.none_found(manager.shown, manager.directory)
    return manager, folders


def _is_place(text: str) -> bool:
    """Whether a URL names a folder of checkpoints, not one checkpoint."""
    name = text.partition("?")[0].rstrip("/").rpartition("/")[2]
    return open_store.is_url(text) and layout.iteration_of(name) is None


def _row(result: Result) -> tuple[object, ...]:
    if result.problems:
        count = len(result.problems)
        return result.folder.name, "", "", f"damaged: {count} problem{'s' * (count > 1)}"
    return result.folder.name, result.files, formatting.size(result.size_bytes), "ok"


def _as_json(result: Result, address: str) -> dict[str, object]:
    return {
        "path": address,
        "ok": not result.problems,
        "files": result.files,
        "size_bytes": result.size_bytes,
        "problems": list(result.problems),
    }
