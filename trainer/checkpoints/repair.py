"""Repairs a checkpoint folder without deleting anything that could still be of use.

Temporaries, locks and markers of dead processes are deleted. Damaged checkpoints, and a pins.json
or labels.json that is not readable, are quarantined. The index is rebuilt.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from trainer.checkpoints import atomic, in_use, index, labels, layout, locks, pins, quarantine
from trainer.checkpoints.errors import CheckpointCorrupted, SidecarUnreadable
from trainer.checkpoints.quarantine import Damaged, Quarantined
from trainer.checkpoints.sidecar import Sidecar
from trainer.checkpoints.store import Store

T = TypeVar("T")


@dataclass
class Report:
    """What a repair found and did."""

    removed: list[Path] = field(default_factory=list)  # leftovers of dead processes
    aside: list[Quarantined] = field(default_factory=list)  # damaged, and where they are now
    unpinned: list[int] = field(default_factory=list)  # pins of checkpoints that do not exist
    unnamed: list[tuple[int, str]] = field(default_factory=list)  # names of such, by iteration
    index_rebuilt: bool = False
    checked: int = 0  # number of valid checkpoints
    recovered: list[str] = field(default_factory=list)  # what was done in the object store
    left: list[str] = field(default_factory=list)  # what only the user can decide

    @property
    def is_clean(self) -> bool:
        """Whether there was nothing to do."""
        done = (self.removed, self.aside, self.unpinned, self.unnamed, self.left, self.recovered)
        return not any(done) and not self.index_rebuilt

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to repair."""
        return not self.left and all(item.moved_to for item in self.aside)


def repair(store: Store, when: datetime) -> Report:
    """Repairs a folder, as its only writer.

    Raises:
        CheckpointsInUse: a run writes there.
        OSError: the folder cannot be read or written.
        StoreUnavailable: the object store refused or did not answer.
    """
    directory = store.directory
    with os.scandir(directory):  # an absent folder is not created
        pass
    report = Report()
    dead_record = (directory / layout.WRITER).exists()
    own = locks.writer_lock(directory, when, store.address(directory))
    with own as held, store.writer(held.owner) as recovered:
        report.recovered += recovered
        if dead_record:
            report.removed.append(directory / layout.WRITER)
        report.removed += atomic.remove_stale(directory)
        _clear_markers(directory, report)
        _set_aside(store, when, report)
        report.unpinned += [i for i, _ in _clear_sidecar(store, pins.PINS, when, report)]
        labeled = _clear_sidecar(store, labels.LABELS, when, report)
        report.unnamed += [(i, label.name) for i, label in labeled]
        _rebuild_index(directory, report)
    return report


def is_used(directory: Path) -> bool:
    """Whether a local folder holds anything that this package writes.

    Raises:
        OSError: the folder cannot be read.
    """
    files = {layout.INDEX, layout.WRITER, *layout.SIDECARS}
    return any(
        path.name in files
        or path.name.startswith(layout.IN_USE)
        or atomic.is_temporary(path.name)
        or layout.is_own_name(path.name)
        for path in directory.iterdir()
    )


def _clear_markers(directory: Path, report: Report) -> None:
    before = in_use.uses(directory)
    in_use.clear_ended(directory)
    report.removed += [use.marker for use in before if use.is_over]
    for use in before:
        name = use.marker.name
        if use.owner is None:
            report.left.append(f"{name} is not readable; delete it if no run uses that checkpoint")
        elif use.owner.is_elsewhere:
            report.left.append(f"{name} was set by {use.owner}; delete it if that has ended")


def _set_aside(store: Store, when: datetime, report: Report) -> None:
    directory = store.directory
    for path, reason in quarantine.unlisted(directory):
        report.aside.append(quarantine.move(Damaged(path, (reason,)), when, store))
    for info in index.scan(directory).checkpoints:
        try:
            store.inspect(directory / info.name)
            report.checked += 1
        except CheckpointCorrupted as error:
            report.aside.append(quarantine.move(Damaged.of(error), when, store))


def _clear_sidecar(
    store: Store, sidecar: Sidecar[T], when: datetime, report: Report
) -> list[tuple[int, T]]:
    """Removes the values of checkpoints that do not exist, and returns them by iteration."""
    directory = store.directory
    try:
        known = sidecar.read(directory)
    except SidecarUnreadable as error:
        _move_sidecar(store, sidecar.name, error, when, report)
        return []
    gone = known.keys() - set(index.scan(directory).iterations)
    if sidecar.remove(directory, gone):
        store.upload_file(sidecar.name)
    return [(iteration, known[iteration]) for iteration in sorted(gone)]


def _move_sidecar(
    store: Store, name: str, error: SidecarUnreadable, when: datetime, report: Report
) -> None:
    path = store.directory / name
    moved: Path | None = path.with_name(f"broken_{path.stem}_{when:%Y%m%dT%H%M%S}.json")
    try:
        os.rename(path, str(moved))  # noqa: PTH104
    except OSError:
        moved = None
    report.aside.append(Quarantined(path, moved, (str(error).splitlines()[0],)))
    store.upload_file(name)


def _rebuild_index(directory: Path, report: Report) -> None:
    path = directory / layout.INDEX
    before = None
    with contextlib.suppress(OSError):
        before = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    fresh = index.encode(index.scan(directory)).encode()
    if before != fresh and (before is not None or index.scan(directory).checkpoints):
        if path.is_dir() and not path.is_symlink():
            report.left.append(f"{path.name} is a folder; move it away")
            return
        atomic.write_text(path, fresh.decode())
        report.index_rebuilt = True
