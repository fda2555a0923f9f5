"""list: the sessions of a folder, or the records of one session."""

from __future__ import annotations

import argparse
import sys
import time

from trainer.commands.sessions.reading import find, read_all
from trainer.commands.sessions.rows import Row, print_episodes, print_rows, row_of
from trainer.episodes.store import Found, RecordStore
from trainer.reporting.formatting import age, plural, size
from trainer.shown_commands import module_command

_SESSION = ("session", "run", "level", "workers", "records", "iterations", "size", "age")


def run_list(args: argparse.Namespace) -> int:
    """Prints the table that the command line asks for; returns the exit code."""
    store, inside, found = find(args.where)
    formats = {"as_json": args.json, "as_csv": args.csv}
    if not inside:
        sessions = _sessions(store, found)
        print_rows(sessions, _SESSION, **formats)
        if not (args.json or args.csv):
            place = store.address(sessions[0]["session"])
            print(f"records: {module_command('trainer.sessions', ['list', place])}")
        return 0
    newest = found[::-1][: args.limit]
    rows = [row_of(item.name, record) for item, record in read_all(store, newest)]
    print_episodes(rows, **formats)
    if len(found) > len(newest):
        print(f"{plural(len(found) - len(newest), 'older record')}: --limit N", file=sys.stderr)
    return 0


def _sessions(store: RecordStore, found: list[Found]) -> list[Row]:
    """A row for each session, newest first; of its records the first and the last are read."""
    by_session: dict[str, list[Found]] = {}
    for item in found:
        by_session.setdefault(item.name.session, []).append(item)
    ends = [item for items in by_session.values() for item in {items[0], items[-1]}]
    known = {item.name: record for item, record in read_all(store, ends)}
    rows: list[Row] = []
    for session, items in reversed(by_session.items()):
        first, last = known.get(items[0].name), known.get(items[-1].name)
        record = last or first
        bytes_ = sum(item.size for item in items)
        rows.append(
            {
                "session": session,
                "run": record and record.run,
                "game": record and record.game,
                "level": record and record.level,
                "workers": len({item.name.worker for item in items}),
                "records": len(items),
                "iterations": f"{first.iteration}-{last.iteration}" if first and last else None,
                "bytes": bytes_,
                "size": size(bytes_),
                "age": age(time.time() - max(item.time for item in items)),
            }
        )
    return rows
