"""The configuration files that come with the project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trainer.config.config_file import ConfigFile, current_file, read_config_file
from trainer.config.loading import load_config, named_file, read_values
from trainer.config.paths import values_by_path
from trainer.config.schema import Config
from trainer.config.types import ConfigError
from trainer.project import PROJECT_ROOT, profiles

PROFILES = profiles()
FOLDER = {name: load_config(path).ppo.checkpoint_dir for name, path in PROFILES.items()}


def test_those_that_the_documents_name_are_there() -> None:
    assert list(PROFILES) == ["L1", "L2", "L3", "Q", "default", "quick"]
    assert {p.name for p in (PROJECT_ROOT / "configs").iterdir()} == {
        path.name for path in PROFILES.values()
    }


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_states_only_what_differs_from_the_defaults(name: str) -> None:
    stated, usual = values_by_path(read_values(PROFILES[name])), values_by_path(Config().to_dict())
    loaded = values_by_path(load_config(PROFILES[name]).to_dict())
    same = [path for path in stated if path in usual and loaded[path] == usual[path]]
    assert same == (list(stated) if name == "default" else [])
    assert loaded[("tracking", "run_name")] is None
    if name not in ("default", "quick"):
        assert loaded[("env", "level")] == name


def test_each_has_a_folder_of_its_own_that_git_ignores() -> None:
    assert len(set(FOLDER.values())) == len(PROFILES)
    ignored = (PROJECT_ROOT / ".gitignore").read_text().splitlines()
    assert {"/checkpoints/", "/checkpoints_*/"} <= set(ignored)
    assert FOLDER.pop("default") == "./checkpoints"
    assert all(folder == f"./checkpoints_{name}" for name, folder in FOLDER.items())


@pytest.mark.parametrize("name", PROFILES)
def test_the_comment_says_what_to_type(name: str) -> None:
    comment = "".join(re.findall(r"^#.*\n", PROFILES[name].read_text(), re.MULTILINE))
    assert re.search(
        rf"python main\.py --config configs/{name}\.yaml( --warmstart \w+)?\n", comment
    )
    where = load_config(PROFILES[name]).ppo.checkpoint_dir
    option = "" if name == "default" else f" --checkpoint-dir {where}"
    assert re.search(rf"python demo_model\.py{re.escape(option)}  +#", comment)


def test_a_profile_is_named_without_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = read_config_file("L1", named=True)
    assert (file.path, file.values["env"]["level"]) == (PROFILES["L1"], "L1")
    assert current_file(None, file) == file  # a resumed run finds it in any folder
    assert current_file("Q", file).path == PROFILES["Q"]
    (tmp_path / "Q").mkdir()
    assert named_file("Q") == PROFILES["Q"]
    assert named_file("./Q") == Path("Q")
    (tmp_path / "L1").write_text("ppo: {lr: 0.5}")
    assert read_config_file("L1", named=True) == ConfigFile(
        tmp_path / "L1", True, {"ppo": {"lr": 0.5}}
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("l3", "l3: neither a file nor a profile; did you mean 'L3'?"),
        ("quik", "quik: neither a file nor a profile; did you mean 'quick'?"),
        ("mine", "mine: neither a file nor a profile; did you mean 'mine.yaml'?"),
        (
            "L9",
            "L9: neither a file nor a profile; there is: L1, L2, L3, Q, default, quick, mine.yaml",
        ),
        ("L1.yml", "L1.yml: no such file; the profile is named L1"),
        ("./L1", "L1: no such file; the profile is named L1"),
    ],
)
def test_what_is_neither_a_file_nor_a_profile_names_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").touch()
    with pytest.raises(ConfigError) as refused:
        read_config_file(name, named=True)
    assert str(refused.value).startswith(message)
