"""Files that somebody else wrote: a clear error or a tolerant list, never a traceback."""

import hashlib
import inspect
import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.checkpoints.fakes import WHEN, save
from tests.checkpoints.hostile import (
    DOCUMENTS,
    FLAGS,
    JSON_VALUES,
    NASTY,
    check_everything,
    check_the_tools,
    path_of,
    places,
    replaced,
    reseal,
    run_captured,
    run_list,
)
from trainer.checkpoints import finite_weights, folder_contents, index, layout, manifest
from trainer.checkpoints.errors import CheckpointCorrupted, CheckpointError, NoUsableCheckpoint
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.checkpoint_tools import lineage
from trainer.commands.checkpoint_tools import main as program

FEW = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


Check = Callable[[Path, list[list[str]]], None]


@pytest.fixture(autouse=True)
def _no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tools would read that of the project each time."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize(
    "check", [check_everything, pytest.param(check_the_tools, marks=pytest.mark.slow)]
)
@FEW
@given(data=st.data())
def test_a_changed_value_anywhere(two: Path, name: str, check: Check, data: st.DataObject) -> None:
    path = path_of(two, name)
    original = path.read_bytes()
    document = json.loads(original)
    place = data.draw(st.sampled_from(list(places(document))))
    changed = replaced(document, place, data.draw(st.sampled_from(NASTY) | JSON_VALUES))
    if name == layout.INDEX:
        reseal(changed)
    try:
        path.write_text(json.dumps(changed))
        if name != layout.INDEX:  # its stamp is new, so it is read
            (two / layout.INDEX).unlink(missing_ok=True)
        check(two, [data.draw(st.sampled_from(FLAGS))])
    finally:
        path.write_bytes(original)


@pytest.mark.parametrize("name", DOCUMENTS)
@FEW
@given(
    content=st.binary(max_size=200) | JSON_VALUES.map(lambda v: json.dumps(v).encode()),
    flags=st.sampled_from(FLAGS),
)
def test_any_bytes(two: Path, name: str, content: bytes, flags: list[str]) -> None:
    path = path_of(two, name)
    original = path.read_bytes()
    try:
        path.write_bytes(content)
        check_everything(two, [flags])
    finally:
        path.write_bytes(original)


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("nasty", NASTY, ids=lambda value: repr(value)[:20])
def test_the_worst_values_in_every_place(two: Path, name: str, nasty: object) -> None:
    """The same as by chance above, but every value meets the places that matter."""
    path = path_of(two, name)
    document = json.loads(path.read_bytes())
    for place in list(places(document))[:8]:
        changed = replaced(document, place, nasty)
        if name == layout.INDEX:
            reseal(changed)
        path.write_text(json.dumps(changed))
        code, out, err = run_list(two, "--json")
        assert code == 0, err
        json.loads(out, parse_constant=pytest.fail)


def test_a_forged_index_cannot_hide_what_the_folders_say(two: Path) -> None:
    """Even with right digest and stamps it can only lie about values, and only in their form."""
    document = json.loads((two / layout.INDEX).read_bytes())
    document["checkpoints"][0]["iteration"] = 20
    document["checkpoints"][1]["metadata"]["reward_mean"] = float("inf")
    document["checkpoints"][1]["metadata"]["seed"] = float("nan")
    reseal(document)
    (two / layout.INDEX).write_text(json.dumps(document))
    code, out, _ = run_list(two, "--json")
    first, second = json.loads(out, parse_constant=pytest.fail)
    assert (code, first["iteration"], second["iteration"]) == (0, 10, 20)
    assert second["reward_mean"] is second["seed"] is None


@pytest.mark.parametrize("name", ["manifest.json", "metadata.json", layout.INDEX])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "huge"])
def test_what_is_not_a_plain_file_is_passed_over(
    two: Path, tmp_path: Path, name: str, kind: str
) -> None:
    path = path_of(two, name)
    path.rename(tmp_path / "elsewhere")
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(2**40)  # 1 TB that takes no room
    code, out, err = run_list(two)
    assert code == 0
    assert "checkpoint_000020" in out
    if name != layout.INDEX:
        assert "checkpoint_000010" not in out
        assert err.startswith("skipped checkpoint_000010: ")
        with pytest.raises(CheckpointCorrupted):
            manifest.verify(two / "checkpoint_000010")


@pytest.mark.parametrize("outside", ["weights.safetensors", "."])
def test_links_out_of_a_checkpoint_are_refused_unread(
    two: Path, tmp_path: Path, outside: str
) -> None:
    """Equal content elsewhere is no excuse: it could change after the check."""
    inside = two / "checkpoint_000010" / "policies" / "hider_policy"
    shutil.copytree(inside, tmp_path / "copy")
    target = inside / outside
    shutil.rmtree(target) if outside == "." else target.unlink()
    (inside if outside == "." else target).symlink_to(tmp_path / "copy" / outside)
    with pytest.raises(CheckpointCorrupted, match="not a plain file"):
        manifest.verify(two / "checkpoint_000010")


def test_names_that_lead_outside_are_not_even_looked_at(two: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.pkl"
    os.mkfifo(secret)  # opening it would wait forever
    path = two / "checkpoint_000010" / "manifest.json"
    document = json.loads(path.read_bytes())
    for name in ("../../secret.pkl", str(secret), "policies/../../../secret.pkl"):
        files = {**document["files"], name: {"sha256": "0" * 64, "size": 0}}
        path.write_text(json.dumps(document | {"files": files}) + "\n")
        with pytest.raises(CheckpointCorrupted, match="unsafe file name"):
            manifest.verify(two / "checkpoint_000010")


@pytest.mark.parametrize("size", [2**63, 10**400, -1, 1e400, 1.0, True])
def test_absurd_sizes_are_no_sizes(two: Path, size: bool | float | int) -> None:
    path = two / "checkpoint_000010" / "manifest.json"
    document = json.loads(path.read_bytes())
    document["files"]["config.yaml"]["size"] = size
    path.write_text(json.dumps(document) + "\n")
    with pytest.raises(CheckpointCorrupted, match="no valid size and sha256"):
        manifest.verify(two / "checkpoint_000010")


@pytest.mark.parametrize(
    "selector", ["9" * 5000, "-" * 5000, "\0", "\x1b[2J", "x" * 300, "a/" * 3000, "~nobody/x", ""]
)
def test_any_selector_is_answered(two: Path, selector: str) -> None:
    manager = CheckpointManager(two)
    for ask in (manager.open, manager.open_or_older):
        with pytest.raises(NoUsableCheckpoint) as caught:
            ask(selector)
        assert len(str(caught.value)) < 1000
        assert all(line.isprintable() for line in str(caught.value).splitlines())


def test_a_lineage_cannot_rewrite_the_terminal(directory: Path) -> None:
    class Empty:
        def save_to_path(self, path: str) -> None:
            pass

    now = [WHEN]
    manager = CheckpointManager(directory, keep_last_n=0, clock=lambda: now[0])
    parent = None
    for i in range(3):
        now[0] += timedelta(hours=1)
        given = {"segment": f"s{i}", "parent": parent}
        folder = manager.save(Empty(), iteration=i, metadata=given)
        parent = {"path": "\x1b[2J/\x07", "sha256": manifest.digest(folder)}
    code, out, _ = run_list(directory, "--lineage")
    assert code == 0
    assert [line.rstrip() for line in out.splitlines()[1:]] == [
        "`-- fresh: 0",
        "    `-- resumed from ?[2J/?: 1",
        "        `-- resumed from ?[2J/?: 2",
    ]


def test_more_resumes_in_a_row_than_python_recurses() -> None:
    lineage.draw_tree("root", ["resumed"], [None])  # imports what it needs
    usual, count = sys.getrecursionlimit(), 300
    sys.setrecursionlimit(len(inspect.stack(0)) + count)  # the drawing of many is slow
    try:
        lines = lineage.draw_tree("root", ["resumed"] * count, [None, *range(count - 1)])
    finally:
        sys.setrecursionlimit(usual)
    assert len(lines) == 1 + count
    assert lines[-1] == " " * 4 * (count - 1) + "└── resumed"


def test_the_index_is_read_back_as_strictly_as_it_is_written(two: Path) -> None:
    text = (two / layout.INDEX).read_text()
    assert set(index.decode(text.encode())) == {10, 20}
    for nasty in ("NaN", "Infinity", "1e400"):
        document = json.loads(text.replace('"seed": 1', f'"seed": {nasty}'))
        reseal(document)
        found = index.decode(json.dumps(document).encode())
        assert found[10].metadata["seed"] is None


@pytest.mark.parametrize("key", ["iteration", "size_bytes", "stamp"])
def test_an_entry_with_another_kind_of_number_spoils_the_index(two: Path, key: str) -> None:
    document = json.loads((two / layout.INDEX).read_text())
    entry = document["checkpoints"][0]
    numbers = entry[key]
    for other in (float, str, lambda number: True):
        entry[key] = [*map(other, numbers)] if key == "stamp" else other(numbers)
        reseal(document)
        assert index.decode(json.dumps(document).encode()) == {}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("text", ["", "[]", '{"format": 1e400}', "[" * 100_000, "\0\xff\x1b[2J"])
def test_the_tools_take_what_the_list_takes(two: Path, name: str, text: str) -> None:
    path_of(two, name).write_bytes(text.encode("latin-1"))
    check_the_tools(two)
    assert run_captured(program.main, ["repair", str(two)])[0] == 0
    assert run_captured(program.main, ["verify", str(two)])[0] == 0
    assert CheckpointManager(two).open("latest") == two / "checkpoint_000020"


# --- more of it than anybody writes ---------------------------------------------------------------


def add_to_metadata(directory: Path, **values: Any) -> None:
    path = path_of(directory, "metadata.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"x": "a" * 2**20}, "metadata.json has"),
        ({"x": [[]] * 200_000}, "more than 20000 values"),
    ],
)
def test_metadata_of_more_than_a_save_writes(
    two: Path, values: dict[str, Any], message: str
) -> None:
    add_to_metadata(two, **values)
    (two / layout.INDEX).unlink()
    code, _, err = run_list(two)
    assert code == 0
    assert err.startswith(f"skipped checkpoint_000010: {message}")
    check_everything(two)


def test_a_save_refuses_metadata_that_no_list_would_take(two: Path) -> None:
    manager = CheckpointManager(two)
    too_much: tuple[object, ...] = ("a" * 2**20, [[]] * 200_000)
    for value in too_much:
        with pytest.raises(CheckpointError, match="cannot save: the metadata: "):
            save(manager, 30, x=value)
    assert manager.listing().iterations == [10, 20]


def test_a_long_key_over_many_is_not_repeated_for_each(two: Path) -> None:
    add_to_metadata(two, **{"k" * 200_000: {f"a{number}": 0 for number in range(5_000)}})
    code, _, err = run_captured(program.main, ["diff", "10", "20", "--checkpoint-dir", str(two)])
    assert code == 1
    assert "keys of more than 4194304 characters together" in err


def test_an_index_larger_than_what_it_lists_is_no_cache(two: Path) -> None:
    text = (two / layout.INDEX).read_text()
    (two / layout.INDEX).write_text(text + " " * 32 * 2**20)
    assert index._read_index(two) is None
    check_everything(two)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("learner_group/learner/state.pkl", 2**40, "more than 4294967296"),
        ("policies/hider_policy/weights.safetensors", 2**30, "the weights have"),
    ],
)
def test_files_full_of_holes_are_not_hashed(two: Path, name: str, size: int, message: str) -> None:
    checkpoint = two / "checkpoint_000010"
    with (checkpoint / name).open("r+b") as file:
        file.truncate(size)
    with pytest.raises(CheckpointCorrupted, match=message) as caught:
        manifest.verify(checkpoint)
    assert len(caught.value.problems) == 1


def test_a_vouched_for_policy_whose_names_share_their_weights_is_refused(two: Path) -> None:
    checkpoint = two / "checkpoint_000010"
    header = json.dumps(
        {f"a{n}": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for n in range(900)}
    ).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(8)
    name = "policies/hider_policy/weights.safetensors"
    (checkpoint / name).write_bytes(content)
    document = json.loads((checkpoint / "manifest.json").read_bytes())
    old = document["files"][name]["size"]
    document["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    document["size_bytes"] += len(content) - old
    (checkpoint / "manifest.json").write_text(json.dumps(document) + "\n")
    with pytest.raises(CheckpointCorrupted, match="a1 does not begin where the one before ends"):
        manifest.verify(checkpoint)


def test_a_pipe_put_in_the_place_of_a_file_is_not_waited_for(two: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for read in (folder_contents.sha256, finite_weights.not_finite):
        with pytest.raises((OSError, ValueError), match="pipe is not a plain file"):
            read(pipe)
