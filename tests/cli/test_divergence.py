"""Runs that blow up or collapse: what is kept, what is said, and how to go on."""

from __future__ import annotations

import json

from tests.cli.conftest import Desk

TINY = (
    *("--set", "ray.num_envs_per_env_runner=16"),
    *("--set", "ppo.rollout_length=32"),
    *("--set", "ppo.minibatch_size=256"),
    *("--set", "ppo.checkpoint_freq=1"),
    *("--set", "tracking.tensorboard_dir=null"),
)


def metadata(desk: Desk, iteration: int) -> dict[str, object]:
    path = desk.work / f"checkpoints/checkpoint_{iteration:06d}/metadata.json"
    found: dict[str, object] = json.loads(path.read_text())
    return found


def test_a_collapsed_policy_is_told_of_once_and_in_every_checkpoint(desk: Desk) -> None:
    done = desk.run("main.py", *TINY, "--iterations", "4", "--set", "ppo.seeker.lr=1e10")
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert said.count("seeker_policy collapsed in iteration 1") == 1
    assert "hider_policy" not in said
    for iteration in range(1, 5):
        (warning,) = metadata(desk, iteration)["warnings"]  # type: ignore[misc]
        assert warning.startswith("seeker_policy collapsed in iteration 1: one update changed it")

    more = desk.run("main.py", "--resume", "4", *TINY, "--iterations", "1")
    assert more.returncode == 0, more.stderr
    assert (more.stdout + more.stderr).count("seeker_policy collapsed in iteration 1") == 1
    assert metadata(desk, 5)["warnings"] == metadata(desk, 4)["warnings"]
