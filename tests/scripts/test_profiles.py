"""The commands that the profiles document."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.scripts.conftest import ROOT, Desk
from trainer.project import profiles

# Two iterations of milliseconds; all that makes a profile what it is stays.
TINY = (
    *("--iterations", "2"),
    *("--set", "env.num_layouts=4"),
    *("--set", "ray.num_envs_per_env_runner=8"),
    *("--set", "ppo.rollout_length=16"),
    *("--set", "ppo.minibatch_size=64"),
    *("--set", "tracking.tensorboard_dir=null"),
)


@pytest.mark.parametrize("name", profiles())
def test_the_documented_commands_run(desk: Desk, name: str) -> None:
    (desk.work / "configs").symlink_to(ROOT / "configs")
    comment = profiles()[name].read_text()
    train, watch = (
        shlex.split(line) for line in re.findall(r"^# +python (.+?)(?: #.*)?$", comment, re.M)
    )
    done = desk.run(*train, *TINY)
    assert done.returncode == 0, done.stderr
    folder = "checkpoints" if name == "default" else f"checkpoints_{name}"
    assert desk.checkpoints(folder) == ["checkpoint_000002"]
    path = f"./{folder}/checkpoint_000002"
    # What is printed at the end can be typed as it is, though it is not the usual folder.
    assert f"demo_model.py --checkpoint {path}\n" in done.stdout
    shown = desk.run(*watch, "--episodes", "1", "--set", "env.num_layouts=4")
    assert shown.returncode == 0, shown.stderr
    assert f"{folder}/checkpoint_000002 (the latest" in shown.stdout


def test_a_resumed_run_keeps_its_profile(desk: Desk) -> None:
    done = desk.run("main.py", "--config", "L1", *TINY)
    assert done.returncode == 0, done.stderr
    done = desk.run("main.py", "./checkpoints_L1/checkpoint_000002", "--iterations", "1")
    assert done.returncode == 0, done.stderr
    assert desk.checkpoints("checkpoints_L1") == ["checkpoint_000002", "checkpoint_000003"]
    assert "L1" in (desk.work / "checkpoints_L1/checkpoint_000003/config.yaml").read_text()
    again = desk.run("main.py", "--config", "L1", *TINY)
    assert again.returncode == 2
    assert "--resume latest --checkpoint-dir ./checkpoints_L1" in again.stderr
