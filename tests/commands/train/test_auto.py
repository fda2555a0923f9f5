"""`--resume auto`: the same command starts a run, continues it and ends when it is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.train.conftest import parsed
from tests.golden_checkpoint import golden_in
from trainer.commands.train.auto import AlreadyDone
from trainer.commands.train.plan import RunPlan, plan_run
from trainer.commands.train.start import Start
from trainer.errors import UsageError


def plan(*words: str, resume: str | None = "auto") -> RunPlan:
    start = Start() if resume is None else Start(resume=resume, source="--resume")
    return plan_run(parsed(*words), start)


def test_it_starts_a_run_where_nothing_was_saved(home: Path) -> None:
    fresh = plan("--iterations", "7")
    assert (fresh.restore_path, fresh.until, fresh.config.ppo.num_iterations) == (None, 7, 7)
    assert fresh.note == "--resume auto: no checkpoint in ./checkpoints yet"
    assert list(home.iterdir()) == [home / "config.yaml"]


def test_the_same_command_continues_to_the_same_end(checkpoint: Path) -> None:
    again = plan("--iterations", "7")
    assert (again.restore_path, again.first_iteration, again.until) == (checkpoint, 3, 7)
    assert again.note == "--resume auto: ./checkpoints holds 1 checkpoint"
    turns = plan("--alternations", "2", "--set", "train.alternate.every=2")
    assert turns.until == 8


def test_a_run_that_is_done_is_no_error(checkpoint: Path) -> None:
    for words in (("--iterations", "3"), ("--until", "2")):
        with pytest.raises(AlreadyDone, match="checkpoint_000003 has the whole length of the run"):
            plan(*words)


def test_restore_checkpoint_counts_for_the_first_start_only(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = golden_in(home / "elsewhere")
    monkeypatch.setenv("RESTORE_CHECKPOINT", str(elsewhere))
    first = plan("--iterations", "7")
    assert (first.restore_path, first.until) == (elsewhere, 7)
    assert first.config.ppo.checkpoint_dir == "./checkpoints"  # where the retry looks for it
    with pytest.raises(UsageError, match=r"iteration 3 already; with auto, 2 iterations are the"):
        plan("--iterations", "2")
    own = golden_in(home / "checkpoints")
    retried = plan("--iterations", "7")
    assert (retried.restore_path, retried.until) == (own, 7)
    assert retried.note.endswith(
        "1 checkpoint; RESTORE_CHECKPOINT counted for the first start only"
    )


@pytest.mark.parametrize("saved", [True, False])
def test_the_environment_and_the_configuration_may_say_auto(
    home: Path, monkeypatch: pytest.MonkeyPatch, saved: bool
) -> None:
    expected = golden_in(home / "checkpoints") if saved else None
    in_file = (
        "--set",
        "initialization.mode=resume",
        "--set",
        "initialization.resume.checkpoint=auto",
    )
    words = ("--iterations", "7", *in_file)
    assert plan(*words, resume=None).restore_path == expected
    monkeypatch.setenv("RESTORE_CHECKPOINT", "auto")
    assert plan("--iterations", "7", resume=None).restore_path == expected
    assert plan(*words).restore_path == expected
    more = ("--set", "initialization.resume.additional=5")
    with pytest.raises(UsageError, match=r"resume\.additional: each retry would train so many"):
        plan(*in_file, *more)
