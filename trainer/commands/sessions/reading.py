"""Finding and reading session records for a command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from trainer.checkpoints.errors import StoreUnavailable
from trainer.checkpoints.safe_io import safe_json
from trainer.episodes.record import MAX_BYTES, NotARecord, Record, parse
from trainer.episodes.store import Found, RecordStore, open_records, unreachable
from trainer.errors import UsageError
from trainer.reporting.formatting import plural
from trainer.reporting.progress_line import Progress
from trainer.shown_commands import module_command

_SHOWN = 3  # damaged records that are named


class NoRecords(Exception):  # noqa: N818 - reads as the state it reports
    """There is nothing to read; one or two lines."""

    exit_code = 3


def find(where: str) -> tuple[RecordStore, str, list[Found]]:
    """The store, what in it is meant, and its records, newest last; never none.

    Raises:
        UsageError: the URL is not understood.
        NoRecords: there are none, or the place cannot be read.
    """
    try:
        store, inside = open_records(where)
        found = store.find(inside)
    except ValueError as error:
        raise UsageError(str(error)) from None
    except (OSError, StoreUnavailable) as error:
        raise NoRecords(f"{unreachable(error)}; {_way_on()}") from None
    if not found:
        place = store.address(inside).rstrip("/")
        raise NoRecords(f"no session records in {place}; {_way_on()}")
    return store, inside, found


def read_all(store: RecordStore, found: Sequence[Found]) -> list[tuple[Found, Record]]:
    """The records that can be read; of the others there is a line on stderr.

    Raises:
        NoRecords: none can be read.
    """
    progress, damaged = Progress(sys.stderr), []
    records = []

    def one(item: Found) -> Record | str:
        try:
            return parse(store.read(item.name.path))
        except (OSError, ValueError, StoreUnavailable) as error:
            return unreachable(error)

    for done, (item, record) in enumerate(zip(found, store.each(one, found), strict=True), 1):
        progress.show(f"read {done:,} of {len(found):,} records")
        if isinstance(record, Record):
            records.append((item, record))
        else:
            damaged.append(f"{store.address(item.name.path)}: {record}")
    progress.clear()
    for line in damaged[:_SHOWN]:
        print(f"left out: {line}", file=sys.stderr)
    if len(damaged) > _SHOWN:
        print(f"left out: {len(damaged) - _SHOWN} more records", file=sys.stderr)
    if not records:
        raise NoRecords(f"none of {plural(len(found), 'record')} can be read")
    return records


def read_one(where: str) -> tuple[str, Record]:
    """The newest record of a place, or the one that it names, and its address.

    Raises:
        UsageError: the URL is not understood.
        NoRecords: there is none, or it cannot be read.
    """
    alone = Path(where).expanduser()
    if "://" not in where and alone.is_file():  # wherever it was copied to, whatever its name
        address, read = where, partial(safe_json.read_bytes, alone, MAX_BYTES)
    else:
        store, _, found = find(where)
        path = found[-1].name.path
        address, read = store.address(path), partial(store.read, path)
    try:
        return address, parse(read())
    except NotARecord as error:
        raise NoRecords(f"{address} is no session record, or damaged: {error}") from None
    except (OSError, ValueError, StoreUnavailable) as error:
        raise NoRecords(f"{address} cannot be read: {unreachable(error)}") from None


def _way_on() -> str:
    list_them = module_command("trainer.sessions", ["list", "WHERE"])
    return f"training writes them with --set tracking.sessions.every=10; elsewhere: {list_them}"
