"""What a command means: how the run starts, where, and how far it goes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.checkpoints.fakes import save_own_game
from tests.commands.train.conftest import Planner, parsed
from tests.golden_checkpoint import golden_in, vouch_for
from trainer.checkpoints import manifest
from trainer.checkpoints.errors import CheckpointsInUse, NoUsableCheckpoint
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.safe_io import safe_json
from trainer.commands.train.plan import plan_run
from trainer.commands.train.resume_report import print_changes, print_report, print_start
from trainer.commands.train.schedule_report import print_schedules
from trainer.commands.train.start import Start
from trainer.config.types import ConfigError
from trainer.errors import IncompatibleCheckpoint, UsageError
from trainer.ppo.policy_files import read_spec
from trainer.project import SHIPPED
from trainer.run.saved_state.resume_state import read_resume_state
from trainer.schedules.scheduler import Scheduler


def snapshot(folder: Path) -> dict[str, str]:
    """Every file and folder with its content and time of change."""
    return {
        str(path.relative_to(folder)): f"{path.lstat().st_mtime_ns} "
        + (hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder")
        for path in sorted(folder.rglob("*"))
    }


def break_file(checkpoint: Path) -> None:
    (checkpoint / "algorithm_state.pkl").write_bytes(b"?")


def test_a_new_run(fresh: Planner) -> None:
    plan = fresh("--iterations", "7", "--set", "schedules.lr={type: linear, start: 1, end: 0.5}")
    assert plan.until == plan.config.ppo.num_iterations == 7
    assert (plan.restore_path, plan.first_iteration, plan.origin.sources) == (None, 0, [])
    assert isinstance(plan.schedules, Scheduler)
    assert plan.schedules.scheduled == ["seeker/lr", "hider/lr"]
    assert fresh("--until", "7").config.ppo.num_iterations == 300  # a stop within the plan


def test_a_resume(resume: Planner, checkpoint: Path) -> None:
    plan = resume("--iterations", "4")
    assert plan.until == 7
    assert plan.restore_path == checkpoint
    assert plan.metadata["env_steps"] == 480
    assert plan.continuation is not None
    assert plan.continuation.position == plan.first_iteration == 3
    assert not plan.origin.carry_schedules  # the merged configuration has them
    assert plan.config.ppo.hiddens == (8,)


def test_the_shipped_policies_cannot_be_resumed_and_it_says_what_to_do(home: Path) -> None:
    for start in (Start(resume="shipped", source=""), Start(resume="shipped", source="--resume")):
        with pytest.raises(IncompatibleCheckpoint) as raised:
            plan_run(parsed(), start)
        assert str(raised.value) == (
            "shipped cannot be resumed: it holds policies alone, no state of a training.\n"
            "Start a new run with them: python main.py --warmstart shipped"
        )


def test_a_mistyped_shipped_is_told(checkpoint: Path) -> None:
    with pytest.raises(NoUsableCheckpoint) as raised:
        plan_run(
            parsed("--checkpoint-dir", "second"), Start(warmstart="shippd", source="--warmstart")
        )
    told = "--warmstart: no such checkpoint: shippd; did you mean 'shipped'?"
    assert str(raised.value) == told


def test_planning_writes_nothing(resume: Planner, fresh: Planner, home: Path) -> None:
    break_file(golden_in(home / "checkpoints", 5))
    before = snapshot(home)
    plan = resume("--iterations", "4")
    fresh("--checkpoint-dir", "second")
    plan_run(parsed("--checkpoint-dir", "second"), Start(warmstart="3"))
    assert snapshot(home) == before
    assert plan.origin.damaged == (home / "checkpoints" / "checkpoint_000005",)


def test_a_checkpoint_is_verified_and_read_once(
    resume: Planner, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path | str] = []
    verify, read_bytes = manifest.verify, safe_json.read_bytes

    def verified(folder: Path) -> manifest.Manifest:
        read.append("every file")
        return verify(folder)

    def opened(path: Path, *limit: int) -> bytes:
        read.append(path)
        return read_bytes(path, *limit)

    monkeypatch.setattr(manifest, "verify", verified)
    monkeypatch.setattr(safe_json, "read_bytes", opened)
    plan = resume("--iterations", "4")
    print_start(plan)
    print_report(plan)
    print_changes(plan)
    print_schedules(plan)
    assert plan.origin.saved is not None
    policies = ("seeker_policy", "hider_policy")
    specs = {name: read_spec(checkpoint / "policies" / name) for name in policies}
    read_resume_state(plan.origin.saved, specs, plan.config)
    assert read.count("every file") == 1
    for name in ("config.yaml", "config_file.yaml", "training_state/state.json"):
        assert read.count(checkpoint / name) == 1, name


def test_the_newest_valid_one_is_resumed(
    resume: Planner, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = golden_in(home / "checkpoints", 5)
    break_file(broken)
    assert resume("--iterations", "1", selector="5").first_iteration == 3
    err = capsys.readouterr().err
    assert f"warning: {broken} is damaged (algorithm_state.pkl: 1 bytes" in err
    assert "warning: resuming from ./checkpoints/checkpoint_000003 instead" in err


def test_what_is_asked_for_first_counts(
    checkpoint: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mode = ("--iterations", "1", "--set", "initialization.mode=resume")
    elsewhere = golden_in(home / "elsewhere")
    assert plan_run(parsed(*mode), Start()).restore_path == checkpoint
    monkeypatch.setenv("RESTORE_CHECKPOINT", str(elsewhere))
    assert plan_run(parsed(*mode), Start()).restore_path == elsewhere
    assert plan_run(parsed(*mode), Start(resume="3")).restore_path == checkpoint
    monkeypatch.setenv("RESTORE_CHECKPOINT", "9")
    with pytest.raises(NoUsableCheckpoint, match="RESTORE_CHECKPOINT: no checkpoint for iter"):
        plan_run(parsed(*mode), Start())


def test_a_resume_from_elsewhere_stays_there(resume: Planner, home: Path) -> None:
    elsewhere = golden_in(home / "elsewhere")
    plan = resume("--iterations", "1", selector=str(elsewhere))
    assert plan.config.ppo.checkpoint_dir == "./elsewhere"
    for words in (("--checkpoint-dir", "{}"), ("--set", "ppo.checkpoint_dir={}")):
        option, place = words
        new = resume("--iterations", "1", option, place.format("new"), selector=str(elsewhere))
        assert new.config.ppo.checkpoint_dir == "new"
        with pytest.raises(UsageError, match="already holds 1 checkpoint"):
            resume(
                "--iterations", "1", option, place.format("checkpoints"), selector=str(elsewhere)
            )


def test_a_new_run_leaves_the_checkpoints_of_another_alone(
    fresh: Planner, checkpoint: Path
) -> None:
    with pytest.raises(
        UsageError, match=r"already holds 1 checkpoint[^$]*--resume latest"
    ) as caught:
        fresh()
    assert caught.value.exit_code == 2


def test_another_writer_is_noticed_before_anything_starts(
    resume: Planner, checkpoint: Path
) -> None:
    with CheckpointManager(checkpoint.parent).writer_lock(), pytest.raises(CheckpointsInUse):
        resume("--iterations", "1")


def test_a_warm_start_looks_in_the_configured_folder(checkpoint: Path) -> None:
    words = ("--checkpoint-dir", "second")
    plan = plan_run(parsed(*words), Start(warmstart="latest", source="--warmstart"))
    assert plan.origin.warmstart == dict.fromkeys(("seeker_policy", "hider_policy"), checkpoint)
    assert (plan.restore_path, plan.origin.sources) == (None, [checkpoint])
    with pytest.raises(NoUsableCheckpoint, match=r"--warmstart: .*\n.*second is for the new run"):
        plan_run(parsed(*words), Start(warmstart="9", source="--warmstart"))


def test_a_warm_start_from_the_policies_that_come_with_the_project(home: Path) -> None:
    plan = plan_run(parsed("--checkpoint-dir", "second"), Start(warmstart="shipped"))
    assert {path.parent for path in plan.origin.warmstart.values()} == {SHIPPED}


@pytest.mark.parametrize("words", [("--until", "3"), ("--set", "ppo.num_iterations=2")])
def test_a_resume_that_trains_nothing(resume: Planner, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="checkpoint_000003 is at iteration 3 already"):
        resume(*words)


@pytest.mark.parametrize("key", ["ppo.nonsense=1", "ppo.lr=fast", "ray.num_env_runners=-1"])
def test_a_configuration_that_cannot_be(resume: Planner, key: str) -> None:
    with pytest.raises(ConfigError, match=key.partition("=")[0]):
        resume("--iterations", "1", "--set", key)


def test_a_schedule_that_the_game_cannot_play(resume: Planner) -> None:
    curve = "schedules.env={episode_steps: {type: linear, start: 80, end: 9}}"
    with pytest.raises(ConfigError, match=r"schedules.env"):
        resume("--iterations", "1", "--set", curve)


def test_schedules_that_cannot_be_read(
    resume: Planner, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = checkpoint / "training_state" / "state.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 2}))
    vouch_for(checkpoint)
    plan = resume("--iterations", "1")
    assert plan.continuation is None
    print_schedules(plan)
    told = capsys.readouterr().out
    assert told == f"schedules: {file} cannot be read: state.json: format 2; this version reads 1\n"


def test_a_configuration_that_cannot_be_read_is_the_file_at_fault(
    resume: Planner, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = checkpoint / "config.yaml"
    file.write_text("ppo: [")
    vouch_for(checkpoint)
    print_schedules(resume("--iterations", "1"))
    assert capsys.readouterr().out.startswith(
        f"schedules: {file} cannot be read: config.yaml: line "
    )


def test_words_that_have_to_be_typed_again(resume: Planner) -> None:
    words = ("--seed", "5", "--set", "ppo.lr=0.002")
    assert resume("--iterations", "1", *words).flags == words
    secret = ("--set", "tracking.mlflow_uri=postgresql://me:secret@host/db")
    assert resume("--iterations", "1", *words, *secret).flags == words


@pytest.mark.parametrize("start", [Start(resume="latest"), Start(warmstart="latest")])
def test_another_game_is_refused_at_once(home: Path, start: Start) -> None:
    save_own_game(home / "checkpoints")
    place = ("--checkpoint-dir", "second") if start.warmstart else ()
    with pytest.raises(IncompatibleCheckpoint, match=r"train hide and seek only; .* game 'tag'"):
        plan_run(parsed(*place), start)
