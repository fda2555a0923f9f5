"""List the checkpoints of a training: `python list_checkpoints.py [DIR] [-d] [--json]`.

Exit codes: 0 listed, 1 error, 2 usage, 3 no usable checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

from trainer.checkpoints import branches, index, layout, selectors, table
from trainer.checkpoints.index import Listing
from trainer.project import DEFAULT_CHECKPOINT_DIR, configured_checkpoint_dir

EXIT_ERROR, EXIT_USAGE, EXIT_NO_CHECKPOINT = 1, 2, 3


def main(argv: list[str] | None = None) -> int:
    """Print the list and return the exit code."""
    args = parse_args(argv)
    shown = args.directory or configured_checkpoint_dir()
    directory = Path(shown).expanduser().absolute()
    try:
        listing = index.load(directory)
    except FileNotFoundError:
        if args.directory:
            return fail(EXIT_USAGE, f"no such directory: {shown}{nearest_existing(directory)}")
        return report_empty(Listing(()), directory, shown, as_json=args.json)
    except NotADirectoryError:
        return fail(EXIT_USAGE, f"{shown} is not a directory; did you mean {Path(shown).parent}?")
    except OSError as error:
        return fail(EXIT_ERROR, f"cannot read {shown}: {error.strerror}")
    if not listing.checkpoints:
        return report_empty(listing, directory, shown, as_json=args.json)
    if args.json:
        print(as_json(listing, directory))
    elif args.lineage:
        from trainer.checkpoints import lineage

        lines = lineage.draw(directory)
        unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        print(*(lines if unicode else lineage.in_ascii(lines)), sep="\n")
    else:
        aside = branches.branch_folders(directory)
        style = output_style()
        print(
            *table.render(listing, directory, detailed=args.detailed, style=style, branches=aside),
            sep="\n",
        )
    report_skipped(listing)
    return 0


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The command line; `directory` is None where none was given."""
    parser = argparse.ArgumentParser(
        description="List the checkpoints of a training.",
        epilog="exit codes: 0 listed, 1 error, 2 usage, 3 no usable checkpoint",
    )
    parser.add_argument(
        "dir", nargs="?", metavar="DIR", help=f"where they are ({DEFAULT_CHECKPOINT_DIR})"
    )
    parser.add_argument("--checkpoint-dir", metavar="DIR", help="the same, as an option")
    parser.add_argument(
        "-d", "--detailed", action="store_true", help="with time, age, rewards, steps and sizes"
    )
    parser.add_argument("--lineage", action="store_true", help="a tree of what came from what")
    parser.add_argument("--json", action="store_true", help="machine-readable; unknown is null")
    args = parser.parse_args(argv)
    if args.dir and args.checkpoint_dir and Path(args.dir) != Path(args.checkpoint_dir):
        parser.error(f"two directories given: {args.dir} and {args.checkpoint_dir}")
    args.directory = args.dir or args.checkpoint_dir
    return args


def output_style() -> table.Style:
    """Emoji and colour only on a terminal that shows them; NO_COLOR turns colour off."""
    if not sys.stdout.isatty():
        return table.Style()
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    try:
        "📂📊".encode(sys.stdout.encoding)
    except (UnicodeEncodeError, LookupError):
        return table.Style(emoji=False, colour=colour)
    return table.Style(emoji=True, colour=colour)


def as_json(listing: Listing, directory: Path) -> str:
    """The checkpoints as a JSON array of their metadata; unknown numbers are null."""
    entries: list[dict[str, Any]] = [
        {
            key: None if isinstance(value, float) and math.isnan(value) else value
            for key, value in info.as_dict(directory).items()
        }
        for info in listing.checkpoints
    ]
    return json.dumps(entries, indent=2, allow_nan=False)


def report_empty(listing: Listing, directory: Path, shown: str, *, as_json: bool) -> int:
    """Say that there is nothing yet, and how to get something."""
    if as_json:
        print("[]")
    report_skipped(listing)
    if (directory / layout.MANIFEST).is_file():
        parent = Path(shown).parent
        hint = f"{shown} is one checkpoint; list its folder: python list_checkpoints.py {parent}"
        return fail(EXIT_USAGE, hint)
    return fail(EXIT_NO_CHECKPOINT, str(selectors.none_found(shown)))


def report_skipped(listing: Listing) -> None:
    """Name the folders that look like checkpoints and are none."""
    for name, reason in listing.skipped:
        print(f"skipped {name}: {reason}", file=sys.stderr)


def nearest_existing(missing: Path) -> str:
    """The closest existing name to a mistyped directory, else the closest existing parent."""
    from difflib import get_close_matches

    parent = next(path for path in missing.parents if path.is_dir())
    names = [path.name for path in parent.iterdir() if path.is_dir()]
    step = missing.relative_to(parent).parts[0]
    close = get_close_matches(step, names, n=1)
    return f"; did you mean {parent / close[0]}?" if close else f"; nearest existing: {parent}"


def fail(code: int, message: str) -> int:
    """Print an error and return its exit code."""
    print(f"error: {message}", file=sys.stderr)
    return code


def run() -> int:
    """`main`, quiet about a reader that stops early (`| head`) and about Ctrl-C."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes again at exit: give it somewhere to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(run())
