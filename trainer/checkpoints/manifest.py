"""manifest.json: size and SHA-256 of every file of a checkpoint, written last, checked first.

A checkpoint that differs from its manifest is damaged. `verify` compares everything before any of
it is loaded, and reports all problems together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.checkpoints import atomic, finite_weights, layout, metadata
from trainer.checkpoints.errors import CheckpointCorrupted, CheckpointError
from trainer.checkpoints.folder_contents import missing_files, sha256, too_large, walk
from trainer.checkpoints.safe_io import safe_json

FORMAT = 1
RLLIB_ROOT = "rllib_checkpoint.json"
RLLIB_PARTS = (RLLIB_ROOT, "algorithm_state", "learner_group")
# A loader could read these although the manifest does not cover them; a stray note does no harm.
_LOADABLE = (".pkl", ".pickle", ".msgpack", ".safetensors", ".npz", ".npy", ".pt")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileRecord:
    """One file as it was saved; `size` in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """The files and the required parts of a checkpoint.

    Attributes:
        files: by relative POSIX name.
        policies: names of the policies.
        required: files and folders without which it is useless.
    """

    files: Mapping[str, FileRecord]
    policies: tuple[str, ...]
    required: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of all files together, the manifest itself not counted."""
        return sum(record.size for record in self.files.values())


def write(folder: Path) -> Manifest:
    """Hashes, flushes and lists every file under `folder`, then writes manifest.json.

    Raises:
        CheckpointError: a required part is missing, something is not a plain file, or a weight is
            not finite_weights.
    """
    found = walk(folder)
    for name in (*found.odd, *(name for name in found.sizes if not layout.is_safe_name(name))):
        raise CheckpointError(
            f"cannot save {name!r}: only plain files with plain names belong here"
        )
    files = {}
    if problem := too_large(found.sizes):
        raise CheckpointError(f"cannot save: {problem}")
    for name in sorted(found.sizes):
        atomic.fsync_file(folder / name)
        files[name] = FileRecord(sha256(folder / name), found.sizes[name])
    policies = tuple(sorted(found.policies))
    required = tuple(required_parts(files, policies))
    for part in _missing_parts(files, required):
        raise CheckpointError(f"cannot save: {part} was not written, and it is a required part")
    for problem in finite_weights.problems(folder, files):
        raise CheckpointError(f"cannot save: {problem}")
    manifest = Manifest(files, policies, required)
    (folder / layout.MANIFEST).write_text(_encode(manifest), encoding="utf-8")
    atomic.fsync_file(folder / layout.MANIFEST)
    return manifest


def read(folder: Path) -> Manifest:
    """The manifest of a checkpoint.

    Raises:
        OSError: the file is absent or not readable.
        CheckpointCorrupted: it is not valid.
    """
    try:
        text = safe_json.read_bytes(folder / layout.MANIFEST)
        document = safe_json.decode(text)
        if not text.endswith(b"}\n"):
            raise ValueError("its end is missing")
    except ValueError as error:
        problem = f"{layout.MANIFEST}: not readable ({error})"
        raise CheckpointCorrupted(folder, [problem]) from None
    problems = list(_form_problems(document))
    if problems:
        raise CheckpointCorrupted(folder, [f"{layout.MANIFEST}: {line}" for line in problems])
    files = {
        name: FileRecord(item["sha256"], item["size"]) for name, item in document["files"].items()
    }
    return Manifest(files, tuple(document["policies"]), tuple(document["required"]))


def digest(folder: Path) -> str:
    """The hash of a checkpoint's manifest, which covers all its files and survives a move."""
    return sha256(folder / layout.MANIFEST)


def verify(folder: Path) -> Manifest:
    """Compares a checkpoint with its manifest, which it returns.

    Raises:
        CheckpointCorrupted: `problems` has every difference.
    """
    try:
        manifest = read(folder)
        problems = [*_content_problems(folder, manifest)]
        problems = problems or [
            *_metadata_problems(folder, manifest),
            *finite_weights.problems(folder, manifest.files),
        ]
    except FileNotFoundError:
        problem = f"{layout.MANIFEST}: missing, so the checkpoint is incomplete"
        raise CheckpointCorrupted(folder, [problem]) from None
    except OSError as error:
        raise CheckpointCorrupted(folder, [f"cannot be read: {error}"]) from error
    if problems:
        raise CheckpointCorrupted(folder, problems)
    return manifest


def required_parts(files: Iterable[str], policies: Iterable[str]) -> list[str]:
    """The files and folders without which a checkpoint of these policies is useless."""
    parts = [f"{layout.POLICIES}/{p}/{name}" for p in policies for name in layout.POLICY_FILES]
    if RLLIB_ROOT not in files:
        return parts
    state = next((name for name in files if name.startswith("algorithm_state.")), None)
    return [RLLIB_ROOT, state or RLLIB_PARTS[1], RLLIB_PARTS[2], *parts]


def _encode(manifest: Manifest) -> str:
    return metadata.encode(
        {
            "format": FORMAT,
            "size_bytes": manifest.size_bytes,
            "policies": list(manifest.policies),
            "required": list(manifest.required),
            "files": {name: asdict(record) for name, record in manifest.files.items()},
        }
    )


def _form_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """The problems of the manifest itself, found before any name in it is used as a path."""
    if document.get("format") != FORMAT:
        given = safe_json.shown(document.get("format"))
        yield f"format {given} is unknown; this version reads {FORMAT}"
        return
    files = document.get("files")
    if not isinstance(files, dict):
        yield "'files' is missing"
        return
    total = 0
    for name, item in files.items():
        if not layout.is_safe_name(name):
            yield f"unsafe file name {name!r}"
        elif not isinstance(item, dict) or not _is_record(item):
            yield f"{name}: no valid size and sha256"
        else:
            total += item["size"]
    if total != document.get("size_bytes"):
        yield f"the sizes add up to {total}, not to {safe_json.shown(document.get('size_bytes'))}"
    for key in ("policies", "required"):
        names = document.get(key)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            yield f"{key!r} is missing"
        else:
            yield from (
                f"unsafe name {n!r} in {key!r}" for n in names if not layout.is_safe_name(n)
            )


def _is_record(item: Mapping[str, Any]) -> bool:
    sha256, size = item.get("sha256"), item.get("size")
    return (
        isinstance(sha256, str)
        and _SHA256.fullmatch(sha256) is not None
        and safe_json.is_size(size)
    )


def _content_problems(folder: Path, manifest: Manifest) -> Iterator[str]:
    required = dict.fromkeys(
        [*manifest.required, *required_parts(manifest.files, manifest.policies)]
    )
    for part in _missing_parts(manifest.files, required):
        yield f"{part}: a required part, and not in the manifest"
    found = walk(folder)
    if problem := too_large(found.sizes):
        yield problem
        return
    yield from (f"{name}: not a plain file (a link?)" for name in sorted(found.odd))
    yield from missing_files(folder, [n for n in manifest.files if n not in found.sizes])
    for name, record in manifest.files.items():
        size = found.sizes.get(name, record.size)
        if size != record.size:
            yield f"{name}: {size} bytes instead of {record.size}"
        elif name in found.sizes and sha256(folder / name) != record.sha256:
            yield f"{name}: content changed (SHA-256 differs)"
    for name in sorted(found.sizes.keys() - manifest.files.keys()):
        if name.endswith(_LOADABLE):
            yield f"{name}: not in the manifest"


def _metadata_problems(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What makes a listing skip a checkpoint although its files match the manifest."""
    iteration = layout.iteration_of(folder.name)
    if iteration is None:
        return  # a copy under a name of its own
    try:
        saved_as = metadata.read(folder).get("iteration")
    except FileNotFoundError:
        if layout.METADATA not in manifest.files:
            yield f"{layout.METADATA}: missing"
    except ValueError as error:
        yield f"{layout.METADATA}: not readable ({error})"
    else:
        if saved_as != iteration or isinstance(saved_as, bool):
            yield metadata.another_iteration(saved_as)


def _missing_parts(files: Iterable[str], parts: Iterable[str]) -> Iterator[str]:
    """The parts that are neither a listed file nor a folder with a listed file."""
    have = {"/".join(n.split("/")[:depth]) for n in files for depth in range(1, n.count("/") + 2)}
    return (part for part in parts if part not in have)
