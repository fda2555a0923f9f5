"""Whoever looks, plans or is stopped before the first iteration changes nothing on the disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import trainer.ppo_trainer
from tests.scripts.conftest import Desk, copy_of
from tests.scripts.test_train import harm
from trainer.checkpoints import atomic, layout, process_owner
from trainer.commands.checkpoint_tools import list_checkpoints
from trainer.commands.checkpoint_tools import main as tools
from trainer.commands.players.shelf import Shelf
from trainer.commands.train import continue_training, main
from trainer.ppo.algorithm import TeamPPO

Trained = tuple[Desk, str]
TINY = (
    *("--set", "env.num_layouts=4"),
    *("--set", "ray.num_envs_per_env_runner=16"),
    *("--set", "ppo.rollout_length=32"),
    *("--set", "ppo.minibatch_size=256"),
    "--quiet",
)


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file and folder with its time of change and its content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        digest = hashlib.sha256(content).hexdigest()
        found[str(path.relative_to(folder))] = (path.lstat().st_mtime_ns, digest)
    return found


@pytest.fixture
def cluttered(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that a writer would put in order: the newest checkpoint is damaged, a
    killed save and a marker are left, and the index is missing."""
    work = copy_of(trained[0], tmp_path / "copy").work
    monkeypatch.chdir(work)
    folder = work / "checkpoints"
    shutil.copytree(folder / "checkpoint_000004", folder / "checkpoint_000006")
    harm(folder / "checkpoint_000004", "flip")
    (folder / layout.INDEX).unlink()
    monkeypatch.setattr(process_owner, "start_time", lambda pid: 1)  # as another process had it
    atomic.temporary_sibling(folder / "checkpoint_000009").mkdir()
    owner = process_owner.Owner("h", process_owner.machine(), os.getpid(), 1, "then", "0" * 32)
    (folder / f"{layout.IN_USE}{owner.pid}-{owner.token}-checkpoint_000002").write_text(
        owner.encode()
    )
    (folder / layout.WRITER).write_text(owner.encode())
    monkeypatch.undo()
    monkeypatch.chdir(work)
    return work


@pytest.mark.parametrize(
    "look",
    [
        lambda: list_checkpoints.main(["-d", "--verify"]),
        lambda: list_checkpoints.main(["--json"]),
        lambda: tools.main(["verify"]),
        lambda: tools.main(["diff", "2", "4"]),
        lambda: tools.main(["prune", "--dry-run"]),
        lambda: Shelf(None).find("2"),
        lambda: continue_training.main(["latest"]),
    ],
    ids=["list", "json", "verify", "diff", "prune", "demo", "continue"],
)
def test_a_reader_writes_nothing(cluttered: Path, look: Callable[[], object]) -> None:
    before = tree(cluttered)
    look()
    assert tree(cluttered) == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_while_loading_changes_nothing(
    cluttered: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    number: signal.Signals,
    code: int,
) -> None:
    real = trainer.ppo_trainer.restore

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        os.kill(os.getpid(), number)
        return real(*args, **kwargs)

    monkeypatch.setattr(trainer.ppo_trainer, "restore", interrupted)
    before = tree(cluttered)
    assert main.main(["--resume", "4", "--iterations", "2"]) == code
    assert tree(cluttered) == before
    said = capfd.readouterr()
    assert "stopping: nothing has been trained yet" in said.err
    assert "checkpoint_000004 is damaged" in said.err
    assert "RESTORING from checkpoint: ./checkpoints/checkpoint_000002\n" in said.out
    assert "it becomes broken_checkpoint_000004_..." in said.out
    assert "nothing was trained; nothing was changed" in said.out
    assert "Resuming with iterations" not in said.out  # no training is announced any more


def test_a_folder_that_is_moved_under_a_run_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    real, calls = TeamPPO.save_to_path, []

    def moving(self: TeamPPO, path: str) -> Any:
        calls.append(path)
        if len(calls) == 2:
            Path("checkpoints").rename("elsewhere")
            Path("checkpoints").mkdir()
            return None
        return real(self, path)

    monkeypatch.setattr(TeamPPO, "save_to_path", moving)
    words = [*TINY, "--until", "3", "--set", "ppo.checkpoint_freq=1"]
    assert main.main(words) == 1
    told = capsys.readouterr().err
    moved = tmp_path / "elsewhere"
    assert f"checkpoints was moved to {moved} during the run" in told
    assert "checkpoint_000001" in told
    assert (moved / "checkpoint_000001" / layout.MANIFEST).is_file()
    assert list(Path("checkpoints").iterdir()) == []
