"""Commands and paths are shown as their reader would type them."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.project import PROFILES, PROJECT_ROOT
from trainer.shown_commands import (
    module_command,
    script_command,
    shown_config,
    shown_path,
    with_commands,
)


def test_paths_and_commands_are_shown_as_they_would_be_typed_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown_path(tmp_path / "checkpoints" / "a b") == "./checkpoints/a b"
    assert shown_path("/elsewhere/a") == "/elsewhere/a"
    assert shown_path(tmp_path) == "."
    job = '{"metadata": {"job_submission_id": "raysubmit_1"}}'
    with monkeypatch.context() as in_job:  # whoever reads its log is somewhere else
        in_job.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", job)
        assert shown_path("checkpoints/a b") == str(tmp_path / "checkpoints" / "a b")
        assert script_command("demo_model.py", ["s3://b/a"]) == "python demo_model.py s3://b/a"
        assert shown_config(tmp_path / "mine.yaml") == "./mine.yaml"
        assert shown_config(PROFILES / "quick.yaml") == "quick"
        submit = "python -m trainer.submit -- --resume latest"
        assert with_commands("type: python main.py --resume latest") == f"type: {submit}"
        assert with_commands(submit) == submit
        assert module_command("trainer.sessions", ["list"]) == "python -m trainer.sessions list"
    command = script_command("main.py", ["./a b"])
    assert command.endswith(f"{PROJECT_ROOT / 'main.py'} './a b'")
    hint = with_commands("start with: python main.py --fresh")
    assert hint == f"start with: {script_command('main.py', [])} --fresh"
    for folder, words in (
        ("./checkpoints_L1", "--config L1"),
        ("checkpoints_quick", "--config quick"),
        ("./checkpoints_mine", "--checkpoint-dir ./checkpoints_mine"),
        ("./checkpoints_L1/b", "--checkpoint-dir ./checkpoints_L1/b"),
    ):
        hint = with_commands(f"start with: python main.py --checkpoint-dir {folder}\nor not")
        assert hint == f"start with: {script_command('main.py', [])} {words}\nor not"
    monkeypatch.chdir(PROJECT_ROOT)
    assert script_command("main.py", []).endswith(" main.py")
    for command in ("./.venv/bin/python main.py", "python /elsewhere/main.py"):
        assert with_commands(command) == command  # as it stands it runs
