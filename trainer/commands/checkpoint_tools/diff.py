"""diff: the differences between two checkpoints."""

from __future__ import annotations

import argparse
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trainer.checkpoints import comparison, metadata
from trainer.checkpoints.safe_io import safe_json
from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.checkpoint_tools.open_manager import SELECTORS, open_manager
from trainer.commands.tables import print_table

_HASH = re.compile(r"[0-9a-f]{32,}")
_DIGITS = 12  # of a hash tell it from others

HELP = "compare the configuration, metadata, metrics and weights of two checkpoints"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the two checkpoints."""
    parser.add_argument("first", metavar="A", help=f"{SELECTORS} (also into another folder)")
    parser.add_argument("second", metavar="B", help="the same")


def run(args: argparse.Namespace) -> int:
    """Prints the differences; they are no error, so the exit code is 0."""
    manager = open_manager(args.checkpoint_dir)
    first, second = (manager.open(text) for text in (args.first, args.second))
    found = comparison.compare(first, second)
    if args.json:
        print_json(
            metadata.plain_or_text(
                {
                    "first": manager.address(first),
                    "second": manager.address(second),
                    **asdict(found),
                }
            )
        )
    else:
        _show(first, second, found)
    return 0


def _show(first: Path, second: Path, found: comparison.Comparison) -> None:
    heads = ("", *_names(first, second))
    groups = {"metrics": found.metrics, "configuration": found.config, "metadata": found.metadata}
    for name, changes in groups.items():
        if not changes:
            print(f"{name}: no difference")
            continue
        print(f"{name}:")
        rows = [(key, *map(_text, pair)) for key, pair in changes.items()]
        print_table(heads, rows, wraps=True)
    print("policies:")
    print_table(("", "first and second"), found.policies.items())


def _names(first: Path, second: Path) -> tuple[str, str]:
    if first.name != second.name:
        return first.name, second.name
    return f"{first.parent.name}/{first.name}", f"{second.parent.name}/{second.name}"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str) and _HASH.fullmatch(value):
        return value[:_DIGITS]
    if isinstance(value, str) and (path := Path(value)).is_absolute():
        return str(Path(path.parent.name, path.name))
    return "-" if value is None else safe_json.shown(value)
