"""Documents that somebody else wrote, and everything that reads them."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.checkpoints.fakes import WHEN
from trainer.checkpoints import layout
from trainer.checkpoints.errors import CheckpointError
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.retention import Retention
from trainer.checkpoints.safe_io import safe_json
from trainer.commands.checkpoint_tools import list_checkpoints
from trainer.commands.checkpoint_tools import main as program

DOCUMENTS = ("manifest.json", "metadata.json", layout.INDEX, *layout.SIDECARS)
FLAGS = (["-d"], ["--json"], ["--lineage"], ["--sort", "timestamp:desc", "--verify"])


Keys = tuple[Any, ...]
"""The keys and positions that lead to a value inside a document."""


def path_of(directory: Path, name: str) -> Path:
    inside = name in ("manifest.json", "metadata.json")
    return directory / "checkpoint_000010" / name if inside else directory / name


def run_captured(main: Callable[[list[str]], int], words: list[str]) -> tuple[int, str, str]:
    """The exit code and what was printed; an exception would get through."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return code, out.getvalue(), err.getvalue()


def run_list(directory: Path, *flags: str) -> tuple[int, str, str]:
    return run_captured(list_checkpoints.main, [str(directory), *flags])


def check_everything(directory: Path, lists: Sequence[list[str]] = FLAGS) -> None:
    """Everything that reads untrusted files; only the package's own errors may be raised."""
    for flags in lists:
        code, out, err = run_list(directory, *flags)
        assert code in (0, 1), err
        assert all(line.isprintable() for line in (out + err).splitlines())
        if "--json" in flags:
            listed = json.loads(out, parse_constant=pytest.fail)
            assert 20 in [entry["iteration"] for entry in listed]
    manager = CheckpointManager(
        directory, retention=Retention(1, 1, best_metric="seed"), clock=lambda: WHEN
    )
    with contextlib.suppress(CheckpointError):
        manager.verify(directory / "checkpoint_000010")
    with contextlib.suppress(CheckpointError):
        manager.prune(dry_run=True)
    assert manager.open("latest") == directory / "checkpoint_000020"


def check_the_tools(directory: Path, lists: Sequence[list[str]] = ()) -> None:
    folder = ["--checkpoint-dir", str(directory), "--json"]
    for words in (["verify"], ["diff", "latest", str(directory / "checkpoint_000010")], ["prune"]):
        dry = ["--dry-run"] if words == ["prune"] else []
        code, out, err = run_captured(program.main, [*words, *folder, *dry])
        assert code in (0, 1, 3), err
        assert not out or json.loads(out, parse_constant=pytest.fail) is not None


def reseal(document: Any) -> None:
    """An index whose digest is right: its content is believed where the stamps fit."""
    with contextlib.suppress(Exception):
        lines = [json.dumps(item) for item in document["checkpoints"]]
        document["sha256"] = hashlib.sha256("\n".join(lines).encode()).hexdigest()


def places(value: Any, path: Keys = ()) -> Iterator[Keys]:
    """The way to every value inside a document."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def replaced(document: Any, path: Keys, value: Any) -> Any:
    if not path:
        return value
    document = copy.deepcopy(document)
    target = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return document


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


NASTY = [
    None,
    True,
    -1,
    1.5,
    10**400,
    float("inf"),
    float("nan"),
    1e308,
    2**63,
    "",
    "\ud800",
    "\x1b[2J\n\0",
    "../../../etc/passwd",
    "x" * 300,
    [],
    {},
    [[{"a": {}}]],
    {"policies": {"p": {"path": "\x1b]0;x\x07", "sha256": []}}},
    nested(safe_json.MAX_DEPTH + 1),
    nested(500),
]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
