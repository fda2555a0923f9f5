"""What a user reads before a run is resumed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.train.conftest import Planner, parsed
from tests.golden_checkpoint import golden_in, record_config_file, vouch_for
from trainer.checkpoints.manager import CheckpointManager
from trainer.commands.train import resume_report
from trainer.commands.train.plan import plan_run
from trainer.commands.train.resume_report import (
    print_alternatives,
    print_changes,
    print_report,
    print_start,
)
from trainer.commands.train.start import Start
from trainer.config.paths import values_by_path
from trainer.project import PROFILES

MORE = ("--iterations", "2")


def with_metadata(checkpoint: Path, **values: object) -> None:
    file = checkpoint / "metadata.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
    vouch_for(checkpoint)


def test_the_start_names_what_moves(
    resume: Planner, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_start(resume(*MORE))
    assert capsys.readouterr().out == "RESTORING from checkpoint: ./checkpoints/checkpoint_000003\n"
    for iteration in (5, 6):
        with_metadata(golden_in(home / "checkpoints", iteration), iteration=iteration)
    print_start(resume(*MORE, selector="3"))
    assert "  iterations 5, 6 are newer: they move into a branch_after_... folder" in (
        capsys.readouterr().out
    )
    print_start(resume(*MORE, selector="5"))
    assert "  iteration 6 is newer: it moves into a branch_after_... folder" in (
        capsys.readouterr().out
    )
    assert CheckpointManager(home / "checkpoints").listing().iterations == [3, 5, 6]


def test_a_checkpoint_that_the_environment_names_is_shown_as_such(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESTORE_CHECKPOINT", "latest")
    print_start(plan_run(parsed(*MORE), Start()))
    assert capsys.readouterr().out == (
        "RESTORING from checkpoint: ./checkpoints/checkpoint_000003\n  as RESTORE_CHECKPOINT says\n"
    )


def test_the_start_names_what_a_damaged_checkpoint_becomes(
    resume: Planner, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = golden_in(home / "checkpoints", 5)
    (newest / "algorithm_state.pkl").write_bytes(b"?")
    print_start(resume(*MORE))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  checkpoint_000005 is damaged: it becomes broken_checkpoint_000005_... after the first "
        "iteration"
    ]


def test_the_report_shows_the_metadata_of_a_stranger_safely(
    resume: Planner, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_metadata(checkpoint, timestamp="2026\x1b[2J", reward_mean="much", agent_steps=1234567)
    print_report(resume(*MORE))
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["iteration"] == "3, to continue to 5"
    assert lines["saved"] == "2026?[2J"
    assert lines["reward"] == "mean     unknown"
    assert "1,234,567" in lines["agent"]


def test_changes_and_their_sources(resume: Planner, capsys: pytest.CaptureFixture[str]) -> None:
    plan = resume(*MORE)
    assert not print_changes(plan)
    keys = len(values_by_path(plan.config.to_dict()))
    assert (
        capsys.readouterr().out
    ) == f"configuration: as in the checkpoint, all {keys} keys carried over\n"
    words = ("--set", "ppo.lr=0.5", "--seed", "9", "--set", "env.vision_range=4")
    assert not print_changes(resume("--until", "400", *words))
    told = capsys.readouterr().out
    for line in (
        "ppo.lr              0.001 -> 0.5  changed, given now",
        "train.seed          0 -> 9  changed, given now; random streams start anew",
        "ppo.num_iterations  300 -> 400  changed, the length asked for now",
    ):
        assert line in told
    assert "given now; worlds start fresh" in told


def test_another_network_is_refused_with_the_alternatives(
    resume: Planner, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*MORE, "--set", "ppo.hiddens=[4]", "--set", "ppo.lr=0.5")
    plan = resume(*words)
    assert print_changes(plan)
    assert "ppo.hiddens  [8] -> [4]  REFUSED: another network, given now" in (
        capsys.readouterr().out
    )
    print_alternatives(plan, parsed(*words))
    error, keep, new = capsys.readouterr().err.splitlines()
    assert error.startswith("error: these weights do not fit")
    assert keep.endswith(
        "continue_training.py ./checkpoints/checkpoint_000003 --set ppo.lr=0.5 --iterations 2"
    )
    assert new.endswith(
        "main.py --fresh --set 'ppo.hiddens=[4]' --set ppo.lr=0.5 --iterations 2 "
        "--checkpoint-dir ./checkpoints_2"
    )


@pytest.mark.parametrize("file", ["quick", "./mine.yaml"])
def test_a_new_run_begins_with_the_file_that_the_run_was_started_with(
    resume: Planner, checkpoint: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    Path("mine.yaml").write_text("{}")
    path = PROFILES / "quick.yaml" if file == "quick" else Path("mine.yaml").resolve()
    record_config_file(checkpoint, path, {}, named=True)
    words = (*MORE, "--set", "ppo.hiddens=[4]")
    print_alternatives(resume(*words), parsed(*words))
    _, keep, new = capsys.readouterr().err.splitlines()
    assert "--config" not in keep
    assert f"main.py --fresh --config {file} --set 'ppo.hiddens=[4]' " in new


def test_with_another_value_function_a_new_run_can_begin_with_the_policies(
    resume: Planner, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*MORE, "--set", "ppo.critic=state")
    plan = resume(*words)
    assert print_changes(plan)
    assert "ppo.critic  obs -> state  REFUSED: another network, given now" in (
        capsys.readouterr().out
    )
    print_alternatives(plan, parsed(*words))
    new = capsys.readouterr().err.splitlines()[-1]
    assert "main.py --warmstart ./checkpoints/checkpoint_000003 --set ppo.critic=state" in new
    assert "fresh" not in new


def test_one_team_that_cannot_resume_leaves_the_other_its_network(
    resume: Planner, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*MORE, "--set", "ppo.hider.hiddens=[4]")
    print_alternatives(resume(*words), parsed(*words))
    new = capsys.readouterr().err.splitlines()[-1]
    assert "main.py --warmstart ./checkpoints/checkpoint_000003" in new
    assert "--set initialization.warmstart.hider=fresh" in new


def test_the_report_says_what_an_evaluation_has_measured() -> None:
    numbers = {"score": 0.5, "seeker": 0.25, "hider": 0.75}
    found = resume_report._evaluation(
        {f"evaluation/{key}": value for key, value in numbers.items()}
    )
    assert found == "score 0.500, seeker 0.250, hider 0.750"
    assert (
        resume_report._evaluation({"evaluation/score": 0.5}) == "these policies were not evaluated"
    )
