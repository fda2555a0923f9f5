"""Updates the local mirror to what its object store holds now."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from trainer.checkpoints import atomic, in_use, layout, locks, manifest
from trainer.checkpoints.remote import mirror
from trainer.checkpoints.remote.client import Client, Entry
from trainer.checkpoints.remote.listing import RemoteListing


def pull(
    client: Client, directory: Path, before: Mapping[str, Entry], found: RemoteListing
) -> None:
    """Downloads the heads of new checkpoints, removes deleted ones, and copies pins and names.

    What waits for upload stays as it is, and so does what a process on this machine uses.

    Args:
        client: the store.
        directory: the mirror.
        before: the marks as they were before the listing; what was uploaded since would
            otherwise look deleted.
        found: the listing.
    """
    fresh = {name: entry for name, entry in found.visible.items() if before.get(name) != entry}
    gone = [name for name in before if name not in found.visible]
    brought = client.each(lambda name: _head(client, directory, name, fresh[name]), fresh)
    heads = {name: head for name, head in zip(fresh, brought, strict=True) if head is not None}
    try:
        if fresh or gone:
            directory.mkdir(parents=True, exist_ok=True)
            with locks.mutex(directory):
                used = {layout.checkpoint_name(i) for i in in_use.in_use(directory)}
                _take_away(directory, gone, used)
                _place(directory, heads, used)
    finally:
        for head in heads.values():
            shutil.rmtree(head, ignore_errors=True)
    for name in layout.SIDECARS:
        _take_sidecar(client, directory, name, found)


def _head(client: Client, directory: Path, name: str, entry: Entry) -> Path | None:
    """The head of a checkpoint in a temporary folder; None if it was deleted just now."""
    head = atomic.temporary_sibling(directory / name.replace("/", "-"))
    head.mkdir(parents=True)
    try:
        client.download(f"{name}/{layout.MANIFEST}", head / layout.MANIFEST)
    except FileNotFoundError:
        shutil.rmtree(head, ignore_errors=True)
        return None
    with contextlib.suppress(FileNotFoundError):  # the list will tell
        client.download(f"{name}/{layout.METADATA}", head / layout.METADATA)
    mirror.write_mark(head, entry)
    return head


def _take_away(directory: Path, gone: Iterable[str], used: set[str]) -> None:
    for name in gone:
        folder = directory / name
        if name in used or mirror.read_mark(folder) is None:
            continue
        for path in layout.side_files(folder.parent, layout.iteration_of(folder.name) or 0):
            path.unlink(missing_ok=True)
        atomic.remove_tree(folder)


def _place(directory: Path, heads: Mapping[str, Path], used: set[str]) -> None:
    for name, head in heads.items():
        final = directory / name
        if (final / layout.MANIFEST).is_file():
            mark = mirror.read_mark(head)
            if mark is not None and manifest.digest(final) == manifest.digest(head):
                mirror.write_mark(final, mark)
                continue
            if name in used or mirror.read_mark(final) is None:
                continue  # somebody reads it; or it waits, and its upload will tell
        if os.path.lexists(final):
            atomic.remove_tree(final)
        final.parent.mkdir(exist_ok=True)
        os.rename(head, final)  # noqa: PTH104


def _take_sidecar(client: Client, directory: Path, name: str, found: RemoteListing) -> None:
    path = directory / name
    with contextlib.suppress(FileNotFoundError):
        theirs = client.read(name) if name in found.objects else None
        ours = path.read_bytes() if path.is_file() else None
        if theirs is None and ours is not None:
            path.unlink()
        elif theirs is not None and theirs != ours:
            directory.mkdir(parents=True, exist_ok=True)
            atomic.write_text(path, theirs.decode("utf-8", errors="replace"))
