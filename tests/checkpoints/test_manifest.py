"""Every way a checkpoint can be damaged is found, and all of it in one error."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.fakes import contents, save
from trainer.checkpoints import layout, manifest
from trainer.checkpoints.errors import CheckpointCorrupted, CheckpointError, NoUsableCheckpoint
from trainer.checkpoints.manager import CheckpointManager

FILES = (
    "algorithm_state.pkl",
    "config.yaml",
    "learner_group/learner/state.pkl",
    "metadata.json",
    "policies/hider_policy/spec.json",
    "policies/hider_policy/weights.safetensors",
    "policies/seeker_policy/spec.json",
    "policies/seeker_policy/weights.safetensors",
    "rllib_checkpoint.json",
)


@pytest.fixture
def checkpoint(manager: CheckpointManager) -> Path:
    return save(manager, 10)


def problems(folder: Path) -> tuple[str, ...]:
    with pytest.raises(CheckpointCorrupted) as caught:
        manifest.verify(folder)
    return caught.value.problems


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / layout.MANIFEST
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document) + "\n")


def test_a_fresh_checkpoint_is_sound_and_lists_every_file(
    manager: CheckpointManager, checkpoint: Path
) -> None:
    manager.verify(checkpoint)
    manager.verify(str(checkpoint))
    listed = manifest.read(checkpoint)
    assert tuple(listed.files) == FILES
    assert listed.policies == ("hider_policy", "seeker_policy")
    digests = {name: record.sha256 for name, record in listed.files.items()}
    assert digests | {"manifest.json": contents(checkpoint)["manifest.json"]} == contents(
        checkpoint
    )


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["bit", "truncate", "empty", "delete", "folder"])
def test_a_damaged_file_is_named(checkpoint: Path, name: str, damage: str) -> None:
    path = checkpoint / name
    data = path.read_bytes()
    if damage == "bit":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        expected = f"{name}: content changed (SHA-256 differs)"
    elif damage == "truncate":
        path.write_bytes(data[:-1])
        expected = f"{name}: {len(data) - 1} bytes instead of {len(data)}"
    elif damage == "empty":
        path.write_bytes(b"")
        expected = f"{name}: 0 bytes instead of {len(data)}"
    else:
        path.unlink()
        expected = f"{name}: missing"
        if damage == "folder":
            path.mkdir()
    found = problems(checkpoint)
    assert len(found) == 1
    if name.startswith("learner_group"):  # its folder holds nothing else
        assert found[0].startswith("learner_group")
    else:
        assert found == (expected,)


def test_every_single_bit_of_the_manifest_counts(checkpoint: Path) -> None:
    path = checkpoint / layout.MANIFEST
    original = path.read_bytes()
    missed = []
    for position in range(len(original)):
        bit = 1 << (position % 8)
        with path.open("r+b") as file:  # in place: replacing it a thousand times is slow
            file.seek(position)
            file.write(bytes([original[position] ^ bit]))
            file.flush()
            try:
                manifest.verify(checkpoint)
                missed.append((position, bit, chr(original[position])))
            except CheckpointCorrupted:
                pass
            file.seek(position)
            file.write(original[position : position + 1])
    manifest.verify(checkpoint)
    assert missed == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"format": 1}', "\xff"])
def test_a_broken_manifest_is_an_error_like_any_other(checkpoint: Path, text: str) -> None:
    (checkpoint / layout.MANIFEST).write_text(text, encoding="latin-1")
    assert problems(checkpoint)[0].startswith("manifest.json: ")


def test_no_manifest_means_incomplete(manager: CheckpointManager, checkpoint: Path) -> None:
    (checkpoint / layout.MANIFEST).unlink()
    assert problems(checkpoint) == ("manifest.json: missing, so the checkpoint is incomplete",)
    with pytest.raises(NoUsableCheckpoint, match="no such checkpoint folder"):
        manager.verify(checkpoint / "nothing")


def test_a_missing_policy_folder_is_one_finding(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint / "policies" / "hider_policy")
    assert problems(checkpoint) == ("policies/hider_policy/: missing with its 2 files",)


def test_all_findings_come_together(checkpoint: Path) -> None:
    (checkpoint / "algorithm_state.pkl").write_text("other")
    (checkpoint / "config.yaml").unlink()
    shutil.rmtree(checkpoint / "policies" / "seeker_policy")
    shutil.rmtree(checkpoint / "learner_group")
    assert sorted(problems(checkpoint)) == [
        "algorithm_state.pkl: content changed (SHA-256 differs)",
        "config.yaml: missing",
        "learner_group: missing",
        "policies/seeker_policy/: missing with its 2 files",
    ]


def test_the_message_is_short_and_tells_the_way_on(checkpoint: Path) -> None:
    for name in FILES:
        (checkpoint / name).write_text("?")
    with pytest.raises(CheckpointCorrupted) as caught:
        manifest.verify(checkpoint)
    assert len(caught.value.problems) == len(FILES)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{checkpoint} is damaged: ")
    assert first.endswith(f"; and {len(FILES) - 3} more")
    assert f"python list_checkpoints.py {checkpoint.parent}" in second


@pytest.mark.parametrize("name", ["../evil.pkl", "/etc/passwd", "policies/../../evil", "a\\b"])
@pytest.mark.parametrize("part", ["files", "policies", "required"])
def test_names_that_leave_the_folder_are_refused_unread(
    checkpoint: Path, name: str, part: str
) -> None:
    def plant(document: dict[str, Any]) -> None:
        if part == "files":
            document["files"][name] = {"sha256": "0" * 64, "size": 0}
        else:
            document[part].append(name)

    edit_manifest(checkpoint, plant)
    assert any("unsafe" in line and repr(name) in line for line in problems(checkpoint))


@pytest.mark.parametrize(
    "record", [None, {}, {"size": -1, "sha256": "0" * 64}, {"size": True, "sha256": "0" * 64}]
)
def test_a_file_record_needs_size_and_digest(
    checkpoint: Path, record: dict[Any, Any] | None
) -> None:
    edit_manifest(checkpoint, lambda document: document["files"].update(x=record))
    assert "manifest.json: x: no valid size and sha256" in problems(checkpoint)


@pytest.mark.parametrize("part", ["algorithm_state.pkl", "policies/hider_policy/spec.json"])
def test_a_required_part_cannot_be_struck_off_the_manifest(checkpoint: Path, part: str) -> None:
    def strike(document: dict[str, Any]) -> None:
        document["size_bytes"] -= document["files"].pop(part)["size"]
        document["required"].remove(part)

    edit_manifest(checkpoint, strike)
    (checkpoint / part).unlink()
    found = problems(checkpoint)
    assert len(found) == 1
    assert part.split(".")[0] in found[0]
    assert "a required part, and not in the manifest" in found[0]


@pytest.mark.parametrize("target", ["file", "folder"])
def test_links_are_refused_even_to_equal_content(
    checkpoint: Path, tmp_path: Path, target: str
) -> None:
    name = "config.yaml" if target == "file" else "policies"
    (checkpoint / name).rename(tmp_path / name)
    (checkpoint / name).symlink_to(tmp_path / name)
    assert f"{name}: not a plain file (a link?)" in problems(checkpoint)


def test_planted_state_is_refused_and_a_note_is_not(checkpoint: Path) -> None:
    (checkpoint / "notes.txt").write_text("my best run")
    manifest.verify(checkpoint)
    (checkpoint / "learner_group" / "state.pkl").write_text("evil")
    assert problems(checkpoint) == ("learner_group/state.pkl: not in the manifest",)


def test_a_copy_verifies_on_its_own(checkpoint: Path, directory: Path) -> None:
    shutil.copytree(checkpoint, directory / "best_model")
    shutil.rmtree(checkpoint)
    manifest.verify(directory / "best_model")


def test_what_cannot_be_verified_later_is_not_saved(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(CheckpointError, match="'link'"):
        manifest.write(tmp_path)


@pytest.mark.parametrize(
    ("have", "lacking"),
    [
        (["policies/p/spec.json"], "policies/p/weights.safetensors"),
        (["policies/p/weights.safetensors"], "policies/p/spec.json"),
        (["rllib_checkpoint.json", "learner_group/x"], "algorithm_state"),
        (["rllib_checkpoint.json", "algorithm_state.pkl"], "learner_group"),
    ],
)
def test_an_incomplete_checkpoint_is_not_saved(
    tmp_path: Path, have: list[str], lacking: str
) -> None:
    for name in have:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(CheckpointError, match=f"{lacking} was not written"):
        manifest.write(tmp_path)
    assert not (tmp_path / layout.MANIFEST).exists()


def test_the_required_parts_of_a_msgpack_state(tmp_path: Path) -> None:
    files = ["rllib_checkpoint.json", "algorithm_state.msgpack", "learner_group/x"]
    assert manifest.required_parts(files, ["p"]) == [
        "rllib_checkpoint.json",
        "algorithm_state.msgpack",
        "learner_group",
        "policies/p/weights.safetensors",
        "policies/p/spec.json",
    ]
