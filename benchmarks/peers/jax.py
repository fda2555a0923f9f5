"""JAX: sampling in one jitted function, and the whole update of a team in another.

The update is values, advantages, all epochs and minibatches, Adam. `--devices 2` makes two CPU
devices, and each team lives on one of them, so that the teams learn at the same time.

What differs: frozen rows get weight 0 instead of being left out (an array's size cannot depend on
the data), so they are computed; minibatches have exactly the configured size.

    python -m benchmarks.peers.jax --devices 2
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.peers.measuring import parser, report
from benchmarks.peers.worlds import Worlds
from benchmarks.workload import default_config
from envs.batch_env import TeamSpec
from trainer.config.ppo import PPOGroup

Tree = Any  # of arrays


def jax_on(devices: int) -> Any:
    """Imports JAX with so many CPU devices."""
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices}"
    import jax

    return jax


def new_network(rng: np.random.Generator, sizes: tuple[int, ...], gain: float) -> Tree:
    """Weights [in, out] and biases, orthogonal as this project's."""
    made = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        q, _ = np.linalg.qr(rng.normal(size=(max(fan_in, fan_out), min(fan_in, fan_out))))
        weights = (q if fan_in >= fan_out else q.T) * 2.0**0.5
        made.append((weights.astype(np.float32), np.zeros(fan_out, np.float32)))
    weights, bias = made[-1]
    return [*made[:-1], (weights * np.float32(gain / 2.0**0.5), bias)]


def new_team(spec: TeamSpec, ppo: PPOGroup, seed: int) -> Tree:
    rng, sizes = np.random.default_rng(seed), (spec.obs_size, *ppo.hiddens)
    return {
        "actor": new_network(rng, (*sizes, spec.num_logits), 0.01),
        "critic": new_network(rng, (*sizes, 1), 1.0),
    }


def make_functions(jax: Any, nvec: tuple[int, ...], ppo: PPOGroup) -> dict[str, Callable[..., Any]]:
    """What a team computes. Shapes: T steps, R rows of a step, B rows, L logits."""
    jnp, lax = jax.numpy, jax.lax
    cuts = np.cumsum(nvec)[:-1]

    def forward(layers: Tree, x: Any) -> Any:
        for weights, bias in layers[:-1]:
            x = jnp.tanh(x @ weights + bias)
        return x @ layers[-1][0] + layers[-1][1]

    def log_probs(params: Tree, obs: Any, mask: Any) -> list[Any]:
        logits = jnp.where(mask, forward(params["actor"], obs), -1e9)
        return [jax.nn.log_softmax(head) for head in jnp.split(logits, cuts, -1)]

    def logp_of(heads: list[Any], actions: Any) -> Any:
        chosen = [
            jnp.take_along_axis(head, actions[..., h : h + 1], -1) for h, head in enumerate(heads)
        ]
        return jnp.concatenate(chosen, -1).sum(-1)

    def act(params: Tree, obs: Any, mask: Any, key: Any) -> tuple[Any, Any, Any]:
        """Actions [R, H], their log-probability [R] and the next key."""
        heads, (key, *keys) = log_probs(params, obs, mask), jax.random.split(key, len(nvec) + 1)
        drawn = [jax.random.categorical(k, head) for k, head in zip(keys, heads, strict=True)]
        actions = jnp.stack(drawn, -1)
        return actions, logp_of(heads, actions), key

    def loss(params: Tree, rows: dict[str, Any]) -> Any:
        weight = rows["valid"].astype(jnp.float32)

        def mean(values: Any) -> Any:
            return (values * weight).sum() / weight.sum()

        heads = log_probs(params, rows["obs"], rows["masks"])
        ratio = jnp.exp(logp_of(heads, rows["actions"]) - rows["logp"])
        clipped = jnp.clip(ratio, 1 - ppo.clip_param, 1 + ppo.clip_param)
        surrogate = mean(jnp.minimum(rows["advantages"] * ratio, rows["advantages"] * clipped))
        error = forward(params["critic"], rows["obs"])[..., 0] - rows["targets"]
        v_loss = mean(jnp.minimum(error**2, ppo.vf_clip_param))
        entropy = mean(sum(-(jnp.exp(head) * head).sum(-1) for head in heads))
        return -surrogate + ppo.vf_loss_coeff * v_loss - ppo.entropy_coeff * entropy

    def adam(params: Tree, state: Tree, gradient: Tree) -> tuple[Tree, Tree]:
        step, first, second = state
        leaves = jax.tree.leaves(gradient)
        norm = jnp.sqrt(sum((leaf**2).sum() for leaf in leaves))
        scale = jnp.minimum(1.0, ppo.grad_clip / (norm + 1e-6))
        step, gradient = step + 1, jax.tree.map(lambda g: g * scale, gradient)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, second, gradient)

        def moved(p: Any, m: Any, v: Any) -> Any:
            deviation = jnp.sqrt(v / (1 - 0.999**step)) + 1e-8
            return p - ppo.lr * m / (1 - 0.9**step) / deviation

        return jax.tree.map(moved, params, first, second), (step, first, second)

    def advantages_of(values: Any, data: dict[str, Any]) -> tuple[Any, Any]:
        alive = 1.0 - data["dones"]
        deltas = data["rewards"] + ppo.gamma * alive * values[1:] - values[:-1]

        def back(running: Any, now: tuple[Any, Any]) -> tuple[Any, Any]:
            running = now[0] + ppo.gamma * ppo.lambda_ * now[1] * running
            return running, running

        _, found = lax.scan(back, jnp.zeros_like(values[0]), (deltas, alive), reverse=True)
        mean = found.mean(where=data["valid"])
        deviation = jnp.maximum(found.std(where=data["valid"]), 1e-4)
        return (found - mean) / deviation, found + values[:-1]

    def update(params: Tree, state: Tree, data: dict[str, Any], key: Any) -> tuple[Tree, Tree, Any]:
        """All epochs; `data` is [T, R, ...] each, with a last row more of obs."""
        values = lax.map(lambda obs: forward(params["critic"], obs)[..., 0], data["obs"])
        advantages, targets = advantages_of(values, data)
        names = ("masks", "valid", "actions", "logp")
        columns = {"obs": data["obs"][:-1], "advantages": advantages, "targets": targets}
        columns |= {name: data[name] for name in names}
        rows = {name: c.reshape(-1, *c.shape[2:]) for name, c in columns.items()}
        count = rows["logp"].size

        def minibatch(carry: tuple[Tree, Tree], index: Any) -> tuple[tuple[Tree, Tree], None]:
            params, state = carry
            gradient = jax.grad(loss)(params, {name: c[index] for name, c in rows.items()})
            return adam(params, state, gradient), None

        def epoch(carry: tuple[Tree, Tree], key: Any) -> tuple[tuple[Tree, Tree], None]:
            order = jax.random.permutation(key, count).reshape(-1, ppo.minibatch_size)
            return lax.scan(minibatch, carry, order)

        key, *keys = jax.random.split(key, ppo.num_epochs + 1)
        (params, state), _ = lax.scan(epoch, (params, state), jnp.stack(keys))
        return params, state, key

    return {
        "act": jax.jit(act),
        "advantages_of": advantages_of,
        "loss": loss,
        "update": jax.jit(update, donate_argnums=(0, 1)),
    }


class Learner:
    """One team on one device: parameters, optimizer, and a rollout in numpy, [T, R, ...] each."""

    def __init__(self, jax: Any, device: Any, team: str, worlds: Worlds, ppo: PPOGroup) -> None:
        spec, rows, steps = worlds.teams[team], worlds.rows(team), ppo.rollout_length
        self.worlds, self.team, self.put = worlds, team, partial(jax.device_put, device=device)
        self.functions = make_functions(jax, spec.nvec, ppo)
        seed = list(worlds.teams).index(team)
        self.params = self.put(new_team(spec, ppo, seed))
        zeros = jax.tree.map(np.zeros_like, new_team(spec, ppo, seed))
        self.state, self.key = (
            self.put((np.float32(0), zeros, zeros)),
            self.put(jax.random.key(seed)),
        )
        self.data: dict[str, np.ndarray] = {
            "obs": np.zeros((steps + 1, rows, spec.obs_size), np.float32),
            "masks": np.zeros((steps, rows, spec.num_logits), np.bool_),
            "valid": np.zeros((steps, rows), np.bool_),
            "actions": np.zeros((steps, rows, len(spec.nvec)), np.int32),
            "logp": np.zeros((steps, rows), np.float32),
            "rewards": np.zeros((steps, rows), np.float32),
            "dones": np.zeros((steps, rows), np.float32),
        }

    def start_acting(self, t: int) -> None:
        """Stores what is seen and starts the forward pass, which runs by itself."""
        for name in ("obs", "masks", "valid"):
            self.data[name][t] = getattr(self.worlds, name)[self.team]
        seen = self.put((self.data["obs"][t], self.data["masks"][t]))
        *self._drawn, self.key = self.functions["act"](self.params, *seen, self.key)

    def actions(self, t: int) -> np.ndarray:
        """Waits for the forward pass."""
        self.data["actions"][t], self.data["logp"][t] = self._drawn
        return self.data["actions"][t]

    def record(self, t: int) -> None:
        self.data["rewards"][t] = self.worlds.rewards[self.team]
        self.data["dones"][t] = self.worlds.dones[self.team]

    def start_update(self) -> None:
        self.data["obs"][-1] = self.worlds.obs[self.team]
        self.params, self.state, self.key = self.functions["update"](
            self.params, self.state, self.put(self.data), self.key
        )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--devices", type=int, choices=(1, 2), default=1)
    args = arguments.parse_args()
    jax, config = jax_on(args.devices), default_config()
    ppo, worlds = config.ppo, Worlds(config)
    learners = {
        team: Learner(jax, jax.devices()[index % args.devices], team, worlds, ppo)
        for index, team in enumerate(worlds.teams)
    }

    def iterate() -> int:
        for t in range(ppo.rollout_length):
            for learner in learners.values():
                learner.start_acting(t)
            worlds.step({team: learner.actions(t) for team, learner in learners.items()})
            for learner in learners.values():
                learner.record(t)
        for learner in learners.values():
            learner.start_update()
        jax.block_until_ready([learner.params for learner in learners.values()])
        return ppo.rollout_length * sum(map(worlds.rows, learners))

    report(jax.__version__, args.seconds, iterate)


if __name__ == "__main__":
    main()
