"""Remote env runners and learners, as real Ray actors, and an exact resume of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts.conftest import SMALL, Desk

REMOTE = (
    *SMALL,
    *("--set", "ray.num_env_runners=2"),
    *("--set", "ray.num_learners=2"),
    *("--set", "ray.num_envs_per_env_runner=16"),
    *("--set", "ppo.minibatch_size=128"),
)


def test_two_runners_and_two_learners_train(desk: Desk) -> None:
    done = desk.run_anew("main.py", "--until", "2", *REMOTE)
    assert done.returncode == 0, done.stderr
    assert "2 env runners, learning in 2 learners" in done.stdout
    assert [row["env_steps"] for row in desk.history()] == [1024, 2048]
    assert list((desk.folder / "home").rglob("*")) == []


@pytest.mark.slow
def test_a_resume_of_remote_runners_is_exact(desk: Desk, tmp_path: Path) -> None:
    for words in (("--until", "2"), ("--resume", "latest", "--iterations", "2")):
        done = desk.run_anew("main.py", *words, *REMOTE)
        assert done.returncode == 0, done.stderr
    assert "learner and runners hold the same weights" in done.stdout
    straight = Desk(tmp_path / "straight")
    done = straight.run_anew("main.py", "--until", "4", *REMOTE)
    assert done.returncode == 0, done.stderr
    last = "checkpoints/checkpoint_000004"
    assert straight.weights(last) == desk.weights(last)
    assert straight.history() == desk.history()
