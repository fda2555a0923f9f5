"""The peers written here compute what this trainer computes: values, losses, gradients."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.peers import cleanrl
from benchmarks.peers.catalog import HERE, PEERS
from benchmarks.peers.environments import python_of
from benchmarks.workload import default_config
from envs.batch_env import TeamSpec
from trainer.ppo.advantages import generalized_advantage_estimation, standardize
from trainer.ppo.losses import Minibatch, PPOCoefficients, ppo_loss
from trainer.ppo.networks import ActorCritic, PolicySpec

SPEC = TeamSpec("seeker", ("seeker_0",), 7, (3, 2))
PPO = default_config("ppo.hiddens=[6,4]", "ppo.clip_param=0.05", "ppo.vf_clip_param=0.5").ppo
T, R = 9, 11
"""Steps and rows of a step."""


def rollout() -> dict[str, np.ndarray]:
    """Random data in the layout of the peers, [T, R, ...]."""
    rng = np.random.default_rng(3)
    masks = rng.random((T, R, SPEC.num_logits)) < 0.7
    masks[..., [0, 3]] = True
    return {
        "obs": rng.normal(size=(T + 1, R, SPEC.obs_size)).astype(np.float32),
        "masks": masks,
        "valid": rng.random((T, R)) < 0.8,
        "actions": np.zeros((T, R, 2), np.int32),
        "logp": rng.normal(-1.0, 0.1, (T, R)).astype(np.float32),
        "rewards": rng.normal(size=(T, R)).astype(np.float32),
        "dones": (rng.random((T, R)) < 0.2).astype(np.float32),
    }


def network() -> ActorCritic:
    torch.manual_seed(0)
    made = ActorCritic(PolicySpec(SPEC.obs_size, SPEC.nvec, PPO.hiddens))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def expected(net: ActorCritic, data: dict[str, np.ndarray]) -> dict[str, Any]:
    """Advantages, targets, loss and gradients of this trainer."""
    tensors = {name: torch.from_numpy(array) for name, array in data.items()}
    values = net.value(tensors["obs"].flatten(0, 1)).view(T + 1, R).detach()
    shaped = values.unsqueeze(-1)
    advantages, targets = generalized_advantage_estimation(
        tensors["rewards"].unsqueeze(-1), shaped, tensors["dones"].bool(), PPO.gamma, PPO.lambda_
    )
    valid = tensors["valid"]
    advantages = standardize(advantages, valid.unsqueeze(-1)).squeeze(-1)
    batch = Minibatch(
        obs=tensors["obs"][:-1][valid],
        action_mask=tensors["masks"][valid],
        actions=tensors["actions"][valid],
        logits=torch.zeros(int(valid.sum()), SPEC.num_logits),
        logp=tensors["logp"][valid],
        advantages=advantages[valid],
        value_targets=targets.squeeze(-1)[valid],
    )
    coefficients = PPOCoefficients(
        PPO.clip_param, PPO.vf_clip_param, PPO.vf_loss_coeff, PPO.entropy_coeff, 0.0
    )
    logits, predicted = net(batch.obs)
    loss, _ = ppo_loss(logits, predicted, batch, SPEC.nvec, coefficients)
    loss.backward()
    return {"loss": loss.item(), "values": values, "batch": batch, "advantages": advantages}


def linear_layers(*parts: torch.nn.Module) -> list[torch.nn.Linear]:
    return [m for part in parts for m in part.modules() if isinstance(m, torch.nn.Linear)]


def towers(net: ActorCritic) -> dict[str, list[torch.nn.Linear]]:
    assert net.critic is not None
    return {
        "actor": linear_layers(net.actor, net.policy_head),
        "critic": linear_layers(net.critic, net.value_head),
    }


def test_the_cleanrl_loop_has_this_trainers_advantages_loss_and_gradients() -> None:
    net, data = network(), rollout()
    known = expected(net, data)
    agent = cleanrl.Agent(SPEC, PPO)
    for name, layers in towers(net).items():
        for mine, theirs in zip(linear_layers(getattr(agent, name)), layers, strict=True):
            mine.load_state_dict(theirs.state_dict())
    tensors = {name: torch.from_numpy(array) for name, array in data.items()}
    advantages, targets = cleanrl.advantages_of(
        tensors["rewards"], known["values"], tensors["dones"], PPO
    )
    valid, batch = tensors["valid"], known["batch"]
    kept = advantages[valid]
    standardized = (kept - kept.mean()) / kept.std(correction=0)
    torch.testing.assert_close(standardized, batch.advantages, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(targets[valid], batch.value_targets)
    rows = {
        "obs": batch.obs,
        "masks": batch.action_mask,
        "actions": batch.actions,
        "logp": batch.logp,
        "advantages": batch.advantages,
        "targets": batch.value_targets,
    }
    loss = cleanrl.loss_of(agent, rows, PPO)
    loss.backward()
    assert loss.item() == pytest.approx(known["loss"], rel=1e-5)
    for name, layers in towers(net).items():
        for mine, theirs in zip(linear_layers(getattr(agent, name)), layers, strict=True):
            torch.testing.assert_close(mine.weight.grad, theirs.weight.grad, rtol=1e-4, atol=1e-6)


def test_a_cleanrl_learner_learns_from_every_row_that_is_not_frozen() -> None:
    ppo = default_config("ppo.rollout_length=4", "ppo.minibatch_size=4").ppo
    learner = cleanrl.Learner(SPEC, 3, ppo)
    for t in range(4):
        seen = {
            "obs": np.ones((3, SPEC.obs_size), np.float32),
            "masks": np.ones((3, SPEC.num_logits), np.bool_),
            "valid": np.array([True, True, False]),
        }
        actions = learner.act(t, **seen)
        assert (actions < SPEC.nvec).all()
        learner.data["obs"][t, 2] = torch.nan  # a frozen row would spoil the weights
        learner.data["rewards"][t] = torch.arange(3.0) + t
    before = [parameter.clone() for parameter in learner.agent.parameters()]
    learner.data["values"].nan_to_num_()
    learner.update(np.ones((3, SPEC.obs_size), np.float32))
    after = list(learner.agent.parameters())
    assert all(torch.isfinite(parameter).all() for parameter in after)
    assert any((a != b).any() for a, b in zip(before, after, strict=True))


IN_JAX = """
import json, sys
import numpy as np
from types import SimpleNamespace
from benchmarks.peers.jax import jax_on, make_functions

jax = jax_on(1)
given = dict(np.load(sys.argv[1]))
ppo = SimpleNamespace(**json.loads(sys.argv[2]))
params = {
    tower: [(given[f"{tower}{i}w"].T, given[f"{tower}{i}b"]) for i in range(3)]
    for tower in ("actor", "critic")
}
data = {name[5:]: array for name, array in given.items() if name.startswith("data_")}
functions = make_functions(jax, (3, 2), ppo)
advantages, targets = functions["advantages_of"](given["values"], data)
rows = {name: data[name].reshape(-1, *data[name].shape[2:]) for name in data if name != "obs"}
rows["obs"] = data["obs"][:-1].reshape(-1, data["obs"].shape[-1])
rows |= {"advantages": advantages.reshape(-1), "targets": targets.reshape(-1)}
loss, gradient = jax.value_and_grad(functions["loss"])(params, rows)
towers = {name: [np.asarray(w).T.tolist() for w, _ in gradient[name]] for name in gradient}
print(json.dumps({"loss": float(loss), "gradient": towers}))
"""


@pytest.mark.slow
def test_the_jitted_loss_has_this_trainers_loss_and_gradients(tmp_path: Path) -> None:
    """With JAX from its own environment; skipped where nobody has made it."""
    python = python_of(next(peer for peer in PEERS if peer.name == "jax"))
    if not python.is_file():
        pytest.skip("no .cache/peers/jax: python -m benchmarks.peers --prepare --only jax")
    net, data = network(), rollout()
    known = expected(net, data)
    given: dict[str, Any] = {f"data_{name}": array for name, array in data.items()}
    given["values"] = known["values"].numpy()
    for name, layers in towers(net).items():
        for i, layer in enumerate(layers):
            given[f"{name}{i}w"] = layer.weight.detach().numpy()
            given[f"{name}{i}b"] = layer.bias.detach().numpy()
    np.savez(tmp_path / "given.npz", **given)
    names = ["clip_param", "vf_clip_param", "vf_loss_coeff", "entropy_coeff", "gamma", "lambda_"]
    ppo = SimpleNamespace(**{name: getattr(PPO, name) for name in names})
    done = subprocess.run(
        [str(python), "-c", IN_JAX, str(tmp_path / "given.npz"), json.dumps(vars(ppo))],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["loss"] == pytest.approx(known["loss"], rel=1e-4)
    for name, layers in towers(net).items():
        for mine, theirs in zip(found["gradient"][name], layers, strict=True):
            assert theirs.weight.grad is not None
            np.testing.assert_allclose(mine, theirs.weight.grad.numpy(), rtol=1e-3, atol=1e-5)
