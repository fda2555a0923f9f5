"""A run that goes on keeps its own parameters, and says where each one comes from."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from tests.scripts.conftest import SMALL, Desk, copy_of
from trainer.checkpoints import layout, manifest
from trainer.commands.train import main
from trainer.commands.train.next_steps import after_end
from trainer.commands.train.plan import RunPlan, plan_run
from trainer.commands.train.resume_report import print_changes
from trainer.commands.train.schedule_report import print_new_schedules, print_schedules
from trainer.commands.train.start import Start
from trainer.commands.train.start_warnings import warnings
from trainer.config.loading import load_config

Trained = tuple[Desk, str]
TINY = (
    *("--set", "env.num_layouts=4"),
    *("--set", "ray.num_envs_per_env_runner=16"),
    *("--set", "ppo.rollout_length=32"),
    *("--set", "ppo.minibatch_size=256"),
)
LINEAR = "{type: linear, start: 0.01, end: 0.001}"


def planned(*words: str, resume: str | None = "latest") -> RunPlan:
    return plan_run(main.build_parser().parse_args(words), Start(resume=resume))


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, with single spaces between the words."""
    return " ".join(capsys.readouterr().out.split())


def test_a_run_goes_on_with_its_own_parameters_to_the_same_bits(desk: Desk, tmp_path: Path) -> None:
    own = ("--set", "env.level=L1", "--set", "ppo.lr=0.0005", "--seed", "7")
    done = desk.run("main.py", *TINY, *own, "--until", "2")
    assert done.returncode == 0, done.stderr
    assert "--set" not in done.stdout.partition("next:")[2]
    again = copy_of(desk, tmp_path / "again")
    done = desk.run("continue_training.py", "--yes", "--iterations", "1")
    assert done.returncode == 0, done.stderr
    assert "RESTORING from checkpoint: ./checkpoints/checkpoint_000002\n" in done.stdout
    assert "configuration: as in the checkpoint" in done.stdout
    assert again.run("main.py", "--resume", "2", "--iterations", "1", *TINY, *own).returncode == 0
    straight = Desk(tmp_path / "straight")
    assert straight.run("main.py", *TINY, *own, "--until", "3").returncode == 0
    last = "checkpoints/checkpoint_000003"
    config = load_config(desk.work / last / layout.CONFIG)
    assert (config.env.level, config.ppo.lr, config.train.seed) == ("L1", 0.0005, 7)
    assert config == load_config(straight.work / last / layout.CONFIG)
    assert desk.weights(last) == again.weights(last) == straight.weights(last)
    assert desk.history() == again.history() == straight.history()


def test_the_best_is_what_is_asked_for_now(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy_of(trained[0], tmp_path / "copy").work)
    more = ("--iterations", "1")
    by_least = ("--set", "ppo.keep_best_metric=env_steps", "--set", "ppo.keep_best_mode=min")
    assert planned(*more, resume="best").first_iteration == 4
    assert planned(*more, *by_least, resume="best").first_iteration == 2


def test_a_run_that_is_to_go_on_beyond_its_plan_has_another_one(
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Stopped on its way there, it goes on to where it was asked to."""
    monkeypatch.chdir(copy_of(trained[0], tmp_path / "copy").work)
    longer, within = planned("--iterations", "500"), planned("--until", "100")
    assert (longer.until, longer.config.ppo.num_iterations) == (504, 504)
    assert not print_changes(longer)
    assert "ppo.num_iterations 300 -> 504 changed, the length asked for now" in told(capsys)
    assert (within.until, within.config.ppo.num_iterations) == (100, 300)

    def next_words(plan: RunPlan, iteration: int) -> list[str]:
        last = Path(f"checkpoints/checkpoint_{iteration:06d}").absolute()
        return shlex.split(after_end(plan, last, finished=iteration == plan.until)[0])[2:]

    assert next_words(within, 100) == ["./checkpoints/checkpoint_000100"]
    assert next_words(within, 50) == ["./checkpoints/checkpoint_000050", "--until", "100"]
    assert next_words(longer, 504)[1:] == ["--iterations", "100"]


def test_what_was_edited_in_the_file_counts_and_is_named(
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    monkeypatch.chdir(desk.work)
    record = desk.work / "checkpoints/checkpoint_000004" / layout.CONFIG_FILE
    values = yaml.safe_load(record.read_text())
    mine = desk.work / "mine.yaml"
    mine.write_text(yaml.safe_dump(values["values"]))
    record.write_text(yaml.safe_dump({**values, "path": str(mine)}))
    remake(record.parent)
    assert planned().config.ppo.lr == 0.001
    edited = values["values"]
    edited["ppo"] |= {"lr": 0.004, "hider": {"entropy_coeff": 0.02}}
    mine.write_text(yaml.safe_dump(edited))
    plan = planned("--set", "ppo.gamma=0.9")
    assert not print_changes(plan)
    text = told(capsys)
    assert "ppo.lr 0.001 -> 0.004 changed, edited in mine.yaml" in text
    assert "ppo.gamma 0.98 -> 0.9 changed, given now" in text
    assert "ppo.hider.entropy_coeff 0.01 -> 0.02 changed, edited in mine.yaml" in text
    assert "schedules.entropy_coeff" in text
    assert (
        "the run's own values, where mine.yaml has others (in brackets): env.num_layouts 4 (64), "
        "ppo.checkpoint_freq 2 (10)" in text
    )
    print_schedules(plan)
    text = told(capsys)
    assert "hider/entropy_coeff ends: 0.00969" in text
    assert "-> 0.02, a number from now on" in text
    assert "seeker/entropy_coeff continues" in text
    assert planned("--config-from", "checkpoint").config.ppo.lr == 0.001
    assert planned("--config-from", "file").config.ppo.checkpoint_freq == 10
    assert planned("--config", str(mine)).config.ppo.lr == 0.004


def test_a_checkpoint_that_does_not_know_its_file_goes_by_the_file(
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    monkeypatch.chdir(desk.work)
    folder = desk.work / "checkpoints/checkpoint_000004"
    (folder / layout.CONFIG_FILE).unlink()
    remake(folder)
    plan = planned()
    assert plan.config.ppo.checkpoint_freq == 10
    print_changes(plan)
    text = told(capsys)
    assert "the configuration file counts" in text
    assert "ppo.checkpoint_freq 2 -> 10 changed" in text
    assert planned("--config-from", "checkpoint").config.ppo.checkpoint_freq == 2


def test_a_checkpoint_holds_the_schedules_that_go_on(trained: Trained, tmp_path: Path) -> None:
    """Also those that only the state of an older checkpoint tells of."""
    desk = copy_of(trained[0], tmp_path / "copy")
    folder = desk.work / "checkpoints/checkpoint_000004"
    (folder / layout.CONFIG_FILE).unlink()
    remake(folder)
    plain = [word for item in SMALL[1::2] if "chedule" not in item for word in ("--set", item)]
    done = desk.run("main.py", "--resume", "latest", "--iterations", "1", *plain)
    assert done.returncode == 0, done.stderr
    saved = load_config(desk.work / "checkpoints/checkpoint_000005" / layout.CONFIG)
    for team in (saved.schedules.seeker, saved.schedules.hider):
        assert team.entropy_coeff is not None
        assert (team.entropy_coeff.start, team.entropy_coeff.end) == (0.01, 0.001)
    assert saved.schedules.seeker.lr is not None
    assert set(saved.schedules.hider.logit_bias) == {"forward.ahead"}
    assert set(saved.schedules.env) == {"vision_angle", "prep_share"}


def test_iterations_of_a_new_run_are_its_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    scheduled = ("--set", f"schedules.entropy_coeff={LINEAR}")
    plan = planned("--iterations", "20", *scheduled, resume=None)
    assert (plan.until, plan.config.ppo.num_iterations) == (20, 20)
    print_new_schedules(plan)
    text = told(capsys)
    assert "schedules, up to iteration 20:" in text
    assert "hider/entropy_coeff 0.01 -> 0.001 (linear)" in text
    plan = planned("--until", "20", *scheduled, "--set", "ppo.lr_schedule_type=step", resume=None)
    assert (plan.until, plan.config.ppo.num_iterations) == (20, 300)
    print_new_schedules(plan)
    text = told(capsys)
    assert "schedules, up to iteration 300; this run stops at 20:" in text
    assert "seeker/lr 0.001, times 0.5 every 1000 epochs (step)" in text


def test_what_has_no_effect_or_is_a_risk_is_said(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*words: str, resume: str | None) -> str:
        args = main.build_parser().parse_args(words)
        return "\n".join(warnings(plan_run(args, Start(resume=resume)), args, asks=False))

    monkeypatch.chdir(trained[0].work)
    assert said(resume="latest") == ""
    assert "--yes changes nothing" in said("--yes", resume="latest")
    assert "keeps no older checkpoint" in said("--set", "ppo.keep_last_n=1", resume="latest")
    torch = ("--set", "train.engine=torch")
    assert "saved by the fused engine, here is the torch one" in said(*torch, resume="latest")
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: range(77), raising=False)
    assert said(resume="latest") == ""  # the fused engine's bits do not depend on the cores
    monkeypatch.chdir(tmp_path)
    assert "--schedule-mode changes nothing" in said("--schedule-mode", "restart", resume=None)
    assert "--config-from changes nothing" in said("--config-from", "file", resume=None)


def remake(folder: Path) -> None:
    """A manifest of what is in a checkpoint now."""
    (folder / layout.MANIFEST).unlink()
    manifest.write(folder)
