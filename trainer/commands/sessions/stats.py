"""stats: means over session records, by iteration and worker."""

from __future__ import annotations

import argparse

from trainer.commands.sessions.reading import find, read_all
from trainer.commands.sessions.rows import (
    Row,
    keyed,
    mean,
    measured,
    print_episodes,
    print_rows,
    row_of,
)

_BUCKETS = 10


def run_stats(args: argparse.Namespace) -> int:
    """Prints the table that the command line asks for; returns the exit code."""
    store, _, found = find(args.where)
    rows = [row_of(item.name, record) for item, record in read_all(store, found)]
    formats = {"as_json": args.json, "as_csv": args.csv}
    if args.each:
        print_episodes(rows, **formats)
        return 0
    keys = ["worker"] if args.per_worker else []
    means = bucketed(rows, args.bucket, keys)
    shown = (*keys, "from_iteration", "to_iteration", "records", *measured(rows))
    print_rows(means, shown, **formats)
    return 0


def bucketed(rows: list[Row], width: int | None, keys: list[str]) -> list[Row]:
    """The means of rows with the same keys whose iterations lie in the same bucket.

    Args:
        rows: of single records.
        width: iterations of a bucket; None: about a tenth of them.
        keys: columns that are kept apart.
    """
    newest = max(row["iteration"] for row in rows)
    width = width or max(1, -(-newest // _BUCKETS))
    numbered = [{**row, "bucket": (max(row["iteration"], 1) - 1) // width} for row in rows]
    names = _numbers(rows)
    means = []
    for values, group in keyed(numbered, [*keys, "bucket"]).items():
        *kept, bucket = values
        means.append(
            {
                **dict(zip(keys, kept, strict=True)),
                "from_iteration": bucket * width + 1,
                "to_iteration": (bucket + 1) * width,
                "records": len(group),
                **{name: mean(row.get(name) for row in group) for name in names},
            }
        )
    return means


def _numbers(rows: list[Row]) -> list[str]:
    """The columns whose mean says something: the statistics and rewards."""
    known = list(dict.fromkeys(name for row in rows for name in row))
    return known[known.index("trace") + 1 :]
