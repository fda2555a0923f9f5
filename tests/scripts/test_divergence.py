"""Runs that blow up or collapse: what is kept, what is said, and how to go on."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.conftest import Desk
from trainer.config.loading import load_config

TINY = (
    *("--set", "env.num_layouts=4"),
    *("--set", "ray.num_envs_per_env_runner=16"),
    *("--set", "ppo.rollout_length=32"),
    *("--set", "ppo.minibatch_size=256"),
    *("--set", "ppo.checkpoint_freq=1"),
    *("--set", "tracking.tensorboard_dir=null"),
)


def metadata(desk: Desk, iteration: int) -> dict[str, Any]:
    path = desk.work / f"checkpoints/checkpoint_{iteration:06d}/metadata.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_collapsed_policy_is_told_of_once_and_in_every_checkpoint(desk: Desk) -> None:
    done = desk.run("main.py", *TINY, "--iterations", "2", "--set", "ppo.seeker.lr=1e10")
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert said.count("seeker_policy collapsed in iteration 1") == 1
    assert "hider_policy" not in said
    for iteration in (1, 2):
        (warning,) = metadata(desk, iteration)["warnings"]
        assert warning.startswith("seeker_policy collapsed in iteration 1: one update changed it")

    more = desk.run("main.py", "--resume", "2", *TINY, "--iterations", "1")
    assert more.returncode == 0, more.stderr
    assert (more.stdout + more.stderr).count("seeker_policy collapsed in iteration 1") == 1
    assert metadata(desk, 3)["warnings"] == metadata(desk, 2)["warnings"]


def way_on(stderr: str) -> list[str]:
    """The words of the command that an error names."""
    line = next(line for line in stderr.splitlines() if "resume with: " in line)
    words = shlex.split(line.partition("resume with: ")[2])
    assert Path(words[1]).name == "continue_training.py"
    return ["continue_training.py", *words[2:], "--yes"]


ONE_STEP = ("--set", "ppo.num_epochs=1", "--set", "ppo.minibatch_size=512")


def exploding(share: float, rate: str) -> str:
    """A schedule of a learning rate that explodes at a share of the run."""
    points = f"[[0.0, 0.001], [{share - 0.01}, 0.001], [{share}, {rate}]]"
    return f"schedules.lr={{type: piecewise, points: {points}}}"


def test_a_run_that_diverges_at_once_saves_nothing(desk: Desk) -> None:
    done = desk.run("main.py", *TINY, *ONE_STEP, "--iterations", "3", "--set", "ppo.lr=1e38")
    assert done.returncode == 1
    assert "error: seeker_policy: " in done.stderr
    assert "is not finite after the update; nothing was saved; start again with" in done.stderr
    assert "--set ppo.seeker.lr=0.001" in done.stderr
    assert desk.checkpoints() == []


def test_what_an_older_checkpoint_does_not_hold_is_said_again(desk: Desk) -> None:
    assert desk.run("main.py", *TINY, "--iterations", "1").returncode == 0
    asked = ("--set", "ppo.hider.lr=0.0005", "--set", "ppo.seeker.lr=1e38")
    done = desk.run("main.py", "--resume", "latest", "--iterations", "2", *asked)
    assert done.returncode == 1
    words = way_on(done.stderr)
    assert words[2:8] == [*asked, "--until", "3"]
    assert desk.run(*words).returncode == 0
    in_force = load_config(desk.work / "checkpoints/checkpoint_000003/config.yaml")
    assert (in_force.ppo.hider.lr, in_force.ppo.seeker.lr) == (0.0005, 0.001)


@pytest.mark.parametrize("steps", [(), ONE_STEP])
def test_a_schedule_that_explodes_leaves_the_good_checkpoint(
    desk: Desk, steps: tuple[str, ...]
) -> None:
    keep = ("--set", "ppo.keep_last_n=1")
    words = (*TINY, *steps, *keep, "--iterations", "4", "--set", exploding(0.5, "1.0e+38"))
    done = desk.run("main.py", *words)
    assert done.returncode == 1
    assert "seeker_policy: " in done.stderr
    assert "the last good checkpoint is ./checkpoints/checkpoint_000002; resume" in done.stderr
    assert desk.checkpoints() == ["checkpoint_000002"]
    listed = desk.run("list_checkpoints.py")
    assert "checkpoint_000002 [BEST]" in listed.stdout

    more = desk.run(*way_on(done.stderr))
    assert more.returncode == 0, more.stderr
    # The one that a run goes on from is not pruned by it.
    assert desk.checkpoints() == ["checkpoint_000002", "checkpoint_000004"]
    rows = desk.history()
    assert [row["iteration"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["seeker/lr"] == 1e-4
    assert metadata(desk, 4)["warnings"] == []
    assert desk.run("list_checkpoints.py", "--verify").returncode == 0


def test_a_collapse_does_not_push_the_good_checkpoint_out(desk: Desk) -> None:
    keep = ("--set", "ppo.keep_last_n=2")
    words = (*TINY, *keep, "--iterations", "5", "--set", exploding(0.4, "1.0e+10"))
    done = desk.run("main.py", *words)
    assert done.returncode == 0, done.stderr
    assert desk.checkpoints() == [f"checkpoint_{i:06d}" for i in (2, 4, 5)]
    shown = desk.run("list_checkpoints.py").stdout
    assert "checkpoint_000002 [BEST]" in shown
    assert "checkpoint_000005 [FINAL] [COLLAPSED]" in shown
