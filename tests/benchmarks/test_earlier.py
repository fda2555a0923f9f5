"""Laying out an earlier commit."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from benchmarks import earlier
from benchmarks.earlier import NotThere, earlier_tree, other_versions


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(earlier, "cache_dir", lambda: folder)
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One commit, whose requirements are those of this environment."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "requirements.txt").write_text(f"numpy=={version('numpy')}\n")
    git(folder, "init", "--quiet")
    commit(folder)
    (folder / "requirements.txt").write_text("numpy==0.1\n")
    return folder


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True)


def commit(folder: Path) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@t")
    git(folder, "add", ".")
    git(folder, *who, "-c", "commit.gpgsign=false", "commit", "--quiet", "-m", "x")


def test_the_files_are_the_commits_and_go_away(repository: Path, cache: Path) -> None:
    with earlier_tree("HEAD", repository) as tree:
        assert (tree / "requirements.txt").read_text() != "numpy==0.1\n"
    assert list(cache.iterdir()) == []


def test_other_requirements_are_named(repository: Path, cache: Path) -> None:
    commit(repository)
    with pytest.raises(NotThere, match=r"HEAD needs numpy==0\.1"), earlier_tree("HEAD", repository):
        pass
    assert list(cache.iterdir()) == []
    text = f"# pins\nnumpy=={version('numpy')}\nray[rllib]=={version('ray')}\nno-such==1.0\n"
    assert other_versions(text) == ["no-such==1.0"]


def test_a_missing_commit_or_git_is_explained(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotThere, match="shallow clone"), earlier_tree("1234567", repository):
        pass
    with pytest.raises(NotThere, match="not a checkout"), earlier_tree("HEAD", Path("/")):
        pass
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotThere, match="git is not installed"), earlier_tree("HEAD", repository):
        pass
