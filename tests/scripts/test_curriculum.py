"""A curriculum of levels as a user sees it: it goes on by itself, over a kill and over changes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.conftest import SMALL, Desk, copy_of
from tests.scripts.test_signals import wait_for

PROMOTE = "promote: {metric: seen_fraction, above: -1, iterations: 3}"  # any known mean will do
LEVELS = "levels: [L0, L1, Q], earlier_share: 0.25"
SHORT = ("--set", "env.prep_steps=4", "--set", "env.episode_steps=16")
AGAIN = ("--set", "env.restart_share=0.3")  # visited states are to be carried over too
CURRICULUM = (*SMALL, *SHORT, *AGAIN, "--set", f"env.curriculum={{{LEVELS}, {PROMOTE}}}")


def state_of(desk: Desk, iteration: int) -> dict[str, Any]:
    folder = desk.work / f"checkpoints/checkpoint_{iteration:06}"
    state: dict[str, Any] = json.loads((folder / "training_state/state.json").read_text())
    return state["schedules"]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, str]:
    """A run of 8 iterations, which rises after 3 and after 6 of them, and what it printed."""
    desk = Desk(tmp_path_factory.mktemp("curriculum") / "desk")
    done = desk.run("main.py", "--until", "8", *CURRICULUM)
    assert done.returncode == 0, done.stderr
    return desk, done.stdout


def test_the_stage_rises_and_is_told_everywhere(straight: tuple[Desk, str]) -> None:
    desk, told = straight
    wanted = "when seen_fraction is above -1 in 3 iterations in a row"
    assert f"curriculum: stage 0 of 0 to 2, L0; then L1, {wanted}\n" in told
    assert "the curriculum goes on from L0: stage 1 of 0 to 2, L1" in told
    assert "the curriculum goes on from L1: stage 2 of 0 to 2, Q, the last one" in told
    assert [row["env/stage"] for row in desk.history()] == [0] * 3 + [1] * 3 + [2] * 2
    metadata = desk.work / "checkpoints/checkpoint_000004/metadata.json"
    values = json.loads(metadata.read_text())
    assert (values["stage"], values["level"]) == (1, "L1")


def test_a_killed_run_rises_as_one_that_was_not(
    straight: tuple[Desk, str], desk: Desk, tmp_path: Path
) -> None:
    process = desk.start("main.py", "--until", "300", *CURRICULUM)
    wait_for(process, "5/300 |")  # in the middle of a streak, as checkpoint 2 and 4 are
    process.kill()
    process.communicate(timeout=60)
    done = desk.run("main.py", "--resume", "latest", "--until", "8", *CURRICULUM)
    assert done.returncode == 0, done.stderr
    assert " so far\n" in done.stdout
    last = "checkpoints/checkpoint_000008"
    assert desk.weights(last) == straight[0].weights(last)
    assert desk.history() == straight[0].history()
    assert state_of(desk, 8)["promotion"] == state_of(straight[0], 8)["promotion"]
    worlds = f"{last}/training_state/worlds_0.npz"
    assert (desk.work / worlds).read_bytes() == (straight[0].work / worlds).read_bytes()


def test_a_resume_says_where_the_curriculum_stands_and_follows_its_changes(
    straight: tuple[Desk, str], tmp_path: Path
) -> None:
    desk = copy_of(straight[0], tmp_path / "copy")

    def resumed(iteration: int, curriculum: str) -> str:
        given = ("--set", f"env.curriculum{curriculum}")
        words = ("continue_training.py", str(iteration), "--yes", "--iterations", "2")
        done = desk.run(*words, *SMALL, *SHORT, *AGAIN, *given)
        assert done.returncode == 0, done.stderr
        return "\n".join(" ".join(line.split()) for line in done.stdout.splitlines())

    told = resumed(4, ".promote.iterations=9")
    assert "{promote: {iterations: 3}} -> {promote: {iterations: 9}} changed, given now\n" in told
    assert "worlds start fresh" not in told
    assert "stage 1 of 0 to 2, L1; then Q, when seen_fraction is above -1 in 9 iterations" in told
    assert desk.history()[-1]["env/stage"] == 1
    told = resumed(6, f"={{levels: [L0, L2, L1], earlier_share: 0.25, {PROMOTE}}}")
    assert "changed, given now; worlds start fresh" in told
    assert "curriculum: stage 2 of 0 to 2, L1, the last one" in told
    told = resumed(8, f"={{{LEVELS}}}")
    assert "curriculum: stage 1 of 0 to 2, L1; it stays" in told
    assert [row["env/stage"] for row in desk.history()[-4:]] == [2, 2, 1, 1]


@pytest.mark.parametrize("way", ["resume", "warmstart"])
def test_a_checkpoint_goes_on_at_the_levels_after_its_own(
    trained: tuple[Desk, str], tmp_path: Path, way: str
) -> None:
    """The networks stay, whatever the boxes, the ramps and the sizes of the teams."""
    desk = copy_of(trained[0], tmp_path / "copy")
    source = "checkpoints/checkpoint_000004"
    for level in ("L1", "Q"):
        folder = ("--checkpoint-dir", f"./{level}") if way == "warmstart" else ()
        given = (*SMALL, "--set", f"env.level={level}", *folder)
        before = desk.weights(source)
        done = desk.run("main.py", f"--{way}", f"./{source}", "--iterations", "2", *given)
        assert done.returncode == 0, done.stderr
        if way == "resume":
            assert "worlds start fresh, the game has changed: env.level" in done.stdout
            source = f"checkpoints/checkpoint_{6 if level == 'L1' else 8:06}"
        else:
            assert re.search(r"warm start .*; weights \w{12}\n", done.stdout)
            source = f"{level}/checkpoint_000002"
        assert desk.weights(source) != before
