"""Schedules across a resume, as a user sees them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scripts.conftest import SMALL, Desk, copy_of
from trainer.checkpoints import manifest
from trainer.commands.train import main
from trainer.commands.train.plan import RunPlan, plan_run
from trainer.commands.train.resume_report import print_changes
from trainer.commands.train.schedule_report import print_schedules
from trainer.commands.train.start import Start
from trainer.config.loading import load_config
from trainer.config.types import ConfigError
from trainer.ppo_trainer import create_ppo_trainer

Trained = tuple[Desk, str]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, with single spaces between the words."""
    return "\n".join(" ".join(line.split()) for line in capsys.readouterr().out.splitlines())


Planner = Callable[..., RunPlan]


@pytest.fixture
def plan(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> Planner:
    """Plans a resume of the trained run from words of the command line."""
    monkeypatch.chdir(trained[0].work)

    def make(*words: str) -> RunPlan:
        args = main.build_parser().parse_args([*SMALL, *words])
        return plan_run(args, Start(resume="latest"))

    return make


def test_the_modes_are_told_with_totals_position_and_jumps(
    plan: Planner, capsys: pytest.CaptureFixture[str]
) -> None:
    print_schedules(plan("--iterations", "2"))
    told = said(capsys)
    assert "Loaded schedule metadata from" in told
    assert "Previous total iterations: 300" in told
    assert "Previous current iterations: 4" in told
    assert "Schedule mode: EXTEND - continuing schedules from previous run" in told
    assert "Total iterations: 300 (position 4)" in told
    assert "env/vision_angle continues at 297.333" in told
    assert "jumps" not in told

    print_schedules(plan("--until", "400"))
    told = said(capsys)
    assert "Extended total iterations: 400 (position 4)" in told
    assert "jumps" not in told

    print_schedules(plan("--until", "400", "--set", "schedules.extend=rescale"))
    assert "env/vision_angle jumps 297.333 -> 298" in said(capsys)

    print_schedules(plan("--restart-entropy-on-continue"))
    told = said(capsys)
    assert "Schedule mode: RESTART" in told
    assert "seeker/entropy_coeff jumps 0.00969" in told
    assert "-> 0.01\n" in told


def test_held_values_are_those_reached(trained: Trained, tmp_path: Path) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    words = ("--resume", "latest", "--schedule-mode", "constant", "--iterations", "2")
    done = desk.run("main.py", *words, *SMALL)
    assert done.returncode == 0, done.stderr
    assert "Schedule mode: CONSTANT - holding the values that were reached" in done.stdout
    rows = desk.history()
    for name, start, end in (
        ("env/vision_angle", 300, 100),
        ("hider/logit_bias.forward.ahead", 1, 0),
    ):
        found = [row[name] for row in rows]
        straight = [start + (end - start) * i / 300 for i in range(5)]
        assert found[:4] == pytest.approx(straight[:4], rel=1e-12)
        assert found[4:] == pytest.approx([straight[4]] * 2, rel=1e-12)
    # Alternation goes on where it was: three iterations of the seekers, then the hiders' turn.
    assert [row["seeker/trained"] for row in rows] == [1, 1, 1, 0, 0, 0]


def test_an_older_checkpoint_without_schedules_is_resumed_with_a_warning(
    trained: Trained, tmp_path: Path, plan: Planner, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    folder = desk.work / "checkpoints" / "checkpoint_000004"
    file = folder / "training_state" / "state.json"
    state = json.loads(file.read_text())
    del state["schedules"]
    file.write_text(json.dumps(state))
    (folder / "manifest.json").unlink()
    manifest.write(folder)

    os.chdir(desk.work)
    print_schedules(plan("--iterations", "2"))
    told = said(capsys)
    assert "warning: checkpoint_000004 says nothing about schedules" in told
    assert "begin now, at iteration 4, and end at" in told
    assert "EXTEND" not in told
    assert "env/vision_angle jumps 135 -> 300" in told
    trainer, _ = create_ppo_trainer(load_config(folder / "config.yaml"), folder)
    assert trainer.schedules.iteration == 4
    assert trainer.schedules.values()["env/vision_angle"] == 300.0
    trainer.stop()


def test_a_curriculum_that_leads_out_of_the_game_is_refused_before_the_start(
    plan: Planner,
) -> None:
    growing = "schedules.env={vision_angle: {type: exponential, start: 100, gamma: 1.6}}"
    with pytest.raises(ConfigError, match=r"schedules.env: at iteration \d+: vision_angle must"):
        plan("--iterations", "20", "--set", growing)
    # The checkpoint's own schedule of the share of preparation goes on, and fits this length.
    assert plan("--iterations", "20", "--set", "env.vision_range=9").until == 24


def test_a_learning_rate_of_0_is_pointed_out(
    plan: Planner, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = "schedules.hider.lr={type: piecewise, points: [[0.0, 0.0], [1.0, 0.0]]}"
    print_schedules(plan("--iterations", "2", "--set", flat))
    assert "warning: hider/lr is 0: this team does not learn any more" in said(capsys)


def test_the_difference_report_has_a_verdict_for_every_key(
    plan: Planner, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = ("ppo.lr=0.002", "env.vision_range=9", "ppo.hiddens=[32]", "train.seed=3")
    words = [word for item in changed for word in ("--set", item)]
    assert print_changes(plan(*words))
    told = said(capsys)
    assert "ppo.lr 0.001 -> 0.002 changed, given now\n" in told
    assert "env.vision_range 17.0 -> 9.0 changed, given now; worlds start fresh\n" in told
    assert "ppo.hiddens [64, 64] -> [32] REFUSED: another network, given now\n" in told
    assert "train.seed 0 -> 3 changed, given now; random streams start anew\n" in told
    assert "the other keys " in told
    assert not print_changes(plan())
    assert "as in the checkpoint, all" in said(capsys)
