"""Uploads checkpoints from the local folder to the object store.

Protocol: the steps happen in this order, and the process may die after any of them.

1. Every file but the manifest is sent; what is there already with the right size stays.
2. Every file is read back and hashed; what differs is sent again.
3. manifest.json is sent: the checkpoint exists, but readers do not see it yet.
4. The manifest is read back, and `latest.json` is set to it: readers see the checkpoint.
5. The local folder gets its mark.

A killed upload therefore leaves objects without a manifest, which nobody takes for a checkpoint.
The local folder still waits: the next upload from this machine finishes it, and the next writer on
another machine removes the objects.
"""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path

from trainer.checkpoints import atomic, layout, manifest
from trainer.checkpoints.errors import CheckpointExists, StoreUnavailable
from trainer.checkpoints.manifest import Manifest
from trainer.checkpoints.remote import mirror
from trainer.checkpoints.remote.client import Client
from trainer.checkpoints.remote.listing import POINTER, RemoteListing, pointer

_ROUNDS = 3


def push_checkpoint(client: Client, directory: Path, name: str, found: RemoteListing) -> None:
    """Takes all steps for one checkpoint of the local folder.

    Raises:
        CheckpointExists: the store has another one of that name.
        CheckpointCorrupted: the local one is damaged.
        StoreUnavailable: the store refused, did not answer, or does not keep what is sent.
    """
    folder = directory / name
    wanted = manifest.verify(folder)
    text = (folder / layout.MANIFEST).read_bytes()
    vouched = f"{name}/{layout.MANIFEST}"
    if name not in found.manifests:
        _send(client, folder, name, wanted, found)
    elif client.read(vouched) != text:
        raise _exists(client, folder)
    _correct(client, folder, name, wanted)
    _write_and_read_back(client, vouched, text)
    if layout.iteration_of(name) is not None and _is_newest(name, found):
        move_pointer(client, name, text)
    mirror.write_mark(folder, client.entry(vouched))


def move_pointer(client: Client, name: str, manifest_text: bytes) -> None:
    """Sets `latest.json` to a verified checkpoint."""
    digest = hashlib.sha256(manifest_text).hexdigest()
    _write_and_read_back(client, POINTER, pointer(name, digest))


def differences(client: Client, name: str, wanted: Manifest) -> dict[str, str]:
    """The problems of a checkpoint's objects by file; all of them are read and hashed."""

    def problem(item: str) -> str:
        record = wanted.files[item]
        try:
            size, sha256 = client.retrying(lambda: _hash(client, f"{name}/{item}"))
        except FileNotFoundError:
            return "missing"
        if size != record.size:
            return f"{size} bytes instead of {record.size}"
        return "" if sha256 == record.sha256 else "content changed (SHA-256 differs)"

    names = list(wanted.files)
    texts = client.each(problem, names)
    return {item: text for item, text in zip(names, texts, strict=True) if text}


def push_side_files(client: Client, directory: Path, found: RemoteListing, names: set[str]) -> None:
    """Uploads the plots and histories of checkpoints that the store lacks or has differently."""
    wanted = [
        path
        for name in names
        if (iteration := layout.iteration_of(name)) is not None
        for path in layout.side_files(directory, iteration)
        if path.name not in found.objects or found.objects[path.name].size != path.stat().st_size
    ]
    client.each(lambda path: client.upload(path, path.name), wanted)


def _send(client: Client, folder: Path, name: str, wanted: Manifest, found: RemoteListing) -> None:
    """Uploads what the store lacks and deletes what a dead upload left."""
    prefix = len(name) + 1
    there = {item[prefix:]: found.objects[item].size for item in found.below(name)}
    missing = [item for item, record in wanted.files.items() if there.get(item) != record.size]
    client.each(lambda item: client.upload(folder / item, f"{name}/{item}"), missing)
    strangers = there.keys() - wanted.files.keys()
    client.each(lambda item: client.delete(f"{name}/{item}"), strangers)


def _correct(client: Client, folder: Path, name: str, wanted: Manifest) -> None:
    for _ in range(_ROUNDS):
        wrong = differences(client, name, wanted)
        if not wrong:
            return
        client.each(lambda item: client.upload(folder / item, f"{name}/{item}"), wrong)
    item, problem = next(iter(wrong.items()))
    raise _not_kept(client, f"{name}/{item}", problem)


def _write_and_read_back(client: Client, name: str, content: bytes) -> None:
    for _ in range(_ROUNDS):
        client.write(name, content)
        try:
            if client.read(name) == content:
                return
        except FileNotFoundError:
            continue
    raise _not_kept(client, name, "not what was sent")


def _not_kept(client: Client, name: str, problem: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"{client.location.url} does not keep what is sent: {name}: {problem}\n"
        "Check whether something else changes the objects there"
    )


def _hash(client: Client, name: str) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0

    def take(piece: bytes) -> None:
        nonlocal size
        size += len(piece)
        digest.update(piece)

    client.chunks(name, take)
    return size, digest.hexdigest()


def _is_newest(name: str, found: RemoteListing) -> bool:
    known = layout.iteration_of(found.latest or "")
    if known is None or found.latest not in found.manifests:
        return all(_number(name) >= _number(other) for other in found.manifests)
    return _number(name) >= known


def _number(name: str) -> int:
    iteration = layout.iteration_of(name)
    return -1 if iteration is None else iteration


def _exists(client: Client, folder: Path) -> CheckpointExists:
    """Renames the local checkpoint, so that the one in the store can be seen."""
    kept = folder.with_name(f"conflict_{folder.name}_{datetime.now():%Y%m%dT%H%M%S}")
    atomic.rename_folder(folder, kept)
    return CheckpointExists(
        f"{client.location.url} already has {folder.name}, saved by another machine, and nothing "
        f"is overwritten\nThe one saved here is kept in {os.fspath(kept)}"
    )
