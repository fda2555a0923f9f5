"""The runs that a command asks for, checked before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.sweep.sweeps import SCORE
from trainer.commands.sweep.axes import parse_axes
from trainer.commands.sweep.known_measures import check_measure
from trainer.commands.sweep.plan import Base, plan_sweep, read_base
from trainer.commands.sweep.results import Measure
from trainer.errors import UsageError


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["ppo.lr=0.001,-1"], "--set ppo.lr: ppo.lr = -1: must be above 0.0"),
        (["ppo.lrr=1,2"], "--set ppo.lrr: unknown key 'ppo.lrr'; nearest: ppo.lr"),
        (
            ["ppo.minibatch_size=4096,10000000", "train.seed=0,1"],
            "or raise ppo.rollout_length or ray.num_envs_per_env_runner "
            "(with ppo.minibatch_size=10000000 train.seed=0)",
        ),
        (["ppo.checkpoint_dir=./a,./b"], "--set ppo.checkpoint_dir: each run of a sweep has its"),
        (["initialization.mode=resume"], "--set initialization.mode: every run of a sweep is new"),
    ],
)
def test_every_combination_is_checked_before_anything_starts(
    base: Base, items: list[str], message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        plan_sweep(base, parse_axes(items))
    assert message.replace("is new", "is a new") in str(raised.value)


def test_the_length_of_a_command_replaces_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "budget.yaml"
    path.write_text("ppo: {num_env_steps: 1000000}\n")
    plan = plan_sweep(read_base(str(path), 7), parse_axes(["train.seed=0,1"]))
    assert [run.iterations for run in plan.runs] == [7, 7]
    plan = plan_sweep(read_base(str(path), None), ())
    assert plan.runs[0].iterations == 16  # of 65,536 steps


def test_the_same_command_has_the_same_folder_and_another_one_another(base: Base) -> None:
    def folder(*items: str, samples: int | None = None) -> Path:
        return plan_sweep(base, parse_axes(items), samples).default_folder()

    assert folder("ppo.lr=1,2") == folder("ppo.lr=1,2")
    assert folder("ppo.lr=1,2").parent == Path("sweeps")
    assert folder("ppo.lr=1,2").name.startswith("mine_")
    others = {folder("ppo.lr=1,2"), folder("ppo.lr=1,3"), folder("ppo.lr=1,2", samples=2)}
    assert len(others) == 3


def test_a_file_that_resumes_or_holds_credentials_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("initialization: {mode: resume}\n")
    with pytest.raises(UsageError, match=r"a\.yaml: initialization\.mode = resume"):
        read_base(str(path), None)
    path.write_text("tracking: {mlflow_uri: 'https://me:secret@example.com'}\n")
    with pytest.raises(UsageError, match="holds credentials") as raised:
        read_base(str(path), None)
    assert "secret" not in str(raised.value)


def test_a_measure_is_a_metric_of_some_history() -> None:
    for key in (SCORE, "evaluation/seeker_vs_blocker", "sealed", "time/total_s", "hider/kl"):
        check_measure(key)
    with pytest.raises(UsageError, match="did you mean 'evaluation/score'"):
        check_measure("evaluation/scores")
    with pytest.raises(UsageError, match=r"--measure scroe: .* did you mean 'evaluation/score'"):
        check_measure("scroe")
    with pytest.raises(UsageError, match="did you mean 'reward_mean'"):
        check_measure("rewardmean")
    assert Measure.parse("first_seen_step:min") == Measure("first_seen_step", "min")
    assert Measure.parse(SCORE) == Measure(SCORE, "max")
