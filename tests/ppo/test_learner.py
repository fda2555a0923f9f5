"""Learner and runner inside RLlib: the rows learned from, the counts and the saved state."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.ppo.one_step_env import CHOICES, OneStepEnv
from trainer.checkpoints.manager import CheckpointManager
from trainer.errors import TrainingDiverged
from trainer.ppo.algorithm import TeamPPO, WeightsOutOfSync
from trainer.ppo.collapse import CollapseMonitor
from trainer.ppo.policy_files import load_policy, save_policy
from trainer.ppo.rollout import RolloutBatch
from trainer.ppo.team_update import STEP_SCALARS, TeamUpdate
from trainer.ppo.torch_update import TorchEngine

Build = Callable[..., TeamPPO]
TEAMS = ("seeker", "hider")


def test_solves_a_one_step_game_and_stays_well(build: Build) -> None:
    """To near-determinism, without an entropy bonus, at three times the default learning rate."""
    trainer, monitor = build(entropy_coeff=0.0), CollapseMonitor()
    for iteration in range(15):
        assert monitor.observe(iteration, trainer.train()["learners"]) == []
    assert monitor.warnings == []
    assert trainer.last.episode_stats[:, 1:].mean() > 0.98
    for shift, policy in enumerate(("seeker_policy", "hider_policy")):
        for shown in range(CHOICES):
            action = trainer.compute_single_action(
                np.eye(CHOICES, dtype=np.float32)[shown], policy_id=policy, explore=False
            )
            assert action[0] == (shown + shift) % CHOICES


def test_one_team_may_learn_with_its_own_hyperparameters(build: Build) -> None:
    trainer = build(seeker={"lr": 1e-12, "num_epochs": 1}, hider={"hiddens": [16]})
    before = trainer.networks()["seeker_policy"].actor.get_parameter("0.weight").clone()
    for _ in range(10):
        trainer.train()
    assert trainer.networks()["hider_policy"].policy_head.in_features == 16
    torch.testing.assert_close(
        trainer.networks()["seeker_policy"].actor[0].weight, before, atol=1e-8, rtol=0
    )
    assert trainer.last.episode_stats[:, 2].mean() > 0.9 > trainer.last.episode_stats[:, 1].mean()
    assert trainer.last.settings["seeker/lr"] == 1e-12


def rollout(rows_valid: slice | None = None) -> RolloutBatch:
    rng = np.random.default_rng(0)
    batch = RolloutBatch.allocate(OneStepEnv(8).teams, 16, 8)
    for team in batch.teams.values():
        team.obs[:] = rng.normal(size=team.obs.shape)
        team.action_mask[:] = True
        team.actions[..., 0] = rng.integers(0, CHOICES, team.actions.shape[:-1])
        team.logits[:] = 0.0
        team.logp[:] = -np.log(CHOICES * 3)
        team.rewards[:] = rng.normal(size=team.rewards.shape)
        team.valid[:] = True
    return batch


def test_a_rollout_of_frozen_agents_only_changes_nothing(build: Build) -> None:
    batch = rollout()
    batch.teams["seeker"].valid[:] = False
    trainer = build(minibatch_size=32, normalize_obs=True)
    before = {k: v.clone() for k, v in trainer.networks()["seeker_policy"].state_dict().items()}
    (result,) = trainer.learn(batch)
    trainer.push_weights()
    after = trainer.networks()["seeker_policy"].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert np.isnan(result["seeker_policy"]["kl"].peek())
    assert result["hider_policy"]["kl"].peek() > 0


def weights_after_update(build: Build, batch: RolloutBatch) -> torch.Tensor:
    trainer = build(minibatch_size=32)
    trainer.learn(batch)
    return trainer.learner.network("seeker").policy_head.weight.detach().clone()


def test_frozen_agents_stay_out_of_the_update(build: Build) -> None:
    """What a frozen agent did and would have been told must not move a single weight."""
    batch = rollout()
    for team in batch.teams.values():
        team.valid[:5] = False
    first = weights_after_update(build, batch)
    for team in batch.teams.values():
        team.actions[:5] = 0
        team.logp[:5] = -9.0
        team.obs[:5] = 3.0
        team.rewards[:4] = 50.0  # earned before the first valid step
    assert torch.equal(weights_after_update(build, batch), first)
    for team in batch.teams.values():
        team.rewards[7] = 50.0
    assert not torch.equal(weights_after_update(build, batch), first)


@pytest.mark.parametrize("part", ["rewards", "obs"])
def test_numbers_that_are_not_finite_stop_the_run(build: Build, part: str) -> None:
    trainer = build(minibatch_size=32)
    network = trainer.learner.network("seeker")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    batch = rollout()
    getattr(batch.teams["seeker"], part)[3] = np.nan
    with pytest.raises(TrainingDiverged, match=r"seeker_policy: the gradient is not finite"):
        trainer.learn(batch)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_counts_environment_and_agent_steps(build: Build) -> None:
    trainer = build()
    trainer.train()
    result = trainer.train()
    assert trainer.last.env_steps == 64 * 16
    assert trainer.last.agent_steps == 2 * 64 * 16
    assert result["env_runners"]["num_env_steps_sampled_lifetime"] == 2 * 64 * 16
    assert len(trainer.last.episode_stats) == 64 * 16
    assert result["learners"]["seeker_policy"]["rows"] == 64 * 16


def test_kl_penalty_adapts_and_an_unused_one_stays_off(build: Build) -> None:
    trainer = build(seeker={"kl_coeff": 0.2, "kl_target": 1e-9}, hider={"kl_coeff": 0.0})
    coefficients = [trainer.train()["learners"]["seeker_policy"]["kl_coeff"] for _ in range(3)]
    assert coefficients == pytest.approx([0.2, 0.3, 0.45])
    assert trainer.train()["learners"]["hider_policy"]["kl_coeff"] == 0.0


def test_weights_out_of_sync_are_noticed(build: Build) -> None:
    trainer = build()
    trainer.train()
    assert len(trainer.check_weights()) == 64
    with torch.no_grad():
        trainer.networks()["hider_policy"].value_head.bias.add_(1e-6)
    with pytest.raises(WeightsOutOfSync, match=r"learner 0 .*, runner 0"):
        trainer.check_weights()
    trainer.push_weights()
    trainer.check_weights()


def test_the_same_seed_gives_the_same_run(build: Build) -> None:
    hashes = set()
    for _ in range(2):
        trainer = build(normalize_obs=True, kl_coeff=0.1)
        trainer.train()
        trainer.train()
        hashes.add(trainer.check_weights())
    assert len(hashes) == 1


def test_training_state_continues_exactly(build: Build, tmp_path: Path) -> None:
    settings = {"normalize_obs": True, "kl_coeff": 0.1}
    straight = build(**settings)
    for _ in range(2):
        straight.train()
    straight.save_to_path(str(tmp_path / "half"))
    arrays, values = straight.get_training_state()
    for _ in range(2):
        straight.train()

    resumed = build(**settings)
    resumed.restore_from_path(str(tmp_path / "half"))
    resumed.push_weights()
    assert resumed.set_training_state(arrays, values) == []
    for _ in range(2):
        resumed.train()
    assert resumed.check_weights() == straight.check_weights()
    assert resumed.iteration == straight.iteration == 4


def test_a_captured_checkpoint_does_not_see_what_comes_after(build: Build, tmp_path: Path) -> None:
    trainer = build()
    trainer.train()

    def write_policies(folder: Path) -> None:
        for policy_id, network in trainer.networks().items():
            save_policy(network, folder / policy_id)

    manager = CheckpointManager(tmp_path)
    writers = {"policies": write_policies}
    staged = manager.stage(trainer, iteration=1, metadata={}, writers=writers)
    captured = {name: copy.deepcopy(net.state_dict()) for name, net in trainer.networks().items()}
    learner = trainer.learner
    with torch.no_grad():
        for network in [*trainer.networks().values(), *map(learner.network, learner.teams)]:
            for parameter in network.parameters():
                parameter.fill_(7.0)
    path = staged.commit()
    for policy_id, state in captured.items():
        found = load_policy(path / "policies" / policy_id).state_dict()
        for name, value in state.items():
            assert found[name].equal(value)
    again = build()
    again.restore_from_path(str(path))
    again.push_weights()
    for policy_id, network in again.networks().items():
        assert all(
            value.equal(captured[policy_id][name]) for name, value in network.state_dict().items()
        )


def test_worlds_that_start_fresh_after_a_resume_are_new_ones(build: Build) -> None:
    """Stock RLlib seeds the environments as at the very start, and early games come again."""
    trainer = build()
    trainer.train()
    first_games = trainer.env_runner.batch.teams["seeker"].obs[:4].copy()
    _, values = trainer.get_training_state()
    for runner in values["runners"].values():
        runner["started"] = False
    again = build()
    again.set_training_state({}, values)
    again.train()
    assert not np.array_equal(again.env_runner.batch.teams["seeker"].obs[:4], first_games)


def test_a_state_with_weights_missing_is_refused(build: Build) -> None:
    trainer = build()
    state = trainer.env_runner.get_state()
    del state["rl_module"]["hider_policy"]["net.value_head.bias"]
    with pytest.raises(RuntimeError, match=r"Missing key\(s\).*net\.value_head\.bias"):
        trainer.env_runner.set_state(state)


@pytest.mark.parametrize(
    ("observation", "policy", "message"),
    [
        (np.zeros(CHOICES + 1), "seeker_policy", r"takes \(4,\)"),
        (np.zeros(CHOICES), "seeker", "one of hider_policy, seeker_policy|one of seeker_policy"),
    ],
)
def test_compute_single_action_refuses_what_it_cannot_use(
    build: Build, observation: np.ndarray, policy: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build().compute_single_action(observation, policy_id=policy)


@pytest.mark.parametrize("rows", [29_267, 30_000, 63, 64, 65])
def test_an_epoch_has_exactly_the_agreed_number_of_gradient_steps(
    build: Build, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Learners with other numbers of rows agree on the steps; one more or less would hang them."""
    trainer = build()
    specs = {spec.name: spec for spec in trainer.env_runner.teams}
    engine = TorchEngine(2, specs, distributed=False)
    agreed = 469 if rows > 1000 else 2
    monkeypatch.setattr(engine, "num_minibatches", lambda *_: agreed)
    steps: list[str] = []

    def gradient_step(update: TeamUpdate, *_: object) -> dict[str, torch.Tensor]:
        steps.append(update.policy_id)
        return dict.fromkeys(STEP_SCALARS, torch.tensor(0.0))

    monkeypatch.setattr(engine, "gradient_step", gradient_step)
    batch = RolloutBatch.allocate(OneStepEnv(1).teams, 1, rows)
    batch.teams["seeker"].valid[:] = True
    update = trainer.learner.team_update("seeker", trainer.schedules.team_plan("seeker"), batch)
    learned = engine.train_team(update)
    assert len(steps) == learned.steps == update.settings.num_epochs * agreed


def test_new_memory_is_not_filled_though_rllib_asks_for_deterministic_algorithms(
    build: Build,
) -> None:
    build()
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
