"""The comparison with other trainers: what can go wrong there without a word."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import __main__ as program
from benchmarks.peers import environments
from benchmarks.peers.catalog import HERE, PEERS, Peer
from benchmarks.peers.worlds import MeetingPoint, Worlds
from benchmarks.rounds import Runs
from benchmarks.workload import default_config
from trainer.config.schema import Config

ROOT = HERE.parents[1]
LIBRARIES = ("torch", "jax", "skrl", "stable_baselines3", "pufferlib", "ray")


def pins(path: Path) -> dict[str, str]:
    """Version by package; every line must be an exact pin, another file or a comment."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(("#", "-r ")) or not line:
            continue
        pin = re.fullmatch(r"([\w.-]+)(?:\[\w+\])?==([\w.]+)", line)
        assert pin, f"{path.name}: {line!r} is no exact pin"
        found[pin[1]] = pin[2]
    return found


def small_worlds() -> Config:
    few = ("ray.num_envs_per_env_runner=3", "ppo.minibatch_size=64")
    return default_config(*few, "env.level=L2")


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_peer_has_its_file_and_pinned_requirements(peer: Peer) -> None:
    assert (HERE / f"{peer.library}.py").is_file()
    assert "-r requirements-game.txt" in peer.requirements.read_text(encoding="utf-8")
    pins(peer.requirements)


def test_packages_of_the_project_are_pinned_as_the_project_pins_them() -> None:
    project = pins(ROOT / "requirements.txt")
    for path in HERE.glob("requirements-*.txt"):
        for package, pinned in pins(path).items():
            assert project.get(package, pinned) == pinned, f"{path.name}: {package}"


def test_every_requirements_file_and_file_of_a_trainer_is_of_a_peer() -> None:
    known = {path for peer in PEERS for path in (peer.requirements, peer.build_requirements)}
    assert set(HERE.glob("requirements-*.txt")) <= known | {HERE / "requirements-game.txt"}
    trainers = {path.stem for path in HERE.glob("*.py") if "report(" in path.read_text()}
    assert trainers - {"measuring"} == {peer.library for peer in PEERS}


def test_the_help_needs_no_library_and_names_every_peer() -> None:
    program = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({LIBRARIES}))
sys.argv[1:] = ["--help"]
runpy.run_module("benchmarks.peers", None, "__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for peer in PEERS:
        assert f"{peer.name:<10} {peer.title}" in done.stdout


def test_this_trainer_runs_beside_the_peer_with_the_same_time() -> None:
    peer = next(peer for peer in PEERS if peer.words)
    fused, torch, other = program.contenders([peer], 3.0)
    for engine, ours in (("fused", fused), ("torch", torch)):
        words = " ".join(ours.words)
        assert words == f"-m benchmarks.contenders ours --seconds 3.0 --set train.engine={engine}"
    expected = ["-m", f"benchmarks.peers.{peer.library}", "--seconds", "3.0", *peer.words]
    assert list(other.words) == expected


def test_the_table_has_ratios_of_rounds() -> None:
    def run(rate: float) -> dict[str, Any]:
        return {"agent_steps": 2 * rate, "seconds": 2.0, "version": "1.2"}

    peer = PEERS[0]
    runs: Runs = {
        "fused": [run(8), run(30)],
        "torch": [run(4), None],
        peer.name: [run(2), run(3)],
    }
    lines = program.table(runs).splitlines()
    assert lines[2] == "| this trainer, `train.engine: fused` | | 19 (8-30) | | |"
    assert lines[-1] == f"| {peer.title} | 1.2 | 2 (2-3) | 7.0 (4.0-10.0) | 2.0 (2.0-2.0) |"


def test_a_peer_runs_with_its_own_python_and_leaves_nothing_here(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("""#!/bin/sh\ntouch left\necho "{\\"path\\": \\"$PYTHONPATH:$PWD\\"}"\n""")
    python.chmod(0o755)
    told = program.PeerContender("a", "a", ("-m", "a"), python=python).run()["path"]
    project, where = told.split(":")
    assert project == str(ROOT)
    assert not Path(where).exists()


def test_an_environment_is_made_again_when_its_requirements_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []

    def run(command: list[str], **kwargs: Any) -> None:
        calls.append(command)
        if "venv" in command:
            (Path(command[-1]) / "lib/python3/site-packages").mkdir(parents=True)

    monkeypatch.setattr(environments.subprocess, "run", run)
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "PROJECT_ROOT", tmp_path)
    peer = next(peer for peer in PEERS if peer.build_requirements.is_file())
    environments.prepare(peer)
    assert [command[-1] for command in calls[1:]] == [
        str(peer.requirements),
        str(peer.build_requirements),
    ]
    assert not list(tmp_path.rglob("sitecustomize.py"))
    environments.prepare(peer)
    assert len(calls) == 3
    monkeypatch.setattr(environments, "stamp_of", lambda peer: "other")
    environments.prepare(peer)
    assert len(calls) == 6


def test_the_worlds_of_a_peer_are_this_games_with_agents_as_rows() -> None:
    config = small_worlds()
    worlds = Worlds(config)
    env = config.env
    shapes = {name: worlds.obs[name].shape for name in worlds.teams}
    assert shapes == {"seeker": (6, 158), "hider": (6, 158)}
    assert not worlds.valid["seeker"].any()
    assert worlds.valid["hider"].all()
    rng = np.random.default_rng(0)
    resolved = env.resolved()
    assert resolved.episode_steps is not None
    for step in range(resolved.episode_steps):
        before = worlds.obs["hider"].copy()
        spec = worlds.teams["hider"]
        actions = rng.integers(0, spec.nvec, (6, len(spec.nvec)))
        worlds.step({"seeker": actions, "hider": actions})
        assert (worlds.obs["hider"] != before).any()
        assert worlds.dones["hider"].all() == (step == resolved.episode_steps - 1)
    assert abs(worlds.rewards["hider"]).max() == pytest.approx(config.ppo.reward_scale)


def test_learners_in_threads_play_the_same_worlds_as_one_loop() -> None:
    alone, shared = Worlds(small_worlds()), MeetingPoint(Worlds(small_worlds()))
    script = np.random.default_rng(0).integers(0, 2, (5, 2, 6, 5))
    sides = {"seeker": 0, "hider": 1}

    def play(team: str) -> None:
        for actions in script:
            shared.step(team, actions[sides[team]])

    shared.together(play)
    for actions in script:
        alone.step({team: actions[side] for team, side in sides.items()})
    for team in sides:
        np.testing.assert_array_equal(shared.worlds.obs[team], alone.obs[team])


def test_a_failing_learner_ends_the_others() -> None:
    meeting = MeetingPoint(Worlds(small_worlds()))

    def play(team: str) -> None:
        if team == "hider":
            raise ValueError("no hider")
        meeting.step(team, np.zeros((6, 5), np.int64))

    with pytest.raises(ValueError, match="no hider"):
        meeting.together(play)
