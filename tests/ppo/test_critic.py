"""A value function that reads the game's state: what it learns, and what stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ray.rllib.core.columns import Columns

from envs.game import Game
from tests.envs.hidden_env import DEAD, STEPS, HiddenEnv
from tests.ppo.building import build_trainer
from tests.ppo.one_step_env import OneStepEnv
from trainer.config.schema import Config
from trainer.config.types import ConfigError
from trainer.ppo.algorithm import TeamPPO
from trainer.ppo.algorithm_config import network_specs
from trainer.ppo.fused_network import FusedNetwork
from trainer.ppo.live_network import LiveNetwork
from trainer.ppo.networks import ActorCritic, PolicySpec
from trainer.ppo.policy_files import load_policy, save_policy
from trainer.ppo_trainer import as_config

GAMMA = 0.5
ENGINES = ("torch", "fused")


def config_of(engine: str = "torch", **ppo: Any) -> Config:
    settings = {
        "rollout_length": 8,
        "minibatch_size": 128,
        "gamma": GAMMA,
        "lambda_": 1.0,
        "reward_scale": 1.0,
        "lr": 0.01,
        "hiddens": (16,),
        "critic": "state",
        **ppo,
    }
    train = {"engine": engine, "torch_threads": 2}
    return Config.from_dict(
        {"ppo": settings, "train": train, "ray": {"num_envs_per_env_runner": 32}}
    )


@contextmanager
def training(engine: str = "torch", *, cuts: bool = False, **ppo: Any) -> Iterator[TeamPPO]:
    trainer = build_trainer(config_of(engine, **ppo), partial(HiddenEnv, cuts=cuts))
    try:
        yield trainer
    finally:
        trainer.stop()


def value_error(trainer: TeamPPO, worth: np.ndarray) -> float:
    """The root mean square of what the values of a new rollout are off.

    Args:
        trainer: has learned.
        worth: [STEPS], what is still to come after 0, 1, ... steps, per point.
    """
    batch = trainer.env_runner.sample().batch
    errors = []
    for team, sign in (("seeker", 1.0), ("hider", -1.0)):
        network, rollout = trainer.networks()[f"{team}_policy"], batch.teams[team]
        seen = rollout.state if network.spec.state_size else rollout.obs
        with torch.inference_mode():
            values = network.value(torch.from_numpy(seen[:-1])).numpy()
        steps, paid = rollout.obs[:-1].argmax(axis=-1), rollout.rewards
        assert set(np.unique(paid)) == {-1.0, 1.0}
        errors.append(values - paid * worth[steps])
        assert sign * paid.mean() == pytest.approx(batch.teams["seeker"].rewards.mean())
    return float(np.sqrt(np.mean(np.square(errors))))


ENDING = np.array([sum(GAMMA**i for i in range(STEPS - played)) for played in range(STEPS)])
ENDLESS = np.full(STEPS, 1 / (1 - GAMMA))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("normalize", [False, True])
def test_only_the_state_tells_what_is_still_to_come(engine: str, normalize: bool) -> None:
    errors = {}
    for critic in ("obs", "state"):
        with training(engine, critic=critic, normalize_obs=normalize) as trainer:
            for _ in range(25):
                trainer.train()
            errors[critic] = value_error(trainer, ENDING)
    assert errors["state"] < 0.1
    assert errors["obs"] > 1.3  # the root mean square of the worth itself is 1.56


@pytest.mark.parametrize("engine", ENGINES)
def test_an_episode_that_is_cut_is_worth_the_value_of_its_final_state(engine: str) -> None:
    with training(engine, cuts=True) as trainer:
        for _ in range(30):
            trainer.train()
        assert value_error(trainer, ENDLESS) < 0.2
        for team, network in trainer.networks().items():
            rollout = trainer.env_runner.batch.teams[team.removesuffix("_policy")]
            cut = trainer.env_runner.batch.dones
            # As if the first step of the same number came next.
            final = np.zeros((int(cut.sum()), 2, STEPS + 1), np.float32)
            final[..., 0] = rollout.rewards[cut] * (1 if team == "seeker_policy" else -1)
            with torch.inference_mode():
                expected = network.value(torch.from_numpy(final)).numpy()
            np.testing.assert_allclose(rollout.final_values[cut], expected, atol=1e-6)
            assert not rollout.final_values[~cut].any()


def test_the_moments_of_the_state_are_its_own() -> None:
    with training(normalize_obs=True) as trainer:
        trainer.train()
        batch = trainer.env_runner.batch
        for policy, network in trainer.networks().items():
            rows = batch.teams[policy.removesuffix("_policy")].state[:-1].reshape(-1, STEPS + 1)
            normalizer = network.state_normalizer
            assert normalizer is not None
            np.testing.assert_allclose(normalizer.mean.numpy(), rows.mean(axis=0), atol=1e-6)
            np.testing.assert_allclose(normalizer.var.numpy(), rows.var(axis=0), atol=1e-5)
            assert float(normalizer.count) == len(rows)


@pytest.mark.parametrize(
    ("engine", "binds"),
    [("torch", "torch_update.LiveNetwork"), ("fused", "engines.FusedNetwork")],
)
def test_engines_are_told_which_columns_are_written(
    engine: str, binds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, kind = [], FusedNetwork if engine == "fused" else LiveNetwork

    def bind(network: ActorCritic, live: Any, live_state: Any, *others: Any) -> Any:
        told.append((live, live_state))
        return kind(network, live, live_state, *others)

    monkeypatch.setattr(f"trainer.ppo.{binds}", bind)
    with training(engine) as trainer:
        trainer.train()
    live = tuple(range(STEPS))
    assert set(told) == {(live, live)}
    assert DEAD not in live


def test_a_game_that_is_not_asked_for_a_state_keeps_none() -> None:
    with training(critic="obs") as trainer:
        trainer.train()
        assert trainer.env_runner.batch.teams["seeker"].state.size == 0
        assert trainer.networks()["seeker_policy"].state_dict().keys() == {
            f"{part}.{kind}"
            for part in ("actor.0", "critic.0", "policy_head", "value_head")
            for kind in ("weight", "bias")
        }


def test_one_team_alone_may_read_the_state() -> None:
    with training(critic="obs", hider={"critic": "state"}) as trainer:
        trainer.train()
        sizes = {team: a.state.shape[-1] for team, a in trainer.env_runner.batch.teams.items()}
        assert sizes == {"seeker": 0, "hider": STEPS + 1}


def test_a_policy_acts_and_is_saved_without_a_state(tmp_path: Path) -> None:
    with training() as trainer:
        trainer.train()
        obs = np.eye(STEPS, dtype=np.float32)[0]
        action = trainer.compute_single_action(obs, "hider_policy", explore=False)
        network = trainer.networks()["hider_policy"]
        save_policy(network, tmp_path)
    again = load_policy(tmp_path)
    assert again.spec == network.spec
    assert again.spec.state_size == STEPS + 1
    assert again.act(torch.from_numpy(obs)[None], explore=False)[0].tolist() == action.tolist()


def test_rllibs_module_gives_the_values_of_states() -> None:
    with training() as trainer:
        module = trainer.env_runner.module["seeker_policy"]
        state = torch.randn(3, STEPS + 1)
        batch = {Columns.OBS: torch.randn(3, STEPS), "state": state}
        torch.testing.assert_close(module.compute_values(batch), module.net.value(state))
        assert module.forward_inference(batch)[Columns.ACTION_DIST_INPUTS].shape == (3, 3)


def test_a_game_without_a_state_is_named() -> None:
    game = Game("numbers", OneStepEnv)
    config = as_config({"ppo": {"critic": "state"}}, game)
    with pytest.raises(ConfigError, match=r"ppo.critic = state, but the game 'numbers' offers no"):
        network_specs(config, game.spec.teams)


def test_layers_cannot_be_shared_with_what_sees_another_input() -> None:
    with pytest.raises(ConfigError, match=r"ppo.critic = state and ppo.vf_share_layers = true"):
        config_of(hider={"vf_share_layers": True})
    plain: dict[str, Any] = {"obs_size": 4, "nvec": [3], "hiddens": [8], "activation": "tanh"}
    plain |= {"vf_share_layers": True, "normalize_obs": False}
    assert PolicySpec.from_dict(plain).critic == "obs"  # as older files have it
    with pytest.raises(ValueError, match="layers that read a state cannot be shared"):
        PolicySpec.from_dict({**plain, "state_size": 5})


def test_another_critic_is_named_as_the_setting_is() -> None:
    obs, state = PolicySpec(4, (3,)), PolicySpec(4, (3,), state_size=7)
    assert obs.changes_to(state) == "critic obs -> state"
    assert state.changes_to(obs) == "critic state -> obs"
    assert state.changes_to(PolicySpec(4, (3,), state_size=9)) == "state_size 7 -> 9"


def test_a_network_without_hidden_layers_reads_the_state_too() -> None:
    network = ActorCritic(PolicySpec(4, (3,), (), state_size=7))
    logits, values = network(torch.randn(2, 4), torch.randn(2, 7))
    assert (logits.shape, values.shape) == ((2, 3), (2,))
