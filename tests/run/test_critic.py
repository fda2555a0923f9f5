"""Runs whose value function reads the state: saved, resumed, refused and started from."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.envs.hidden_env import STEPS, HiddenEnv
from trainer.checkpoints import layout
from trainer.errors import IncompatibleCheckpoint
from trainer.ppo.export import export_policy
from trainer.ppo.networks import ActorCritic
from trainer.ppo.policy_files import load_policy
from trainer.ppo.rollout import RolloutBatch
from trainer.ppo_trainer import Game, create_ppo_trainer, train
from trainer.run.identity import RunOrigin
from trainer.run.saved_run import SavedRun
from trainer.run.warmstart import load_networks

POLICIES = ("seeker_policy", "hider_policy")


def game(*, cuts: bool = True) -> Game:
    return Game("hidden", partial(HiddenEnv, cuts=cuts))


def values(folder: Path, critic: str = "state", **ppo: Any) -> dict[str, Any]:
    return {
        "ppo": {
            "checkpoint_dir": str(folder),
            "num_iterations": 4,
            "checkpoint_freq": 2,
            "rollout_length": 6,
            "minibatch_size": 16,
            "hiddens": [8],
            "critic": critic,
            "normalize_obs": True,
            **ppo,
        },
        "ray": {"num_envs_per_env_runner": 8},
        "tracking": {"tensorboard_dir": None},
    }


def trained(folder: Path, critic: str = "state") -> Path:
    """A checkpoint after two iterations."""
    checkpoint = train(values(folder, critic), game=game(), until=2).checkpoint
    assert checkpoint is not None
    return checkpoint


def weights_of(checkpoint: Path) -> list[tuple[str, bytes]]:
    networks = [load_policy(checkpoint / layout.POLICIES / policy) for policy in POLICIES]
    return [(n, v.numpy().tobytes()) for net in networks for n, v in net.state_dict().items()]


@pytest.mark.parametrize("engine", ["torch", "fused"])
def test_a_resumed_run_goes_on_to_the_same_bits(tmp_path: Path, engine: str) -> None:
    played, settings = game(), {"train": {"engine": engine}}
    whole = train(values(tmp_path / "whole") | settings, game=played)
    half = train(values(tmp_path / "parts") | settings, game=played, until=2)
    assert half.checkpoint is not None
    origin = RunOrigin(saved=SavedRun.open(half.checkpoint))
    rest = train(values(tmp_path / "parts") | settings, game=played, origin=origin)
    assert whole.checkpoint is not None
    assert rest.checkpoint is not None
    assert (
        weights_of(whole.checkpoint) == weights_of(rest.checkpoint) != weights_of(half.checkpoint)
    )


def test_a_checkpoint_tells_what_its_value_functions_read(tmp_path: Path) -> None:
    checkpoint = train(
        values(tmp_path, "obs", hider={"critic": "state"}), game=game(), until=1
    ).checkpoint
    assert checkpoint is not None
    document = json.loads((checkpoint / layout.METADATA).read_text())
    assert document["critic"] == {"seeker": "obs", "hider": "state"}
    seeker, hider = (load_policy(checkpoint / layout.POLICIES / policy) for policy in POLICIES)
    assert (seeker.spec.state_size, hider.spec.state_size) == (0, STEPS + 1)


@pytest.mark.parametrize(("saved", "asked"), [("obs", "state"), ("state", "obs")])
def test_another_input_cannot_be_resumed_with(tmp_path: Path, saved: str, asked: str) -> None:
    checkpoint = trained(tmp_path, saved)
    with pytest.raises(
        IncompatibleCheckpoint, match=rf"cannot resume .*: critic {saved} -> {asked}"
    ):
        create_ppo_trainer(values(tmp_path, asked), checkpoint, game=game())


@pytest.mark.parametrize(("saved", "asked"), [("obs", "state"), ("state", "obs")])
def test_a_warm_start_takes_the_policy_and_says_so(tmp_path: Path, saved: str, asked: str) -> None:
    checkpoint, played = trained(tmp_path / "old", saved), game()
    sources = dict.fromkeys(POLICIES, checkpoint)
    fresh, _ = create_ppo_trainer(values(tmp_path, asked), game=played)
    started, _ = create_ppo_trainer(values(tmp_path, asked), warmstart=sources, game=played)
    try:
        for policy in POLICIES:
            before = load_policy(checkpoint / layout.POLICIES / policy).state_dict()
            new, mine = (
                fresh.networks()[policy].state_dict(),
                started.networks()[policy].state_dict(),
            )
            for name, value in mine.items():
                taken = name.startswith(("actor.", "policy_head.", "normalizer."))
                assert torch.equal(value, before[name] if taken else new[name]), name
        note, _ = started.restore_notes
        teams = " and ".join(f"{policy.removesuffix('_policy')}s" for policy in POLICIES)
        assert note.startswith(f"the value functions of the {teams} start anew, since")
        assert "ppo.critic" in note
        started.train()
    finally:
        fresh.stop()
        started.stop()


def test_a_warm_start_with_the_same_input_takes_all(tmp_path: Path) -> None:
    checkpoint = trained(tmp_path)
    network = load_policy(checkpoint / layout.POLICIES / POLICIES[0])
    for normalizer in (True, False):
        weights = load_networks(
            {POLICIES[0]: checkpoint}, {POLICIES[0]: network.spec}, normalizer=normalizer
        )
        left_out = network.state_dict().keys() - weights[POLICIES[0]].keys()
        assert {name.split(".")[0] for name in left_out} == (
            set() if normalizer else {"normalizer", "state_normalizer"}
        )


def test_an_exported_policy_needs_no_state(tmp_path: Path) -> None:
    checkpoint = trained(tmp_path)
    out = export_policy(checkpoint, POLICIES[0], tmp_path / "policy.pt2")
    obs = torch.eye(STEPS)
    logits = torch.export.load(out).module()(obs)
    network: ActorCritic = load_policy(checkpoint / layout.POLICIES / POLICIES[0])
    torch.testing.assert_close(logits, network.logits(obs))


def test_states_are_cut_and_joined_by_worlds() -> None:
    batch = RolloutBatch.allocate(HiddenEnv(6).teams, 3, 6, states=["hider"])
    hider = batch.teams["hider"]
    hider.state[:] = np.random.default_rng(0).random(hider.state.shape)
    parts = [batch.part(slice(i, i + 2)) for i in (0, 2, 4)]
    assert [part.teams["hider"].state.shape for part in parts] == [(4, 2, 2, STEPS + 1)] * 3
    again = batch.sized(6)
    for i, part in zip((0, 2, 4), parts, strict=True):
        again.fill(slice(i, i + 2), part)
    assert (again.teams["hider"].state == hider.state).all()
    assert again.teams["seeker"].state.shape == (4, 6, 2, 0)
    assert hider.at(1).state is not None
    assert batch.teams["seeker"].at(1).state is None
    hider.carry_over()
    assert (hider.state[0] == hider.state[-1]).all()
