"""The index is a cache: without it, or with a wrong one, everything is the same."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checkpoints.fakes import WHEN, info, names, save
from trainer.checkpoints import index, layout
from trainer.checkpoints.checkpoint_info import Stamp
from trainer.checkpoints.index import Listing
from trainer.checkpoints.manager import CheckpointManager


@pytest.fixture
def varied(manager: CheckpointManager, directory: Path) -> Path:
    save(manager, 10, reward_mean=161.06)
    save(manager, 20, reward_mean=float("nan"))
    save(manager, 30, versions={"name": "ü"}, tags=["final"])
    return directory


def index_text(directory: Path) -> str:
    return (directory / layout.INDEX).read_text()


def flip_a_digit(text: str) -> str:
    assert "161.06" in text
    return text.replace("161.06", "171.06")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: None,
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: "[" * 100_000,
        lambda text: '{"format": 1}',
        lambda text: text.replace('"format": 1', '"format": 2'),
        flip_a_digit,
        lambda text: "\xff\xfe",
    ],
)
def test_a_missing_or_broken_index_is_rebuilt_equal(
    varied: Path, damage: Callable[[str], str | None]
) -> None:
    before = index_text(varied)
    listed = index.load(varied)
    text = damage(before)
    (varied / layout.INDEX).unlink()
    if text is not None:
        (varied / layout.INDEX).write_text(text, encoding="latin-1")
    assert index.load(varied) == listed
    assert text is None or (varied / layout.INDEX).read_text(encoding="latin-1") == text
    index.update(varied)
    assert index_text(varied) == before


def test_an_index_of_another_format_is_not_interpreted(varied: Path) -> None:
    text = index_text(varied).encode()
    assert index.decode(text).keys() == {10, 20, 30}
    assert index.decode(text.replace(b'"format": 1', b'"format": 2')) == {}


def test_the_index_is_strict_json_with_the_time_of_the_last_commit(varied: Path) -> None:
    document = json.loads(index_text(varied), parse_constant=pytest.fail)
    assert document["last_updated"] == WHEN.isoformat()
    assert [item["iteration"] for item in document["checkpoints"]] == [10, 20, 30]
    assert str(varied) not in index_text(varied)


def test_folders_removed_by_hand_leave_the_index(varied: Path, manager: CheckpointManager) -> None:
    shutil.rmtree(varied / "checkpoint_000010")
    shutil.rmtree(varied / "checkpoint_000030")
    assert [item["iteration"] for item in manager.list_checkpoints()] == [20]
    assert manager.get_latest_checkpoint() == str(varied / "checkpoint_000020")
    assert manager.get_checkpoint_by_iteration(30) is None
    manager.prune()
    assert [i["iteration"] for i in json.loads(index_text(varied))["checkpoints"]] == [20]


def test_the_last_checkpoint_removed_leaves_an_empty_index(varied: Path) -> None:
    for name in ("checkpoint_000010", "checkpoint_000020", "checkpoint_000030"):
        shutil.rmtree(varied / name)
    assert index.load(varied).checkpoints == ()
    index.update(varied)
    assert json.loads(index_text(varied))["checkpoints"] == []


def test_an_old_index_put_back_is_corrected(varied: Path, manager: CheckpointManager) -> None:
    old = index_text(varied)
    save(manager, 40)
    new = index_text(varied)
    (varied / layout.INDEX).write_text(old)
    assert index.load(varied).iterations == [10, 20, 30, 40]
    index.update(varied)
    assert index_text(varied) == new


def test_a_changed_folder_is_read_again(varied: Path) -> None:
    path = varied / "checkpoint_000020" / layout.METADATA
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"reward_mean": 5.25}))
    found = index.load(varied).get(20)
    assert found is not None
    assert found.number("reward_mean") == 5.25


def test_an_unchanged_folder_is_not_read_again(
    varied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "read_checkpoint", lambda *args: pytest.fail("read"))
    assert index.load(varied).iterations == [10, 20, 30]


def test_a_folder_that_cannot_be_written_is_listed_all_the_same(
    varied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (varied / layout.INDEX).unlink()

    def refuse(target: Path, text: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("trainer.checkpoints.atomic.write_text", refuse)
    index.update(varied)
    assert index.load(varied).iterations == [10, 20, 30]


def test_looking_into_an_empty_folder_writes_nothing(directory: Path) -> None:
    directory.mkdir()
    assert index.load(directory) == Listing(())
    assert names(directory) == []


def test_foreign_things_do_not_disturb(varied: Path, manager: CheckpointManager) -> None:
    shutil.copytree(varied / "checkpoint_000020", varied / "best_model")
    (varied / "checkpoint_000010.tar.gz").touch()
    (varied / "checkpoint_000015").touch()
    (varied / "checkpoint_000050").mkdir()
    shutil.copytree(varied / "checkpoint_000010", varied / "checkpoint_000060")
    (varied / "checkpoint_000060" / layout.MANIFEST).unlink()
    shutil.copytree(varied / "checkpoint_000010", varied / "checkpoint_000070")
    (varied / "checkpoint_000080").symlink_to("checkpoint_000010")
    shutil.copytree(varied / "checkpoint_000010", varied / "checkpoint_000090")
    (varied / "checkpoint_000090" / layout.METADATA).write_text("[" * 10_000)
    listing = manager.listing()
    assert listing.iterations == [10, 20, 30]
    assert listing.skipped == (
        ("checkpoint_000050", "incomplete: no manifest.json"),
        ("checkpoint_000060", "incomplete: no manifest.json"),
        ("checkpoint_000070", "metadata.json says iteration 10"),
        ("checkpoint_000080", "a symbolic link; give the path it leads to"),
        ("checkpoint_000090", "nested too deeply"),
    )


@pytest.mark.parametrize("value", ["NaN", "Infinity", '"high"', "null", "1" + "0" * 400, "[]"])
def test_odd_rewards_are_unknown(varied: Path, value: str) -> None:
    path = varied / "checkpoint_000010" / layout.METADATA
    path.write_text(path.read_text().replace("161.06", value))
    (listed, *_) = CheckpointManager(varied).list_checkpoints()
    assert str(listed["reward_mean"]) == "nan"
    json.loads(index_text(varied), parse_constant=pytest.fail)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(
        st.integers(0, 10**7), st.dictionaries(st.text(), JSON_VALUES, max_size=4), max_size=6
    )
)
def test_an_index_gives_its_listing_back(histories: dict[int, dict[str, Any]]) -> None:
    checkpoints = tuple(
        info(i, **{f"x{k}": v for k, v in histories[i].items()}) for i in sorted(histories)
    )
    listing = Listing(checkpoints)
    restored = index.decode(index.encode(listing).encode())
    assert tuple(restored.values()) == checkpoints
    assert index.encode(Listing(tuple(restored.values()))) == index.encode(listing)


@settings(deadline=None, max_examples=40)
@given(st.binary() | (st.text() | JSON_VALUES.map(json.dumps)).map(str.encode))
def test_no_text_breaks_the_reader(text: bytes) -> None:
    assert index.decode(text) == {}


def test_a_deletion_during_the_listing_is_no_finding(
    varied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = index.stamp_of

    def delete_first(folder: Path) -> Stamp:
        if folder.name == "checkpoint_000020":
            shutil.rmtree(folder)
        return real(folder)

    monkeypatch.setattr(index, "stamp_of", delete_first)
    listing = index.scan(varied)
    assert listing.iterations == [10, 30]
    assert listing.skipped == ()
