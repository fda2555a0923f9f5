"""Signals that come in the middle of a rollout, an update or a save."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.conftest import SMALL
from trainer.checkpoints import manifest
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.train import main
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.env_runner import BatchedEnvRunner
from trainer.ppo.learner import TeamPPOLearner

PHASES: dict[str, tuple[Any, str]] = {
    "rollout": (BatchedEnvRunner, "sample"),
    "update": (TeamPPOLearner, "update"),
    "capture": (TeamPPO, "save_to_path"),
    "commit": (manifest, "write"),  # in the other thread
}


def sending(number: int, real: Callable[..., Any], at: int) -> Callable[..., Any]:
    """`real`, but at its `at`-th call this process gets a signal first."""
    calls = 0

    def function(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), number)
        return real(*args, **kwargs)

    return function


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGUSR1, 0, marks=pytest.mark.slow),
    ],
)
def test_what_was_in_hand_is_saved(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    phase: str,
    number: signal.Signals,
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    owner, name = PHASES[phase]
    # In the third iteration; a save comes after the second.
    at = {"rollout": 3, "update": 3, "capture": 1, "commit": 1}[phase]
    monkeypatch.setattr(owner, name, sending(number, getattr(owner, name), at))
    quiet = ("--quiet", "--set", "tracking.tensorboard_dir=null")
    assert main.main([*SMALL, *quiet, "--until", "7"]) == code
    manager = CheckpointManager("checkpoints")
    found = [info["iteration"] for info in manager.list_checkpoints()]
    for info in manager.list_checkpoints():
        manager.verify(info["checkpoint_path"])
    if number == signal.SIGUSR1:
        assert found == [2, 3, 4, 6, 7] if phase != "commit" else {2, 4, 6, 7} <= set(found)
    else:
        # The iteration in hand is finished and saved; nothing is done beyond it.
        assert found[-1] <= 4
        assert found[-1] in ({2, 3, 4} if phase in ("capture", "commit") else {3})
    assert not list(Path("checkpoints").glob(".tmp*"))
