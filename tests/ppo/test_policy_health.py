"""The health of policies: not finite ends the run, a collapse is reported."""

from __future__ import annotations

import math
import pickle
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from trainer.errors import TrainingDiverged
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.collapse import ENTROPY, KL, MAX_ENTROPY, CollapseMonitor
from trainer.ppo.distributions import MASKED_LOGIT, MaskedMultiCategorical
from trainer.ppo.losses import Minibatch
from trainer.ppo.networks import ActorCritic, PolicySpec, not_finite
from trainer.ppo.policy_files import PolicyFileError, save_policy
from trainer.ppo.policy_health import ROWS, measure
from trainer.ppo.team_update import Learned, TeamUpdate
from trainer.ppo.torch_update import TorchEngine

Build = Callable[..., TeamPPO]
ONE_STEP = {"num_epochs": 1, "minibatch_size": 1024}
"""One gradient step per iteration: no later one meets the weights that it leaves."""


def test_weights_that_the_last_step_blew_up_stop_the_run(build: Build) -> None:
    trainer = build(seeker={"lr": 1e38}, **ONE_STEP)
    before = trainer.env_runner.weights_hash()
    with pytest.raises(TrainingDiverged, match=r"^seeker_policy: .* is not finite after the up"):
        trainer.train()
    assert trainer.env_runner.weights_hash() == before  # nothing of it was handed out


@pytest.mark.parametrize("moment", ["exp_avg", "exp_avg_sq"])
def test_moments_that_are_not_finite_stop_the_run(build: Build, moment: str) -> None:
    """An infinite second moment stops its weight where it is, which is finite."""
    trainer = build(**ONE_STEP)
    trainer.train()
    learner = trainer.learner
    critic = learner.network("hider").critic
    assert critic is not None
    weight = critic[0].weight
    learner.get_optimizer("hider_policy").state[weight][moment][0, 0] = math.inf
    with pytest.raises(TrainingDiverged, match="hider_policy: ") as raised:
        trainer.train()
    assert raised.value.policies == ("hider_policy",)
    if moment == "exp_avg_sq":
        assert "exp_avg_sq of critic.0.weight" in str(raised.value)


def test_finite_weights_with_infinite_outputs_stop_the_run(build: Build) -> None:
    trainer = build(hider={"lr": 1e30, "activation": "relu"}, **ONE_STEP)
    with pytest.raises(TrainingDiverged, match="hider_policy: an output is not finite"):
        trainer.train()


def test_no_team_is_at_work_any_more_when_another_has_diverged(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = build()
    specs = {spec.name: spec for spec in trainer.env_runner.teams}
    engine = TorchEngine(2, specs, distributed=False)
    monkeypatch.setattr(trainer.learner, "engine", engine)
    train_team, failed, ended = engine.train_team, threading.Event(), []

    def train(update: TeamUpdate) -> Learned:
        if update.policy_id == "seeker_policy":
            failed.set()
            raise TrainingDiverged("seeker_policy: for the test")
        assert failed.wait(60)
        learned: Learned = train_team(update)
        ended.append("hider")
        return learned

    monkeypatch.setattr(engine, "train_team", train)
    with pytest.raises(TrainingDiverged):
        trainer.train()
    assert ended == ["hider"]


def test_all_that_have_diverged_are_named(build: Build) -> None:
    trainer = build(lr=1e38, **ONE_STEP)
    with pytest.raises(TrainingDiverged, match=r"^seeker_policy: .*; hider_policy: ") as raised:
        trainer.train()
    assert raised.value.policies == ("seeker_policy", "hider_policy")


def test_the_error_survives_the_way_out_of_another_process() -> None:
    error = pickle.loads(pickle.dumps(TrainingDiverged("why", ("seeker_policy",))))
    assert str(error) == "why"
    assert error.policies == ("seeker_policy",)


def test_not_finite_names_the_tensors() -> None:
    tensors = {
        "fine": torch.tensor([1.0, -3e38]),
        "count": torch.tensor(3),
        "nan": torch.tensor([[0.0], [math.nan]]),
        "large": torch.tensor(-math.inf, dtype=torch.float64),
    }
    assert not_finite(tensors) == ["nan", "large"]
    assert not_finite({}) == not_finite({"fine": tensors["fine"]}) == []


def test_a_policy_that_is_not_finite_is_not_saved(tmp_path: Path) -> None:
    network = ActorCritic(PolicySpec(4, (3,), (8,)))
    with torch.no_grad():
        network.value_head.bias.fill_(math.nan)
    with pytest.raises(PolicyFileError, match=r"value_head\.bias is not finite"):
        save_policy(network, tmp_path / "policies" / "seeker_policy")
    assert not list(tmp_path.iterdir())


NVEC = (3, 4)


def rows(network: ActorCritic, count: int, logit_bias: torch.Tensor | None = None) -> Minibatch:
    """Rows on which the network itself has acted; the last choice of the second head is masked."""
    obs = torch.randn(count, 5, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(count, sum(NVEC), dtype=torch.bool)
    mask[:, -1] = False
    with torch.no_grad():
        logits = network.logits(obs)
    if logit_bias is not None:
        logits = logits + logit_bias
    nothing = torch.zeros(count)
    masked = logits.masked_fill(~mask, MASKED_LOGIT)
    return Minibatch(obs, mask, nothing, masked, nothing, nothing, nothing)


@pytest.mark.parametrize("bias", [(), (4.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)])
@pytest.mark.parametrize("count", [1, ROWS - 1, 3 * ROWS + 5])
def test_an_update_that_changes_nothing_has_no_kl(bias: tuple[float, ...], count: int) -> None:
    network = ActorCritic(PolicySpec(5, NVEC, (8,)))
    batch = rows(network, count, torch.tensor(bias) if bias else None)
    figures = measure(network, batch, bias)
    assert figures is not None
    assert figures[KL] == pytest.approx(0.0, abs=1e-5)
    assert figures[MAX_ENTROPY] == pytest.approx(math.log(3 * 3), rel=1e-5)
    own = MaskedMultiCategorical(batch.logits, NVEC).entropy().mean()
    assert figures[ENTROPY] == pytest.approx(float(own), rel=0.02)


def test_a_saturated_policy_has_no_entropy_and_a_large_kl() -> None:
    network = ActorCritic(PolicySpec(5, NVEC, (8,)))
    batch = rows(network, 100)
    with torch.no_grad():
        network.policy_head.weight.mul_(1e6)
    figures = measure(network, batch, ())
    assert figures is not None
    assert figures[ENTROPY] < 1e-3 * figures[MAX_ENTROPY]
    assert figures[KL] > 100


def learned(kl: float, entropy: float, most: float = 4.0) -> dict[str, dict[str, float]]:
    return {
        "seeker_policy": {KL: kl, ENTROPY: entropy, MAX_ENTROPY: most},
        "hider_policy": dict.fromkeys((KL, ENTROPY, MAX_ENTROPY), math.nan),  # not its turn
        "__all_modules__": {},
    }


def test_a_collapse_is_told_of_once_until_it_is_over() -> None:
    monitor = CollapseMonitor()
    assert monitor.observe(1, learned(0.9, 3.9)) == monitor.warnings == []
    (told,) = monitor.observe(2, learned(6e11, 0.0))
    assert told.startswith("seeker_policy collapsed in iteration 2: one update changed it by 6e+11")
    assert "ppo.lr" in told
    (kept,) = monitor.warnings
    assert told.startswith(kept)
    for kl, entropy in ((0.0, 0.0), (0.5, 0.03), (3.0, 2.0), (math.nan, math.nan)):
        assert monitor.observe(3, learned(kl, entropy)) == []
        assert monitor.warnings == [kept]
    (over,) = monitor.observe(4, learned(0.1, 2.0))
    assert over.startswith("seeker_policy has recovered")
    assert monitor.warnings == []
    assert len(monitor.observe(5, learned(math.inf, 2.0))) == 1


@pytest.mark.parametrize("entropy", [0.2, 0.01, 0.0041])
def test_a_sharp_policy_that_still_learns_is_no_collapse(entropy: float) -> None:
    monitor = CollapseMonitor()
    assert monitor.observe(1, learned(0.3, entropy)) == monitor.warnings == []


def test_actions_of_which_only_one_is_allowed_are_no_collapse() -> None:
    assert CollapseMonitor().observe(1, learned(0.0, 0.0, most=0.0)) == []


def test_a_collapse_is_carried_over_a_resume_and_told_of_again() -> None:
    first, second = CollapseMonitor(), CollapseMonitor()
    first.observe(7, learned(9.0, 3.0))
    second.restore(first.state())
    # Neither fine nor bad enough to begin with: without the state it would count as fine.
    assert second.observe(8, learned(2.0, 3.0)) == []
    assert second.warnings == first.warnings
    (told,) = second.observe(9, learned(0.0, 0.0))
    assert "in iteration 7" in told
