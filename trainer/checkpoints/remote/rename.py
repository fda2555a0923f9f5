"""Deletes, renames and publishes checkpoints in a store, which has neither folders nor renames.

The manifest is deleted first and copied last, so that an interrupted step leaves objects that
nobody takes for a checkpoint.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from trainer.checkpoints import layout, manifest
from trainer.checkpoints.errors import CheckpointCorrupted
from trainer.checkpoints.remote import push
from trainer.checkpoints.remote.client import Client
from trainer.checkpoints.remote.listing import POINTER, RemoteListing, list_remote


def delete_checkpoint(client: Client, name: str) -> None:
    """Deletes all objects of a checkpoint."""
    client.delete(f"{name}/{layout.MANIFEST}")
    client.delete_tree(name)


def rename_checkpoint(client: Client, source: str, target: str, found: RemoteListing) -> None:
    """Moves all objects of a checkpoint to another name."""
    vouched = f"{source}/{layout.MANIFEST}"
    rest = [name for name in found.below(source) if name != vouched]
    client.each(lambda name: client.copy(name, target + name[len(source) :]), rest)
    if vouched in found.objects:
        client.copy(vouched, f"{target}/{layout.MANIFEST}")
    delete_checkpoint(client, source)


def rename_newer(client: Client, iteration: int, branch: str) -> None:
    """Moves everything of later iterations into a branch, the highest first."""
    found = list_remote(client)
    for name in found.beyond(iteration):
        if layout.iteration_of(name) is not None:
            rename_checkpoint(client, name, f"{branch}/{name}", found)
        else:
            client.copy(name, f"{branch}/{name}")
            client.delete(name)
    repoint(client)


def repoint(client: Client) -> None:
    """Sets `latest.json` to the newest checkpoint if the one that it names is gone."""
    found = list_remote(client)
    if found.latest in found.manifests:
        return
    names = [name for name in found.manifests if layout.iteration_of(name) is not None]
    if not names:
        if POINTER in found.objects:
            client.delete(POINTER)
        return
    newest = max(names, key=lambda name: layout.iteration_of(name) or 0)
    push.move_pointer(client, newest, client.read(f"{newest}/{layout.MANIFEST}"))


def clear_unfinished(client: Client, keep: Collection[str]) -> list[str]:
    """Deletes half uploads and half deletions, except those in `keep`, which will be finished.

    For the only writer. Returns what was done, as lines of text.
    """
    names = [name for name in list_remote(client).unfinished if name not in keep]
    for name in names:
        client.delete_tree(name)
    return [f"removed {name} from the store: its upload was never finished" for name in names]


def publish_unverified(client: Client) -> list[str]:
    """Sets `latest.json` to valid checkpoints whose writer died before it could.

    For the only writer. Returns what was done, as lines of text.
    """
    done = []
    for name in sorted(
        list_remote(client).unverified, key=lambda name: layout.iteration_of(name) or 0
    ):
        text = client.read(f"{name}/{layout.MANIFEST}")
        try:
            wrong = push.differences(client, name, _manifest(text))
        except CheckpointCorrupted as error:
            wrong = {layout.MANIFEST: error.problems[0]}
        if wrong:
            item, problem = next(iter(wrong.items()))
            done.append(f"{name} is damaged in the store and stays hidden: {item}: {problem}")
            continue
        push.move_pointer(client, name, text)
        done.append(f"{name} is whole: {POINTER} names it now")
    return done


def _manifest(text: bytes) -> manifest.Manifest:
    with TemporaryDirectory() as folder:
        Path(folder, layout.MANIFEST).write_bytes(text)
        return manifest.read(Path(folder))
