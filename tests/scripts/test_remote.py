"""Remote env runners and learners, as real Ray actors, and an exact resume of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts.conftest import SMALL, Desk
from trainer.reporting.history.metrics_history import HISTORY_NAME
from trainer.reporting.history.rows import read_rows

REMOTE = (
    *SMALL,
    *("--set", "ray.num_learners=2"),
    *("--set", "ray.num_envs_per_env_runner=16"),
    *("--set", "ppo.minibatch_size=128"),
    *("--set", "ppo.hider.critic=state", "--set", "ppo.hider.normalize_obs=true"),
)
TWO_RUNNERS = (*REMOTE, "--set", "ray.num_env_runners=2")


def test_a_runner_and_two_learners_train(desk: Desk) -> None:
    # One runner, because each process costs seconds; the slow test has two.
    done = desk.run_anew("main.py", "--until", "2", *REMOTE, "--set", "ray.num_env_runners=1")
    assert done.returncode == 0, done.stderr
    assert "1 env runner, learning in 2 learners" in done.stdout
    assert [row["env_steps"] for row in desk.history()] == [512, 1024]
    rows = read_rows(desk.work / "checkpoints" / HISTORY_NAME)
    assert 0.0 < rows[-1]["evaluation/score"] < 1.0  # played in the training process
    assert list((desk.folder / "home").rglob("*")) == []


@pytest.mark.slow
def test_a_resume_of_remote_runners_is_exact(desk: Desk, tmp_path: Path) -> None:
    for words in (("--until", "2"), ("--resume", "latest", "--iterations", "2")):
        done = desk.run_anew("main.py", *words, *TWO_RUNNERS)
        assert done.returncode == 0, done.stderr
    assert "2 env runners, learning in 2 learners" in done.stdout
    assert "learner and runners hold the same weights" in done.stdout
    straight = Desk(tmp_path / "straight")
    done = straight.run_anew("main.py", "--until", "4", *TWO_RUNNERS)
    assert done.returncode == 0, done.stderr
    last = "checkpoints/checkpoint_000004"
    assert straight.weights(last) == desk.weights(last)
    assert straight.history() == desk.history()
