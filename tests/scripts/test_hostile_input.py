"""What a stranger or a slip can give to the scripts ends with a line and the right exit code."""

from __future__ import annotations

import json
import pickle
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.run.hostile_pickles import known_attacks
from tests.scripts.conftest import SMALL, Desk, copy_of
from trainer.checkpoints import manifest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--checkpoint-dir", ""), "--checkpoint-dir (ppo.checkpoint_dir): must not be empty"),
        (("--checkpoint-dir", "x" * 300), "has a name of more than 255 bytes"),
        (("--checkpoint-dir", "/dev/null"), "/dev/null"),
        (("--config", "/dev/null"), "/dev/null: cannot be read: null is not a plain file"),
        (("--set", "ppo.lr=" + "[" * 3000), "--set ppo.lr: the value cannot be used: nested"),
        (("--set", "." * 5000 + "=1"), "no such key"),
    ],
)
def test_mistakes_end_before_anything_starts(
    desk: Desk, words: tuple[str, ...], message: str
) -> None:
    done = desk.run("main.py", "--iterations", "1", *SMALL, *words)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert not any(desk.work.iterdir())


def vouch_for(checkpoint: Path) -> None:
    (checkpoint / "manifest.json").unlink()
    manifest.write(checkpoint)


def refused(desk: Desk, message: str) -> None:
    """Resuming ends with exit code 3 and one line, and everything is where it was."""
    before = sorted(str(path) for path in desk.work.rglob("*"))
    done = desk.run("main.py", "--resume", "2", "--iterations", "1", *SMALL)
    assert done.returncode == 3, (done.returncode, done.stderr)
    assert message in done.stderr.splitlines()[-1]
    assert desk.checkpoints() == ["checkpoint_000002", "checkpoint_000004"]
    assert sorted(str(path) for path in desk.work.rglob("*")) == before


def test_a_checkpoint_of_a_stranger_ends_no_process(
    trained: tuple[Desk, str], tmp_path: Path
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    checkpoint = desk.work / "checkpoints" / "checkpoint_000002"
    state = checkpoint / "algorithm_state.pkl"
    original = state.read_bytes()
    attacks = list(known_attacks())
    for attack in (attacks[0], attacks[8], attacks[len(attacks) // 2]):
        state.write_bytes(attack)
        vouch_for(checkpoint)
        refused(desk, "algorithm_state.pkl: ")
    state.write_bytes(original)

    learner = checkpoint / "learner_group" / "learner" / "state.pkl"
    values = pickle.loads(learner.read_bytes())
    learner.write_bytes(pickle.dumps(values | {"optimizer": {}}))
    vouch_for(checkpoint)
    refused(desk, "the optimizer of seeker_policy is missing")
    learner.write_bytes(pickle.dumps(values))

    worlds = checkpoint / "training_state" / "worlds_0.npz"
    with np.load(worlds) as archive:
        arrays = dict(archive)
    np.savez(worlds, **arrays | {"heading": arrays["heading"] + np.int32(10**6)})
    vouch_for(checkpoint)
    refused(desk, "worlds of runner 0: state array 'heading' must be from 0 to 31")
    np.savez(worlds, **arrays)

    counters = checkpoint / "training_state" / "state.json"
    values = json.loads(counters.read_text())
    values["progress"]["env_steps"] = -1
    counters.write_text(json.dumps(values))
    vouch_for(checkpoint)
    refused(desk, "env_steps = -1")


@pytest.mark.parametrize("command", ["main.py", "list_checkpoints.py"])
def test_a_current_directory_that_is_deleted_is_told(desk: Desk, command: str) -> None:
    words = shlex.join(desk.command(command))
    done = subprocess.run(
        ["bash", "-c", f"mkdir gone; cd gone; rmdir ../gone; {words}"],
        cwd=desk.work,
        env=desk.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the current directory has been deleted\n"
