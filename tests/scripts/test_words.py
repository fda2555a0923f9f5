"""The words of other trainers and misspelled ones: each is answered with the line that does it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.scripts.conftest import SMALL, Desk, copy_of
from trainer.commands.train.main import build_parser
from trainer.commands.train.plan import plan_run
from trainer.commands.train.start import Start
from trainer.config.loading import apply_overrides
from trainer.config.types import ConfigError
from trainer.errors import UsageError

ENTROPY = "--set 'schedules.entropy_coeff={type: linear, start: 0.01, end: 0.001}'"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("main.py --ent-coef-start 0.01 --ent-coef-end 0.001", ENTROPY),
        ("main.py --ent-coef-end=0.001 --ent-coef-start=0.01", ENTROPY),
        ("continue_training.py --ent-coef-start 0.05", "{type: linear, start: 0.05, end: END}"),
        ("main.py --learning-rate 3e-4 --num-workers 8", "--set ppo.lr=3e-4 --set ray.num_env_"),
        ("main.py --lr 3e-4", "--set ppo.lr=3e-4"),
        ("main.py --ppo.lr 3e-4", "--set ppo.lr=3e-4"),
        ("main.py --level L1", "--set env.level=L1"),
        ("main.py --batch-size 64 --epochs 10", "minibatch_size=64 --set ppo.num_epochs=10"),
        ("main.py --num_gpus 1", "train.device=cuda learns on a GPU"),
        ("main.py --init-mode resume", "here it is: --resume latest"),
        ("main.py --init-mode warmstart", "here it is: --warmstart SEL"),
        ("main.py --load-path model.zip", "--resume PATH"),
        ("main.py --load_path=model.zip", "--warmstart PATH"),
        ("main.py --resume-path ./a", "here it is: --resume ./a"),
        ("main.py --warmstart-path ./a", "here it is: --warmstart ./a"),
        ("main.py --vecnorm-load-path ./a", "moments of ppo.normalize_obs"),
        ("main.py --phi-beta-start 0.5 --phi-beta-end 0.1", "schedules.env={shaping_beta: {type"),
        (
            "main.py --pass-logit-bias-start 1 --pass-logit-bias-end 0.01",
            "logit_bias={forward.ahead: {type: exponential, start: 1, end: 0.01}}'",
        ),
        ("main.py --pass-arc-start 60", "this game has no passes"),
        ("main.py --total-timesteps 1e6", "here it is: --until-steps 1e6"),
        ("continue_training.py --episodes 50", "here it is: --until-episodes 50"),
        ("main.py --iteration 5", "here it is: --iterations 5"),
        ("main.py --checkpoint-freq 5", "--set ppo.checkpoint_freq=5"),
        ("continue_training.py --resume best", "main.py --resume best"),
        ("continue_training.py --itertions 5", "here it is: --iterations 5"),
        ("list_checkpoints.py --detail", "here it is: --detailed"),
        ("list_checkpoints.py --lr 3", "main.py --set ppo.lr=3"),
        ("demo_model.py --num-episodes 4", "here it is: --episodes 4"),
        ("main.py --qwertz 1", "no such option: --qwertz; main.py --help lists"),
    ],
)
def test_a_foreign_or_misspelled_option_is_answered(desk: Desk, command: str, answer: str) -> None:
    done = desk.run(*shlex.split(command))
    assert (done.returncode, done.stdout) == (2, "")
    assert answer in done.stderr
    assert done.stderr.startswith("error: no such option: --")
    assert done.stderr.count("\n") == 1
    assert list(desk.work.iterdir()) == []


def test_tools_answer_misspelled_options(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    from trainer.commands.checkpoint_tools.main import main

    with pytest.raises(SystemExit) as left:
        main(["prune", "--dryrun"])
    assert left.value.code == 2
    assert "here it is: --dry-run" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["extend", "constant", "restart"])
def test_the_schedule_mode_has_its_other_name(mode: str) -> None:
    args = build_parser().parse_args(["--continue-schedule-mode", mode])
    assert args.schedule_mode == mode


def run_names(desk: Desk, folder: str = "checkpoints") -> list[str]:
    """The run's name in each checkpoint, oldest first."""
    found = [desk.work / folder / name / "metadata.json" for name in desk.checkpoints(folder)]
    return [json.loads(path.read_text())["run_name"] for path in found]


def curves(desk: Desk) -> list[str]:
    return sorted(path.name for path in (desk.work / "runs").iterdir())


def test_a_run_keeps_the_name_it_was_given(desk: Desk) -> None:
    small = ("--iterations", "1", *SMALL)
    done = desk.run("main.py", "--run-name", "2026", *small)
    assert done.returncode == 0, done.stderr
    assert (run_names(desk), curves(desk)) == (["2026"], ["2026"])
    desk.variables["RESTORE_CHECKPOINT"] = "latest"
    done = desk.run("main.py", *small)
    assert done.returncode == 0, done.stderr
    done = desk.run("main.py", "--run-name", "2026", *small)
    assert done.returncode == 0, done.stderr
    assert (run_names(desk)[-1], curves(desk)) == ("2026", ["2026"])
    done = desk.run("main.py", "--mlflow-run-name", "more of it", *small)
    assert done.returncode == 0, done.stderr
    assert (run_names(desk)[-1], curves(desk)) == ("more of it", ["2026", "more of it"])


def test_two_runs_of_one_name_have_curves_of_their_own(desk: Desk) -> None:
    small = ("--iterations", "1", "--run-name", "mine", *SMALL)
    for folder, name in (("a", "mine"), ("b", "mine_2")):
        done = desk.run("main.py", "--checkpoint-dir", folder, *small)
        assert done.returncode == 0, done.stderr
        assert run_names(desk, folder) == [name]
    done = desk.run("main.py", "--resume", "latest", "--checkpoint-dir", "b", *small)
    assert done.returncode == 0, done.stderr
    assert (run_names(desk, "b")[-1], curves(desk)) == ("mine_2", ["mine", "mine_2"])


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", ".a", "a\x1b[2J", "a" * 101])
def test_a_name_that_is_no_folder_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"tracking\.run_name"):
        apply_overrides({}, [f"tracking.run_name={json.dumps(name)}"])


def test_the_number_of_workers_may_come_from_the_environment(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planned(*words: str) -> int:
        plan = plan_run(build_parser().parse_args(words), Start(fresh=True))
        return plan.config.ray.num_env_runners

    monkeypatch.chdir(desk.work)
    monkeypatch.setenv("RAY_WORKERS", "3")
    assert planned() == 3
    assert planned("--set", "ray.num_env_runners=1") == 1
    monkeypatch.setenv("RAY_WORKERS", "")
    assert planned() == 0
    monkeypatch.setenv("RAY_WORKERS", "many")
    with pytest.raises(UsageError, match="RAY_WORKERS = 'many' in the environment"):
        planned()


def test_rewards_may_change_on_resume_and_the_worlds_play_on(
    trained: tuple[Desk, str], tmp_path: Path
) -> None:
    desk = copy_of(trained[0], tmp_path / "copy")
    price = ("--set", "env.reward_moving=-0.5")
    done = desk.run("main.py", "--resume", "4", "--iterations", "1", *SMALL, *price)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "env.reward_moving" in line]
    assert "0.0 -> -0.5" in line
    assert "worlds start fresh" not in done.stdout


def test_a_budget_survives_a_resume_to_the_same_bits(desk: Desk) -> None:
    """Stopped within the budget and resumed without a word, as in one go."""
    size = 64 * 32  # environment steps of an iteration
    done = desk.run("main.py", "--checkpoint-dir", "a", "--until-steps", str(3 * size), *SMALL)
    assert done.returncode == 0, done.stderr
    assert f"budget: {3 * size} env steps (3 iterations)" in done.stdout
    assert f"{size}/{3 * size}" in done.stdout
    budget = ("--set", f"ppo.num_env_steps={3 * size}")
    done = desk.run("main.py", "--checkpoint-dir", "b", "--until", "2", *SMALL, *budget)
    assert done.returncode == 0, done.stderr
    done = desk.run("continue_training.py", "--yes", "--checkpoint-dir", "b")
    assert done.returncode == 0, done.stderr
    assert desk.history("a") == desk.history("b")
    assert desk.weights("a/checkpoint_000003") == desk.weights("b/checkpoint_000003")
    for folder in "ab":
        metadata = json.loads((desk.work / folder / "checkpoint_000003/metadata.json").read_text())
        assert metadata["tags"] == ["final"]
    done = desk.run("continue_training.py", "--yes", "--checkpoint-dir", "b")
    assert done.returncode == 2
    assert f"is at {3 * size} env steps already" in done.stderr


def test_alternations_are_turns_of_both_teams(desk: Desk) -> None:
    words = ("--alternations", "1", "--set", "train.alternate.every=2")
    done = desk.run("main.py", *SMALL, *words)
    assert done.returncode == 0, done.stderr
    trained = [(row["seeker/trained"], row["hider/trained"]) for row in desk.history()]
    assert trained == [(1, 0), (1, 0), (0, 1), (0, 1)]
