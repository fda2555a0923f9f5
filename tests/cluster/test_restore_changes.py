"""What may change when a run is resumed on a cluster, one test per row, and what may not.

The cluster is real: three nodes of Ray on the loopback.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from tests.cluster.real_cluster import RealCluster
from tests.scripts.conftest import Desk, copy_of
from trainer.checkpoints import layout, manifest

WORLDS, STEPS, ITERATIONS = 16, 32, 2
PATIENCE_S = 280
SETTINGS = (
    *("--set", "env.num_layouts=4"),
    *("--set", f"ray.num_envs_per_env_runner={WORLDS}"),
    *("--set", f"ppo.rollout_length={STEPS}"),
    *("--set", "ppo.minibatch_size=256"),
    *("--set", "evaluation.every=null"),
    *("--set", "tracking.tensorboard_dir=null"),
)


@pytest.fixture(scope="module")
def address(cluster_of_three: RealCluster) -> str:
    """The address of the cluster."""
    return cluster_of_three.address


@pytest.fixture(scope="module")
def saved(address: str, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with the one checkpoint that all rows resume: of two runners, at iteration 2."""
    desk = Desk(tmp_path_factory.mktemp("saved") / "desk", {"RAY_WORKERS": "2"})
    done = train(desk, address, "--until", str(ITERATIONS), *SETTINGS)
    assert done.returncode == 0, done.stderr
    assert "2 env runners" in done.stdout
    return desk


def train(desk: Desk, address: str, *words: str) -> CompletedProcess[str]:
    """Runs main.py on the cluster."""
    joined = ("--set", f"ray.address={address}")
    return desk.run_anew("main.py", *words, *joined, timeout=PATIENCE_S)


def resumed(saved: Desk, folder: Path, address: str, *words: str, workers: int = 2) -> str:
    """Resumes a copy for one iteration, checks what holds for every row, and returns the report."""
    desk = copy_of(saved, folder)
    desk.variables |= {
        "RESTORE_CHECKPOINT": "./checkpoints/checkpoint_000002",
        "RAY_WORKERS": str(workers),
    }
    done = train(desk, address, "--iterations", "1", *words)
    assert done.returncode == 0, done.stderr
    assert "RESTORING from checkpoint: ./checkpoints/checkpoint_000002\n" in done.stdout
    assert "learner and runners hold the same weights" in done.stdout
    rows = desk.history()
    assert [row["iteration"] for row in rows] == [1, 2, 3]
    collected = [row["env_steps"] for row in rows]
    assert collected[2] - collected[1] == workers * WORLDS * STEPS
    far = [distance(*pair) for pair in zip(weights(desk, 2), weights(desk, 3), strict=True)]
    assert 0.0 < max(far) < 0.1  # a little learning; frozen seekers learn nothing
    return " ".join(done.stdout.split())


def distance(before: Path, after: Path) -> float:
    """How far apart two sets of weights are, relative to the first: 1.4 for unrelated ones."""
    old, new = load_file(before), load_file(after)
    apart = sum(float(np.square(new[name] - old[name]).sum()) for name in old)
    return math.sqrt(apart / sum(float(np.square(value).sum()) for value in old.values()))


def weights(desk: Desk, iteration: int) -> list[Path]:
    """The files of both policies at an iteration."""
    folder = desk.work / "checkpoints" / layout.checkpoint_name(iteration)
    return sorted(folder.glob("policies/*/weights.safetensors"))


def kept(folder: Path) -> dict[str, Any]:
    """The configuration that the new checkpoint records."""
    path = folder / "work" / "checkpoints" / layout.checkpoint_name(3) / layout.CONFIG
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def test_one_policy_is_told_from_another(saved: Desk) -> None:
    hider, seeker = weights(saved, 2)
    assert distance(hider, seeker) > 1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("reward_seen", 1.0, 3.0),
        ("shaping_beta", 0.0, 0.5),
        ("reward_perfect_hide", 0.0, 20.0),
        ("episode_steps", 80, 40),
        ("level", "L0", "L1"),
    ],
    ids=["rewards", "shaping", "a new objective", "the length of episodes", "the level"],
)
def test_the_game_may_change(
    saved: Desk, address: str, tmp_path: Path, key: str, before: object, after: object
) -> None:
    folder = tmp_path / "changed"
    told = resumed(saved, folder, address, "--set", f"env.{key}={after}")
    assert f"env.{key} {before} -> {after} changed" in told
    assert kept(folder)["env"][key] == after


@pytest.mark.parametrize(
    ("workers", "shown"),
    [
        pytest.param(4, "4 env runners", id="more"),
        pytest.param(1, "1 env runner", id="fewer", marks=pytest.mark.slow),
    ],
)
def test_there_may_be_other_workers(
    saved: Desk, address: str, tmp_path: Path, workers: int, shown: str
) -> None:
    told = resumed(saved, tmp_path / "changed", address, workers=workers)
    assert f"ray.num_env_runners 2 -> {workers} changed" in told
    assert shown in told


def refused(desk: Desk, address: str, *words: str) -> str:
    """What a resume says that is refused before anything is changed."""
    before = desk.history()
    done = train(desk, address, "--resume", "2", "--iterations", "1", *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert desk.history() == before
    return " ".join((done.stdout + done.stderr).split())


def test_another_network_is_refused_with_both_values(
    saved: Desk, address: str, tmp_path: Path
) -> None:
    desk = copy_of(saved, tmp_path / "copy")
    told = refused(desk, address, "--set", "ppo.hiddens=[32, 32]")
    assert "ppo.hiddens [64, 64] -> [32, 32] REFUSED: another network" in told


def test_other_observations_and_actions_are_refused_with_both_values(
    saved: Desk, address: str, tmp_path: Path
) -> None:
    """A checkpoint of a version of the game in which agents see and do something else."""
    desk = copy_of(saved, tmp_path / "copy")
    checkpoint = desk.work / "checkpoints" / "checkpoint_000002"
    for path in sorted(checkpoint.glob("policies/*/spec.json")):
        spec = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(spec | {"obs_size": 150, "nvec": [3, 3, 5]}), encoding="utf-8")
    manifest.write(checkpoint)
    told = refused(desk, address)
    assert "cannot resume with another network (checkpoint -> configuration): " in told
    nvec = ", ".join(map(str, spec["nvec"]))
    assert f"obs_size 150 -> {spec['obs_size']}, nvec (3, 3, 5) -> ({nvec})" in told


def test_a_path_that_the_head_cannot_see_is_named(
    saved: Desk, address: str, tmp_path: Path
) -> None:
    desk = copy_of(saved, tmp_path / "copy")
    path = "/tmp/ray/session_2025-10-16_19-21-03/PPO_hide_and_seek/checkpoint_000150"
    job = {"metadata": {"job_submission_id": "raysubmit_1"}}
    desk.variables |= {
        "RESTORE_CHECKPOINT": path,
        "RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps(job),  # as Ray sets it for a job
    }
    done = train(desk, address)
    assert done.returncode == 3
    assert f"RESTORE_CHECKPOINT: Checkpoint path does not exist: {path}" in done.stderr
    assert "give one that this machine sees" in done.stderr
    assert "RESTORE_CHECKPOINT=s3://" in done.stderr
