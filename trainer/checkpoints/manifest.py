"""manifest.json: size and SHA-256 of every file of a checkpoint, written last, checked first.

A checkpoint is what its manifest says or it is damaged: `verify` reads and compares everything
before any of it is loaded, and reports all findings together.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.checkpoints import atomic, finite, layout, metadata
from trainer.checkpoints.errors import CheckpointCorrupted, CheckpointError
from trainer.checkpoints.safe_io import safe_json, tensor_file

FORMAT = 1
RLLIB_ROOT = "rllib_checkpoint.json"
RLLIB_PARTS = (RLLIB_ROOT, "algorithm_state", "learner_group")
# A loader could pick these up although nobody vouches for them; a stray note does no harm.
_LOADABLE = (".pkl", ".pickle", ".msgpack", ".safetensors", ".npz", ".npy", ".pt")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Two policies of the largest size, twice, and their optimizers, with as much for the worlds. A file
# full of holes has any size at no cost, and would be read for hours.
MAX_TOTAL = 4 * 2**30
_MAX_WEIGHTS = 2 * tensor_file.MAX_BYTES


@dataclass(frozen=True)
class FileRecord:
    """One file as it was saved; `size` in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """All files of a checkpoint by relative POSIX name, and the parts it cannot do without."""

    files: Mapping[str, FileRecord]
    policies: tuple[str, ...]
    required: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of all files together, the manifest itself not counted."""
        return sum(record.size for record in self.files.values())


def write(folder: Path) -> Manifest:
    """Hash, flush and list every file under `folder`, then write manifest.json.

    CheckpointError if a required part is missing, something is not a plain file or a weight is not
    finite.
    """
    found = _walk(folder)
    for name in (*found.odd, *(name for name in found.sizes if not layout.is_safe_name(name))):
        raise CheckpointError(
            f"cannot save {name!r}: only plain files with plain names belong here"
        )
    files = {}
    if problem := _too_much(found.sizes):
        raise CheckpointError(f"cannot save: {problem}")
    for name in sorted(found.sizes):
        atomic.fsync_file(folder / name)
        files[name] = FileRecord(_sha256(folder / name), found.sizes[name])
    policies = tuple(sorted(found.policies))
    required = tuple(required_parts(files, policies))
    for part in _missing_parts(files, required):
        raise CheckpointError(f"cannot save: {part} was not written, and it is a required part")
    for problem in finite.problems(folder, files):
        raise CheckpointError(f"cannot save: {problem}")
    manifest = Manifest(files, policies, required)
    (folder / layout.MANIFEST).write_text(_encode(manifest), encoding="utf-8")
    atomic.fsync_file(folder / layout.MANIFEST)
    return manifest


def read(folder: Path) -> Manifest:
    """The manifest of a checkpoint. OSError if there is none, CheckpointCorrupted if unusable."""
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
    """Hash of a checkpoint's manifest, which covers every file of it and outlives a move."""
    return _sha256(folder / layout.MANIFEST)


def verify(folder: Path) -> Manifest:
    """Compare a checkpoint with its manifest. CheckpointCorrupted carries every difference."""
    try:
        manifest = read(folder)
        problems = [*_content_problems(folder, manifest)]
        problems = problems or [
            *_metadata_problems(folder, manifest),
            *finite.problems(folder, manifest.files),
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
    """Files and folders without which a checkpoint is useless, given what it is meant to hold."""
    parts = [f"{layout.POLICIES}/{p}/{name}" for p in policies for name in layout.POLICY_FILES]
    if RLLIB_ROOT not in files:
        return parts
    state = next((name for name in files if name.startswith("algorithm_state.")), None)
    return [RLLIB_ROOT, state or RLLIB_PARTS[1], RLLIB_PARTS[2], *parts]


@dataclass
class _Found:
    """What is really in a folder: plain files with their bytes, policy folders, and the rest."""

    sizes: dict[str, int]
    policies: list[str]
    odd: list[str]


def _walk(folder: Path) -> _Found:
    """Everything under `folder` except its manifest, following no symbolic link."""
    found = _Found({}, [], [])
    pending = [""]
    while pending:
        prefix = pending.pop()
        with os.scandir(folder / prefix) as entries:
            for entry in entries:
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{name}/")
                    if prefix == f"{layout.POLICIES}/":
                        found.policies.append(entry.name)
                elif not entry.is_file(follow_symlinks=False):
                    found.odd.append(name)
                elif name != layout.MANIFEST:
                    found.sizes[name] = entry.stat(follow_symlinks=False).st_size
    return found


def _encode(manifest: Manifest) -> str:
    return metadata.encode(
        {
            "format": FORMAT,
            "size_bytes": manifest.size_bytes,
            "policies": list(manifest.policies),
            "required": list(manifest.required),
            "files": {
                name: {"sha256": record.sha256, "size": record.size}
                for name, record in manifest.files.items()
            },
        }
    )


def _form_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the manifest by itself, before any name in it is used as a path."""
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
    found = _walk(folder)
    if problem := _too_much(found.sizes):
        yield problem
        return
    yield from (f"{name}: not a plain file (a link?)" for name in sorted(found.odd))
    yield from _missing_files(folder, [n for n in manifest.files if n not in found.sizes])
    for name, record in manifest.files.items():
        size = found.sizes.get(name, record.size)
        if size != record.size:
            yield f"{name}: {size} bytes instead of {record.size}"
        elif name in found.sizes and _sha256(folder / name) != record.sha256:
            yield f"{name}: content changed (SHA-256 differs)"
    for name in sorted(found.sizes.keys() - manifest.files.keys()):
        if name.endswith(_LOADABLE):
            yield f"{name}: not in the manifest"


def _too_much(sizes: Mapping[str, int]) -> str | None:
    """What is too large to be read, by what the file system says."""
    total = sum(sizes.values())
    weights = sum(size for name, size in sizes.items() if finite.is_weights(name))
    if total > MAX_TOTAL:
        largest = max(sizes, key=sizes.__getitem__)
        return f"{largest}: its files have {total} bytes together, more than {MAX_TOTAL}"
    if weights > _MAX_WEIGHTS:
        return f"{layout.POLICIES}/: the weights have {weights} bytes, more than {_MAX_WEIGHTS}"
    return None


def _metadata_problems(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What makes a list pass a checkpoint over although its files are what the manifest says."""
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


def _missing_files(folder: Path, names: Iterable[str]) -> Iterator[str]:
    """One line for each missing file, or for the outermost folder that went with it."""
    gone: dict[str, int] = {}
    for name in names:
        parts = name.split("/")
        ancestors = ("/".join(parts[: depth + 1]) for depth in range(len(parts)))
        lost = next((path for path in ancestors if not os.path.lexists(folder / path)), name)
        gone[lost] = gone.get(lost, 0) + 1
    for lost, count in gone.items():
        yield f"{lost}: missing" if count == 1 else f"{lost}/: missing with its {count} files"


def _missing_parts(files: Iterable[str], parts: Iterable[str]) -> Iterator[str]:
    """Those parts that are neither a listed file nor a folder with a listed file."""
    have = {"/".join(n.split("/")[:depth]) for n in files for depth in range(1, n.count("/") + 2)}
    return (part for part in parts if part not in have)


def _sha256(path: Path) -> str:
    try:
        with safe_json.open_plain(path) as file:  # a pipe put there meanwhile would never end
            return hashlib.file_digest(file, "sha256").hexdigest()
    except ValueError as error:
        raise OSError(str(error)) from None
