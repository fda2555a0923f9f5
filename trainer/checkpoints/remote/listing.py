"""The contents of an object store, from the list of its objects and the pointer `latest.json`.

A checkpoint exists once its manifest does, which is uploaded last. `latest.json` names the newest
one that its writer has verified. Later ones are hidden, as their writer has not finished.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from trainer.checkpoints import layout
from trainer.checkpoints.remote.client import Client, Entry
from trainer.checkpoints.safe_io import safe_json

POINTER = "latest.json"
LEASE = ".writer-"
FORMAT = 1


@dataclass(frozen=True)
class RemoteListing:
    """The objects of a store.

    Attributes:
        objects: all of them by name.
        latest: the checkpoint that `latest.json` names; None if it names none.
    """

    objects: Mapping[str, Entry]
    latest: str | None

    @cached_property
    def manifests(self) -> dict[str, Entry]:
        """The manifests by checkpoint, those in branch folders too."""
        return {
            unit: self.objects[f"{unit}/{layout.MANIFEST}"]
            for unit in self._units
            if f"{unit}/{layout.MANIFEST}" in self.objects
        }

    @property
    def unfinished(self) -> list[str]:
        """Checkpoints without a manifest: half uploaded, or half deleted."""
        return sorted(self._units - self.manifests.keys())

    @property
    def unverified(self) -> list[str]:
        """Checkpoints beyond the one that `latest.json` names, if that one is there."""
        if self.latest not in self.manifests:
            return []
        last = layout.iteration_of(self.latest or "") or 0
        return [name for name in self.manifests if (layout.iteration_of(name) or 0) > last]

    @property
    def visible(self) -> dict[str, Entry]:
        """The manifests of the checkpoints that readers see."""
        hidden = set(self.unverified)
        return {name: entry for name, entry in self.manifests.items() if name not in hidden}

    @property
    def leases(self) -> dict[str, Entry]:
        """The lease objects of writers."""
        return {
            name: entry
            for name, entry in self.objects.items()
            if name.startswith(LEASE) and "/" not in name
        }

    def beyond(self, iteration: int) -> list[str]:
        """Later checkpoints and side files that are not in a branch folder, the highest first."""
        heads = {name.partition("/")[0] for name in self.objects}
        later = {name: layout.any_iteration_of(name) or 0 for name in sorted(heads)}
        found = [name for name in later if later[name] > iteration]
        return sorted(found, key=later.__getitem__, reverse=True)

    def below(self, unit: str) -> list[str]:
        """The objects of a checkpoint."""
        return [name for name in self.objects if name.startswith(f"{unit}/")]

    @cached_property
    def _units(self) -> set[str]:
        return {unit for name in self.objects if (unit := _unit(name)) is not None}


def list_remote(client: Client) -> RemoteListing:
    """Lists a store.

    Raises:
        StoreUnavailable: it refused or did not answer.
    """
    objects = client.objects()
    return RemoteListing(objects, _pointed_at(client) if POINTER in objects else None)


def pointer(name: str, sha256: str) -> bytes:
    """The content of `latest.json`; `sha256` is that of the manifest."""
    document = {"format": FORMAT, "checkpoint": name, "manifest_sha256": sha256}
    return (json.dumps(document) + "\n").encode()


def _pointed_at(client: Client) -> str | None:
    try:
        name = safe_json.decode(client.read(POINTER)).get("checkpoint")
    except (FileNotFoundError, ValueError):  # moved just now, or not ours
        return None
    return name if isinstance(name, str) and layout.iteration_of(name) is not None else None


def _unit(name: str) -> str | None:
    """The checkpoint that an object belongs to."""
    first, _, rest = name.partition("/")
    if layout.iteration_of(first) is not None:
        return first if rest else None
    second, _, deeper = rest.partition("/")
    if layout.is_branch_name(first) and layout.iteration_of(second) is not None and deeper:
        return f"{first}/{second}"
    return None
