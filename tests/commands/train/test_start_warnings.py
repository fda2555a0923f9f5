"""Options without effect and risks, told before a run starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.commands.train.conftest import Planner, parsed
from tests.golden_checkpoint import vouch_for
from trainer.commands.train.start_warnings import warnings

MORE = ("--iterations", "2")
TORCH = (*MORE, "--set", "train.engine=torch")


@pytest.mark.parametrize(
    "words", [("--schedule-mode", "restart"), ("--config-from", "file"), ("--yes",)]
)
def test_an_option_without_effect(fresh: Planner, words: tuple[str, ...]) -> None:
    (told,) = warnings(fresh(*words), parsed(*words), asks=False)
    assert told.startswith(f"{words[0]} changes nothing")


def test_options_with_an_effect(resume: Planner) -> None:
    words = (*TORCH, "--schedule-mode", "restart", "--config-from", "checkpoint", "--yes")
    assert warnings(resume(*words), parsed(*words), asks=True) == []


def test_a_single_checkpoint_to_keep(fresh: Planner) -> None:
    (told,) = warnings(fresh("--set", "ppo.keep_last_n=1"), parsed(), asks=False)
    assert told.startswith("ppo.keep_last_n = 1 keeps no older checkpoint")


def test_records_that_a_job_would_lose(resume: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (*TORCH, "--set", "tracking.sessions.every=10")
    there = (*words, "--set", "tracking.sessions.uri=s3://bucket/sessions")
    assert warnings(resume(*words), parsed(*words), asks=False) == []
    job = {"metadata": {"job_submission_id": "raysubmit_1"}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))
    (told,) = warnings(resume(*words), parsed(*words), asks=False)
    assert told.startswith(f"session records go to {Path.cwd()}/sessions, where this job runs")
    assert "does not take the place of its records from the checkpoint: give --set " in told
    assert warnings(resume(*there), parsed(*there), asks=False) == []


@pytest.mark.parametrize(
    ("promote", "levels"),
    [
        ("{metric: sealed, above: 0.5}", ["L0"]),
        ("{metric: seeker_crossings, above: 0.5}", ["L0", "L2"]),
        ("{metric: seen_fraction, above: 0.5}", []),
        ("{metric: sealed, below: 0.5}", []),  # met at once
    ],
)
def test_a_level_at_which_a_promotion_waits_for_ever(
    fresh: Planner, promote: str, levels: list[str]
) -> None:
    curriculum = f"env.curriculum={{levels: [L0, L2, L4, L3], promote: {promote}}}"
    told = warnings(fresh("--set", curriculum), parsed(), asks=False)
    assert len(told) == len(levels)
    for text, level in zip(told, levels, strict=True):
        assert f" is always 0 at {level}, which has none" in text


def test_another_number_of_threads(resume: Planner, checkpoint: Path) -> None:
    file = checkpoint / "metadata.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "torch_threads": 999}))
    vouch_for(checkpoint)
    (told,) = warnings(resume(*TORCH), parsed(*TORCH), asks=True)
    assert "saved with 999 threads" in told
    own = (*TORCH, "--set", "train.torch_threads=1")
    assert warnings(resume(*own), parsed(*own), asks=True) == []


def test_another_engine(resume: Planner) -> None:
    fused = (*MORE, "--set", "train.engine=fused")
    (told,) = warnings(resume(*fused), parsed(*fused), asks=True)
    assert "saved by the torch engine, here is the fused one" in told
    assert "--set train.engine=torch resumes exactly" in told


def test_another_device(resume: Planner, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    cuda = (*MORE, "--set", "train.device=cuda")
    (told,) = warnings(resume(*cuda), parsed(*cuda), asks=True)
    assert "saved by a run on cpu, this one is on cuda" in told
    assert "--set train.device=cpu resumes exactly" in told
    file = checkpoint / "metadata.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "device": "cuda"}))
    vouch_for(checkpoint)
    (told,) = warnings(resume(*TORCH), parsed(*TORCH), asks=True)
    assert "saved by a run on cuda, this one is on cpu" in told
    assert "exactly" not in told
