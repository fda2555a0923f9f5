"""Where the scripts look for the configuration and the checkpoints when nothing says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.project import (
    CONFIG_NAME,
    PROJECT_ROOT,
    configured_checkpoint_dir,
    find_config,
)


def test_the_configuration_here_comes_before_the_one_beside_the_scripts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config() == PROJECT_ROOT / CONFIG_NAME
    (tmp_path / CONFIG_NAME).touch()
    assert find_config() == Path(CONFIG_NAME)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ppo: {checkpoint_dir: ./mine}", "./mine"),
        ("ppo: {}", "./checkpoints"),
        ("{", "./checkpoints"),
    ],
)
def test_the_folder_comes_from_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    (tmp_path / CONFIG_NAME).write_text(text)
    monkeypatch.chdir(tmp_path)
    assert configured_checkpoint_dir() == expected
