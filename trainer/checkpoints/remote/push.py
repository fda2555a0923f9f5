"""From the local folder to the object store.

A checkpoint is uploaded in this order, and each step can be the last one that happens:

1. every file but the manifest; what is there already with the right size stays;
2. everything is read back and hashed; what differs is sent again;
3. manifest.json: from now on the checkpoint exists, though readers do not see it yet;
4. the manifest is read back, and `latest.json` is moved to it: now readers see it;
5. the local folder gets its mark.

So a killed upload leaves objects without a manifest, which nobody takes for a checkpoint. The
local folder still waits, and the next upload from here finishes it; another machine's next writer
removes the objects.
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
    """All steps for one checkpoint of the local folder.

    CheckpointExists if the store has another one of that name, CheckpointCorrupted if the local
    one is damaged, StoreUnavailable if the store does not do it.
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
    """Make a verified checkpoint the latest one."""
    digest = hashlib.sha256(manifest_text).hexdigest()
    _write_and_read_back(client, POINTER, pointer(name, digest))


def differences(client: Client, name: str, wanted: Manifest) -> dict[str, str]:
    """What is wrong with the objects of a checkpoint, by file; all of them are read."""

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
    """Plots and histories of the checkpoints in `names` that the store has not, or otherwise."""
    wanted = [
        path
        for name in names
        if (iteration := layout.iteration_of(name)) is not None
        for path in layout.side_files(directory, iteration)
        if path.name not in found.objects or found.objects[path.name].size != path.stat().st_size
    ]
    client.each(lambda path: client.upload(path, path.name), wanted)


def _send(client: Client, folder: Path, name: str, wanted: Manifest, found: RemoteListing) -> None:
    """What the store does not have yet; what a dead upload left and nobody wants goes."""
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
    """Out of the way with the local one, so that what the store has can be seen."""
    kept = folder.with_name(f"conflict_{folder.name}_{datetime.now():%Y%m%dT%H%M%S}")
    atomic.rename_folder(folder, kept)
    return CheckpointExists(
        f"{client.location.url} already has {folder.name}, saved by another machine, and nothing "
        f"is overwritten\nThe one saved here is kept in {os.fspath(kept)}"
    )
