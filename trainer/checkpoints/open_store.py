"""Opens the storage backend of a path or URL."""

from __future__ import annotations

import os
from pathlib import Path

from trainer.checkpoints.errors import NoUsableCheckpoint
from trainer.checkpoints.remote import location
from trainer.checkpoints.store import Store


def open_store(checkpoint_dir: str | os.PathLike[str]) -> Store:
    """The store of a local path or of a file://, s3:// or gs:// URL; it is not contacted yet.

    The path of a mirror means the store that it mirrors.

    Raises:
        ValueError: the URL has an unknown scheme or option.
    """
    place = location.parse(checkpoint_dir)
    if isinstance(place, Path):
        place = location.mirrored_at(place) or place
    if isinstance(place, Path):
        shown = os.fspath(checkpoint_dir)
        return Store(place, str(place) if "://" in shown else shown)
    from trainer.checkpoints.remote.object_store import (
        ObjectStore,  # a local folder needs none of it
    )

    return ObjectStore(place)


def shown_place(checkpoint_dir: str | os.PathLike[str]) -> str:
    """A checkpoint folder for messages and records: a URL loses its options and credentials."""
    return location.without_options(os.fspath(checkpoint_dir))


def is_url(selector: object) -> bool:
    """Whether a selector is the address of a checkpoint in an object store."""
    return isinstance(selector, str) and location.is_url(selector.strip())


def split_url(selector: str) -> tuple[str, str]:
    """The URL of a checkpoint's folder, with its options, and the name of the checkpoint.

    s3://b/runs/checkpoint_000010?region=x -> s3://b/runs?region=x, checkpoint_000010.

    Raises:
        NoUsableCheckpoint: it has no name.
    """
    address, mark, options = selector.strip().partition("?")
    folder, _, name = address.rstrip("/").rpartition("/")
    if not name or folder.endswith(":/"):
        raise NoUsableCheckpoint(
            "no such checkpoint: the URL names a bucket; add the checkpoint: s3://bucket/prefix/"
            "checkpoint_000050"
        )
    return f"{folder}{mark}{options}", name
