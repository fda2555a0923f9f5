"""What to type after a run, in each of the ways it can end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.train.conftest import Planner
from tests.golden_checkpoint import golden_in, vouch_for
from trainer.commands.train.next_steps import (
    after_end,
    after_failure,
    how_to_resume,
    resume_options,
)
from trainer.errors import ProcessDied, TrainingDiverged

GIVEN = ("--seed", "5", "--set", "ppo.lr=0.5")


def saved_later(home: Path, **values: object) -> Path:
    """A checkpoint of iteration 4 of the same run."""
    path = golden_in(home / "checkpoints", 4)
    file = path / "metadata.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "iteration": 4, **values}))
    vouch_for(path)
    return path


def test_a_finished_run_is_extended_beyond_its_plan(resume: Planner, checkpoint: Path) -> None:
    plan = resume("--iterations", "2", "--set", "ppo.num_iterations=5")
    last = checkpoint.with_name("checkpoint_000005")
    on, demo, listing = after_end(plan, last, finished=True)
    assert on.endswith("continue_training.py ./checkpoints/checkpoint_000005 --iterations 100")
    assert demo.endswith("demo_model.py --checkpoint ./checkpoints/checkpoint_000005")
    assert listing.endswith("list_checkpoints.py ./checkpoints")
    within = after_end(resume("--iterations", "2"), last, finished=True)[0]
    assert within.endswith("continue_training.py ./checkpoints/checkpoint_000005")


def test_what_was_given_is_in_the_run_s_own_checkpoints(resume: Planner, checkpoint: Path) -> None:
    plan = resume("--iterations", "2", *GIVEN)
    own = checkpoint.with_name("checkpoint_000004")
    assert resume_options(plan, own) == ["--until", "5"]
    assert resume_options(plan, checkpoint) == [*GIVEN, "--until", "5"]
    turns = resume("--alternations", "3", "--set", "train.alternate.every=null")
    assert "train.alternate.every=10" in resume_options(turns, checkpoint)
    budget = resume("--until-steps", "9000")
    assert resume_options(budget, own) == []
    assert resume_options(budget, checkpoint) == ["--until-steps", "9000"]


def test_a_process_that_died(resume: Planner, checkpoint: Path, home: Path) -> None:
    plan = resume("--iterations", "2")
    assert how_to_resume(plan, None) == "nothing was saved"
    saved_later(home)
    told = after_failure(plan, ProcessDied("gone"))
    assert told.startswith("the last checkpoint is ./checkpoints/checkpoint_000004; ")
    assert told.endswith("continue_training.py ./checkpoints/checkpoint_000004 --until 5")


def test_a_failure_in_a_new_folder_leads_back_to_the_old_one(
    resume: Planner, checkpoint: Path
) -> None:
    plan = resume("--iterations", "2", "--checkpoint-dir", "new", selector=str(checkpoint))
    told = after_failure(plan, ProcessDied("gone"))
    assert told.startswith("the last checkpoint is ./checkpoints/checkpoint_000003; ")
    assert told.endswith("--checkpoint-dir new --until 5")


def test_a_divergence_leads_to_the_last_healthy_one_with_less_lr(
    resume: Planner, checkpoint: Path, home: Path
) -> None:
    saved_later(home, warnings=["hider_policy has collapsed"])
    curve = ("--set", "schedules.lr={type: linear, start: 0.1, end: 0.5}")
    plan = resume("--iterations", "2", *curve, selector="3")
    told = after_failure(plan, TrainingDiverged("NaN", ("hider_policy",)))
    assert told.startswith("the last good checkpoint is ./checkpoints/checkpoint_000003; ")
    assert "--set ppo.hider.lr=0.0001 --set schedules.lr=null" in told
    later = resume("--iterations", "2", "--seed", "5", selector="4")
    told = after_failure(later, TrainingDiverged("NaN", ("hider_policy",)))
    assert "/checkpoint_000003 --seed 5 --until 6 --set ppo.hider.lr=" in told  # from before it


def test_a_divergence_before_anything_was_saved(fresh: Planner) -> None:
    told = after_failure(fresh(), TrainingDiverged("NaN"))
    assert told == "nothing was saved; start again with --set ppo.lr=0.0001"


@pytest.mark.parametrize("place", ["tracking.mlflow_uri=postgresql://me:secret@host/db"])
def test_credentials_have_to_be_given_again(resume: Planner, checkpoint: Path, place: str) -> None:
    *_, note = after_end(resume("--iterations", "2", "--set", place), checkpoint)
    assert note.startswith("# tracking.mlflow_uri held more than is shown")
    assert "secret" not in note


def in_job(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    job = {
        "metadata": {"job_submission_id": "raysubmit_1", "submitted_to": "http://head:8265"},
        "runtime_env": {"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": "120", **variables}},
    }
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))


SUBMIT = "python -m trainer.submit --address http://head:8265"


def test_a_job_tells_the_commands_of_the_place_that_it_was_submitted_from(
    resume: Planner, checkpoint: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_job(monkeypatch, RAY_WORKERS="5", RESTORE_CHECKPOINT="s3://b/a", MY_TOKEN="s3cret")
    place = str(home / "checkpoints")
    plan = resume("--iterations", "2", *GIVEN, "--checkpoint-dir", place)
    own = checkpoint.with_name("checkpoint_000005")
    on, demo, listing = after_end(plan, own, finished=True)
    submit = f"{SUBMIT} --env MY_TOKEN --env RAY_WORKERS=5 -- --resume auto --seed 5"
    rest = f"--checkpoint-dir {place}"
    assert on == f"{submit} --set ppo.lr=0.5 --until 300 {rest}"
    assert demo == f"python demo_model.py --checkpoint {own}"
    assert listing == f"python list_checkpoints.py {place}"
    assert how_to_resume(plan, own).endswith(f"{submit} --set ppo.lr=0.5 --until 5 {rest}")
    in_job(monkeypatch, RAY_JOB_STOP_WAIT_TIME_S="300")
    assert after_end(plan, own, finished=True)[0].startswith(f"{SUBMIT} --stop-wait 300 -- --res")


def test_a_job_with_a_budget_or_from_elsewhere(
    resume: Planner, checkpoint: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_job(monkeypatch)
    own = checkpoint.with_name("checkpoint_000009")
    budget = resume("--until-steps", "90000")
    place = f"--checkpoint-dir {home}/checkpoints"
    submit = f"{SUBMIT} -- --resume auto"
    assert after_end(budget, own)[0] == f"{submit} --until-steps 90000 {place}"
    assert after_end(budget, own, finished=True)[0] == f"{submit} --until 109 {place}"
    plan = resume("--iterations", "2", "--checkpoint-dir", "new", selector=str(checkpoint))
    assert how_to_resume(plan, checkpoint).endswith(
        f"resume with: {SUBMIT} -- {checkpoint} --checkpoint-dir new --until 5"
    )
