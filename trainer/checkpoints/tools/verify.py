"""verify: read every file of one or all checkpoints and compare it with the manifest."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from trainer.checkpoints import broken, documents, index, layout, manifest, selectors, table
from trainer.checkpoints.errors import CheckpointCorrupted
from trainer.checkpoints.tools import screen

HELP = "check every file of one or all checkpoints against its manifest"


@dataclass(frozen=True)
class Result:
    """What was found in one checkpoint; no problems means that it is whole."""

    folder: Path
    files: int
    size_bytes: int
    problems: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One argument: what to verify."""
    parser.add_argument(
        "what",
        nargs="?",
        metavar="WHAT",
        help="latest, best, final, an iteration, a checkpoint, or a folder of checkpoints (all)",
    )


def run(args: argparse.Namespace) -> int:
    """Verify, print, and return 1 if anything is damaged."""
    folders = _folders(args.what, screen.folder_of(args), args.checkpoint_dir)
    results = [check(folder) for folder in screen.progress(folders, lambda folder: folder.name)]
    if args.json:
        screen.print_json([_as_json(result) for result in results])
    else:
        rows = [_row(result) for result in results]
        screen.print_table(("Checkpoint", "Files", "Size", "Result"), rows, right="Files Size")
        for result in results:
            for problem in result.problems:
                line = documents.shown_line(f"{result.folder.name}: {problem}")
                print(line, file=sys.stderr)
    return screen.EXIT_PROBLEM if any(result.problems for result in results) else screen.EXIT_OK


def check(folder: Path) -> Result:
    """Read and compare everything; nothing is loaded."""
    try:
        found = manifest.verify(folder)
    except CheckpointCorrupted as error:
        return Result(folder, 0, 0, error.problems)
    return Result(folder, len(found.files), found.size_bytes, ())


def _folders(what: str | None, directory: Path, shown: str) -> list[Path]:
    """The checkpoints that are meant, damaged ones too. NoUsableCheckpoint if there is none."""
    if what is not None:
        given = Path(what).expanduser()
        if layout.iteration_of(given.name) is not None and given.is_dir():
            return [Path(os.path.abspath(given))]  # noqa: PTH100
        if not given.is_dir() or (given / layout.MANIFEST).is_file() or what.isdecimal():
            listing = index.load(directory) if directory.is_dir() else index.Listing(())
            return [selectors.resolve(what, listing, directory, shown)]
        directory, shown = given.absolute(), what
    if not directory.is_dir():
        raise selectors.none_found(shown)
    whole = [directory / info.name for info in index.load(directory).checkpoints]
    folders = sorted([*whole, *(path for path, _ in broken.unlisted(directory))])
    if not folders:
        raise selectors.none_found(shown)
    return folders


def _row(result: Result) -> tuple[object, ...]:
    if result.problems:
        count = len(result.problems)
        return result.folder.name, "", "", f"damaged: {count} problem{'s' * (count > 1)}"
    return result.folder.name, result.files, table.size(result.size_bytes), "ok"


def _as_json(result: Result) -> dict[str, object]:
    return {
        "path": str(result.folder),
        "ok": not result.problems,
        "files": result.files,
        "size_bytes": result.size_bytes,
        "problems": list(result.problems),
    }
