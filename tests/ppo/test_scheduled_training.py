"""Schedules at work: what the optimizer, the loss, the worlds and the runners really get."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from tests.ppo.building import build_trainer
from tests.ppo.one_step_env import OneStepEnv
from trainer.cluster.ray_session import quiet_logging, start_ray, stop_ray
from trainer.config.schema import Config
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.losses import PPOCoefficients

Build = Callable[..., TeamPPO]


@pytest.fixture
def trainer_of() -> Iterator[Build]:
    """Builds trainers from configuration groups, on the one-step game unless told otherwise."""
    quiet_logging()
    built: list[TeamPPO] = []

    def make(*, hide_and_seek: bool = False, **groups: Any) -> TeamPPO:
        ppo = {"rollout_length": 16, "minibatch_size": 256, "lr": 3e-3} | groups.pop("ppo", {})
        config = Config.from_dict({"ppo": ppo, "ray": {"num_envs_per_env_runner": 64}, **groups})
        make_env = partial(HideAndSeekBatchEnv, config.env) if hide_and_seek else OneStepEnv
        built.append(build_trainer(config, make_env))
        return built[-1]

    yield make
    for trainer in built:
        trainer.stop()


def learning_rates(trainer: TeamPPO, team: str) -> list[float]:
    """Filled with the learning rate of every gradient step to come."""
    found: list[float] = []
    optimizer = trainer.learner.get_optimizer(f"{team}_policy")
    optimizer.register_step_pre_hook(lambda opt, *_: found.append(opt.param_groups[0]["lr"]))
    return found


def test_every_gradient_step_has_the_learning_rate_of_torchs_scheduler(trainer_of: Build) -> None:
    cosine = {"lr_schedule_type": "cosine", "lr_schedule_step_on": "update", "num_iterations": 4}
    ppo = {**cosine, "seeker": {"lr_schedule_step_on": "epoch"}}
    trainer = trainer_of(ppo=ppo, train={"engine": "torch"})
    by_update, by_epoch = learning_rates(trainer, "hider"), learning_rates(trainer, "seeker")
    for _ in range(4):
        trainer.train()
    epochs, minibatches = 4, 16 * 64 // 256

    def torchs(steps: int) -> list[float]:
        optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=3e-3)
        scheduler = CosineAnnealingLR(optimizer, steps)
        rates = []
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return rates

    assert by_update == pytest.approx(torchs(4 * epochs * minibatches), rel=1e-12)
    assert by_epoch == pytest.approx(np.repeat(torchs(4 * epochs), minibatches), rel=1e-12)
    assert trainer.schedules.steps_done["hider"].updates == 4 * epochs * minibatches


def test_the_loss_gets_the_scheduled_coefficients(
    trainer_of: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trainer.ppo.torch_update as torch_update

    names = ("clip_param", "vf_loss_coeff", "entropy_coeff")
    curves = {name: {"type": "linear", "start": 0.4, "end": 0.2} for name in names}
    trainer = trainer_of(
        ppo={"num_iterations": 4, "num_epochs": 1, "minibatch_size": 1024},
        schedules={"seeker": curves, "hider": {"entropy_coeff": 0.125}},
        train={"engine": "torch"},
    )
    seen: list[PPOCoefficients] = []
    real = torch_update.ppo_loss

    def ppo_loss(*args: Any) -> Any:
        seen.append(args[-1])
        return real(*args)

    monkeypatch.setattr(torch_update, "ppo_loss", ppo_loss)
    for _ in range(3):
        trainer.train()
    seekers = [c for c in seen if c.entropy_coeff != 0.125]
    for name in names:
        assert [getattr(c, name) for c in seekers] == pytest.approx([0.4, 0.35, 0.3])
    hiders = [c for c in seen if c.entropy_coeff == 0.125]
    assert [(c.clip_param, c.vf_loss_coeff) for c in hiders] == [(0.2, 0.5)] * 3
    assert trainer.last.settings["seeker/clip_param"] == pytest.approx(0.3)


def test_the_kl_coefficient_aims_at_the_scheduled_target(trainer_of: Build) -> None:
    # Far above every KL: halved each time. Then far below: multiplied by 1.5 each time.
    target = {"type": "piecewise", "points": [[0.0, 100.0], [0.5, 100.0], [0.5, 1e-9]]}
    ppo = {"num_iterations": 4, "kl_coeff": 0.5}
    trainer = trainer_of(ppo=ppo, schedules={"kl_target": target})
    for _ in range(4):
        trainer.train()
    coefficients = trainer.learner.kl_coeffs
    assert coefficients == dict.fromkeys(("seeker", "hider"), 0.5 * 0.5**2 * 1.5**2)


def test_the_frozen_team_does_not_change_in_any_way(trainer_of: Build) -> None:
    trainer = trainer_of(
        train={"alternate": {"every": 2, "first": "hider"}}, ppo={"normalize_obs": True}
    )
    learner = trainer.learner

    def state(team: str) -> list[torch.Tensor]:
        tensors = [*learner.network(team).state_dict().values()]
        adam = learner.get_optimizer(f"{team}_policy").state_dict()["state"]
        tensors += [value for entry in adam.values() for value in entry.values()]
        return copy.deepcopy(tensors)

    for learning in ("hider", "hider", "seeker", "seeker", "hider"):
        before = {team: state(team) for team in ("seeker", "hider")}
        result = trainer.train()["learners"]
        for team, old in before.items():
            same = len(old) == len(state(team)) and all(
                torch.equal(a, b) for a, b in zip(old, state(team), strict=True)
            )
            assert same != (team == learning)
            assert result[f"{team}_policy"]["trained"] == (team == learning)
            assert np.isnan(result[f"{team}_policy"]["kl"]) != (team == learning)
    assert trainer.schedules.alternation.switches == 2


def test_a_logit_bias_acts_in_sampling_and_in_learning_alike(trainer_of: Build) -> None:
    biased = {"hider": {"logit_bias": {"forward.ahead": 3.0}}}
    whole = {"num_epochs": 1, "minibatch_size": 1024}
    trainer = trainer_of(hide_and_seek=True, schedules=biased, ppo=whole)
    result = trainer.train()["learners"]
    ahead = trainer.env_runner.batch.teams["hider"].actions[..., 0] == 2
    plain = trainer.env_runner.batch.teams["seeker"].actions[..., 0] == 2
    assert ahead.mean() > 0.8 > 0.5 > plain.mean()
    # In the one gradient step the policy is still the one that acted: same distribution.
    assert abs(result["hider_policy"]["kl"]) < 1e-6
    assert result["hider_policy"]["clip_fraction"] == 0.0


def test_a_curriculum_reaches_the_worlds_at_the_next_iteration(trainer_of: Build) -> None:
    angle = {"type": "linear", "start": 300.0, "end": 100.0}
    trainer = trainer_of(
        hide_and_seek=True, schedules={"env": {"vision_angle": angle}}, ppo={"num_iterations": 4}
    )
    found = []
    for _ in range(3):
        trainer.train()
        found.append(trainer.env_runner.env.config.vision_angle)
        assert trainer.last.settings["env/vision_angle"] == found[-1]
    assert found == [300.0, 250.0, 200.0]


CURRICULUM: dict[str, Any] = {
    "num_layouts": 2,
    "prep_steps": 1,
    "episode_steps": 4,
    "curriculum": {"levels": ["L0", "L1"], "earlier_share": 0.0},
}


def levels_played(trainer: TeamPPO) -> set[int]:
    """Of the episodes that begin now."""
    trainer.train()
    worlds = trainer.env_runner.env
    assert isinstance(worlds, HideAndSeekBatchEnv)
    return set(worlds.layouts.level[worlds.world.layout].tolist())


def test_the_stage_of_a_curriculum_can_be_scheduled(trainer_of: Build) -> None:
    steps = {"type": "piecewise", "points": [[0.5, 0], [0.5, 1]]}
    trainer = trainer_of(
        hide_and_seek=True,
        env=CURRICULUM,
        schedules={"env": {"stage": steps}},
        ppo={"num_iterations": 4},
    )
    assert [levels_played(trainer) for _ in range(4)] == [{0}, {0}, {1}, {1}]
    assert trainer.last.settings["env/stage"] == 1.0
    assert trainer.schedules.promotion is None


def test_a_promoted_stage_reaches_the_worlds_at_the_next_iteration(trainer_of: Build) -> None:
    promote = {"metric": "seen_fraction", "above": -1.0, "iterations": 2}  # any known mean will do
    curriculum = {**CURRICULUM["curriculum"], "promote": promote}
    trainer = trainer_of(hide_and_seek=True, env=CURRICULUM | {"curriculum": curriculum})
    assert [levels_played(trainer) for _ in range(4)] == [{0}, {0}, {1}, {1}]
    assert trainer.last.settings["env/stage"] == 1.0


@pytest.mark.slow
def test_a_promoted_stage_reaches_remote_runners() -> None:
    promote = {"metric": "seen_fraction", "above": -1.0, "iterations": 1}
    curriculum = {**CURRICULUM["curriculum"], "promote": promote}
    config = Config.from_dict(
        {
            "env": CURRICULUM | {"curriculum": curriculum},
            "ppo": {"rollout_length": 8, "minibatch_size": 64},
            "ray": {"num_envs_per_env_runner": 16, "num_env_runners": 2},
        }
    )
    start_ray(config.ray)
    trainer = build_trainer(config, partial(HideAndSeekBatchEnv, config.env))
    try:
        played = []
        for _ in range(2):
            trainer.train()
            played.append(trainer.foreach_runner(lambda r: r.env.config.stage))  # type: ignore[attr-defined]
        assert played == [[0, 0], [1, 1]]
    finally:
        trainer.stop()
        stop_ray()


def test_only_episodes_of_the_present_level_promote(trainer_of: Build) -> None:
    """The first rollout at a new stage begins with episodes of the last one still in play."""
    # At L0 nothing can be locked.
    promote = {"metric": "hider_locks_main", "above": 0.0, "iterations": 1}
    curriculum = {"levels": ["L1", "L0", "L2"], "earlier_share": 0.9, "promote": promote}
    sizes = {"num_seekers": 1, "num_hiders": 1}
    env = CURRICULUM | sizes | {"level": "L1", "curriculum": curriculum}
    trainer = trainer_of(hide_and_seek=True, env=env)
    for _ in range(4):
        trainer.train()
    assert trainer.progress.window.means()["level"] < 0.5
    assert trainer.schedules.promotion is not None
    assert trainer.schedules.promotion.stage == 1


def test_a_number_that_is_no_longer_scheduled_is_the_configured_one_again(
    trainer_of: Build,
) -> None:
    beta = {"shaping_beta": {"type": "linear", "start": 1.0, "end": 0.5}}
    # Each arena needs a table of distances as soon as the shaping counts.
    old = trainer_of(hide_and_seek=True, schedules={"env": beta}, env={"num_layouts": 1})
    old.train()
    arrays, plain = old.env_runner.get_training_state()
    changed = {"num_layouts": 1, "shaping_beta": 0.25}
    runner = trainer_of(hide_and_seek=True, env=changed).env_runner
    runner.set_training_state(arrays, plain)
    assert runner.env.config.shaping_beta == 0.25
    assert old.env_runner.env.config.shaping_beta == 1.0
