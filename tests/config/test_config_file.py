"""Which configuration file counts for a resumed run, and what a checkpoint records of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from trainer.config.config_file import (
    ConfigFile,
    current_file,
    file_note,
    read_config_file,
    recorded,
)
from trainer.errors import InvalidState
from trainer.project import PROFILES


def test_the_record_of_a_file_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "my.yaml"
    values = {"ppo": {"vf_clip_param": float("inf"), "lr": 0.01}}
    path.write_text(yaml.safe_dump(values))
    file = current_file(str(path), ConfigFile())
    file.write(tmp_path / "config_file.yaml")
    assert recorded(tmp_path) == file
    assert current_file(None, file) == ConfigFile(named=True)  # it lies elsewhere
    monkeypatch.chdir(tmp_path)
    assert current_file(None, file) == file
    path.unlink()
    assert current_file(None, file) == ConfigFile(named=True)
    (tmp_path / "config_file.yaml").write_text("values: 3")
    with pytest.raises(InvalidState, match=r"config_file\.yaml: no record of a configuration file"):
        recorded(tmp_path)
    (tmp_path / "config_file.yaml").write_text("x: [" + "a," * 11_000 + "]")
    with pytest.raises(InvalidState, match=r"config_file\.yaml: has more than 10000 words"):
        recorded(tmp_path)
    assert recorded(tmp_path / "nowhere") is None


def test_the_file_of_the_working_directory_counts_unless_one_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = tmp_path / "then" / "config.yaml"
    then.parent.mkdir()
    then.write_text("ppo: {lr: 0.1}")
    monkeypatch.chdir(tmp_path)
    found, named = (read_config_file(then, named=named) for named in (False, True))
    assert current_file(None, found) == found
    assert file_note(found, found) == ""

    mine = tmp_path / "config.yaml"
    mine.write_text("ppo: {lr: 0.2}")
    read = current_file(None, found)
    assert (read.path, read.values) == (mine, {"ppo": {"lr": 0.2}})
    started = "configuration file: ./config.yaml (the run was started with ./then/config.yaml)"
    assert file_note(read, found) == started
    assert current_file(None, named) == named
    note = "./then/config.yaml, as when the run was started; ./config.yaml is not read"
    assert file_note(named, named) == f"configuration file: {note}"

    profile = read_config_file("L1", named=True)
    note = "profile L1, as when the run was started; ./config.yaml is not read"
    assert file_note(profile, profile) == f"configuration file: {note}"
    note = "./then/config.yaml (the run was started with profile L1)"
    assert file_note(named, profile) == f"configuration file: {note}"

    mine.unlink()
    then.unlink()
    note = "./then/config.yaml, as when the run was started, is gone"
    assert file_note(current_file(None, found), found) == f"configuration file: {note}"


def test_a_checkpoint_does_not_choose_which_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    private = tmp_path / "private.yaml"
    private.write_text("ppo: {lr: 0.5}")
    (tmp_path / "here" / "link.yaml").symlink_to(private)
    monkeypatch.chdir(tmp_path / "here")
    for path in (private, tmp_path / "here" / "link.yaml", Path("../private.yaml")):
        then = ConfigFile(path, True, {})
        read = current_file(None, then)
        assert (read.path, read.values) == (None, {})
        assert "is not read; name it with --config" in file_note(read, then)


def test_a_profile_is_recorded_by_its_name_and_found_wherever_it_lies(tmp_path: Path) -> None:
    quick, file = PROFILES / "quick.yaml", tmp_path / "config_file.yaml"
    read_config_file("quick", named=True).write(file)
    assert yaml.safe_load(file.read_text())["path"] == "quick"
    elsewhere = "/tmp/ray/session_1/_ray_pkg_85a/trainer/profiles"  # as earlier versions wrote it
    for then, path in (
        ("quick", quick),
        (f"{elsewhere}/quick.yaml", quick),
        (f"{elsewhere}/unknown.yaml", Path(elsewhere, "unknown.yaml")),
        ("/home/me/quick.yaml", Path("/home/me/quick.yaml")),
    ):
        file.write_text(yaml.safe_dump({"path": then, "named": True, "values": {}}))
        record = recorded(tmp_path)
        assert record is not None
        assert record.path == path
        found = current_file(None, record)
        assert found.path == (quick if path == quick else None)
        assert ("name it with --config" in file_note(found, record)) is (path != quick)
