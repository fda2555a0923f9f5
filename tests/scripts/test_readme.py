"""The Python examples of the README run as they are printed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints.fakes import FakeAlgorithm
from tests.scripts.conftest import ROOT, Desk, copy_of

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
TRAINER, MANAGER = _BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))


def test_loading_a_trainer(trained: tuple[Desk, str], tmp_path: Path) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    shutil.copy(desk.work / "checkpoints/checkpoint_000004/config.yaml", desk.work)
    (desk.work / "example.py").write_text(TRAINER + "print(action)\n")
    done = desk.run("tests.scripts.snippet", "example.py")
    assert done.returncode == 0, done.stderr
    assert re.match(r"Iter 2: Reward .*\nIter 4: Reward .*\n\[[0-9 ]+\]\n", done.stdout)


class Algorithm(FakeAlgorithm):
    """Has what the example asks of RLlib's."""

    iteration = 7

    def restore_from_path(self, path: str) -> None:
        self.payload = (Path(path) / "algorithm_state.pkl").read_text()


def test_the_manager_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    algorithm = Algorithm("trained")
    names: dict[str, Any] = {"algorithm": algorithm, "result": 3.5}
    exec(MANAGER, names)
    (saved,) = names["manager"].list_checkpoints()
    assert (saved["iteration"], saved["reward_mean"], algorithm.payload) == (7, 3.5, "trained")
