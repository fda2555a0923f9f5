"""Learning with the fused engine: all teams' updates at once, on all cores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import numpy as np
import torch
from torch import Tensor

from trainer.engine import advantages as gae
from trainer.engine import update as engine
from trainer.engine.blas import one_blas_thread
from trainer.engine.gradient import room_floats
from trainer.engine.rows import fill_rows, row_width
from trainer.errors import TrainingDiverged
from trainer.ppo.advantages import LEAST_DEVIATION
from trainer.ppo.fused_network import FusedNetwork
from trainer.ppo.losses import Minibatch, explained_variance
from trainer.ppo.policy_health import sample_of
from trainer.ppo.team_update import (
    STEP_SCALARS,
    Learned,
    TeamUpdate,
    gradient_not_finite,
    num_minibatches,
)

_VALUE_ROWS = 8192  # of one call of a thread


class FusedEngine:
    """Gradient steps by the kernels of `trainer.engine`.

    Args:
        networks: by team.
        threads: that share the work of all teams.
    """

    def __init__(self, networks: Mapping[str, FusedNetwork], threads: int) -> None:
        self._teams = {f"{team}_policy": _Team(network) for team, network in networks.items()}
        self._workers = threads
        self._pool = ThreadPoolExecutor(threads, "learner")

    def train(self, updates: Sequence[TeamUpdate]) -> list[Learned | TrainingDiverged]:
        """See `Engine.train`."""
        if not updates:
            return []
        teams = [self._teams[update.policy_id] for update in updates]
        with one_blas_thread():
            value_passes = [team.begin(u) for team, u in zip(teams, updates, strict=True)]
            self._run(part for parts in value_passes for part in parts)
            self._run(team.prepare for team in teams)
            self._run(partial(self._work, teams, first) for first in range(self._workers))
        return [team.failure() or team.learned() for team in teams]

    def _run(self, parts: Iterable[Callable[[], None]]) -> None:
        futures = [self._pool.submit(part) for part in parts]
        wait(futures)
        for future in futures:
            future.result()

    @staticmethod
    def _work(teams: Sequence[_Team], first: int) -> None:
        """One thread's share: its own team to the end, then what is left of the others."""
        turn = [*teams[first % len(teams) :], *teams[: first % len(teams)]]
        try:
            room = np.empty(max(team.room_floats for team in teams), np.float32)
            while turn := [team for team in turn if not team.work(room)]:
                time.sleep(0)  # lets another thread run
        except BaseException:
            for team in teams:
                team.abandon()
            raise


class _Team:
    """One team's update, step by step; its arrays are kept for the next one."""

    def __init__(self, network: FusedNetwork) -> None:
        self._network = network
        self._kept: dict[str, np.ndarray] = {}

    def _array(self, name: str, shape: Sequence[int], dtype: type = np.float32) -> np.ndarray:
        """A kept array, made anew where it is too small: fresh memory pages are slow."""
        size = int(np.prod(shape))
        kept = self._kept.get(name)
        if kept is None or kept.size < size:
            kept = self._kept[name] = np.zeros(size, dtype)
        return kept[:size].reshape(shape)

    def begin(self, update: TeamUpdate) -> list[Callable[[], None]]:
        """Takes an update; returns the parts of its value pass, for any thread."""
        self._update = update
        net = self._network
        net.refresh()
        rollout = update.rollout
        seen = rollout.state if net.description.reads_state else rollout.obs
        self._values = self._array("values", seen.shape[:3])
        rows, values = seen.reshape(-1, seen.shape[-1]), self._values.reshape(-1)

        def fill(begin: int) -> None:
            part = slice(begin, begin + _VALUE_ROWS)
            gae.fill_values(
                *(net.description, net.vf_inputs, net.weights[1]),
                *(rows[part], values[part], net.tile),
            )

        return [partial(fill, begin) for begin in range(0, len(values), _VALUE_ROWS)]

    def prepare(self) -> None:
        """Advantages, targets, the rows to learn from and every gradient step."""
        update, rollout, net = self._update, self._update.rollout, self._network
        settings, shape = update.settings, rollout.rewards.shape
        advantages, targets = self._array("advantages", shape), self._array("targets", shape)
        gae.fill_advantages(
            *(rollout.rewards, np.float32(update.reward_scale), self._values, update.dones),
            *(rollout.final_values, np.float32(settings.gamma), np.float32(settings.lambda_)),
            *(advantages, targets),
        )
        self._index = index = np.flatnonzero(rollout.valid[: shape[0]])
        flat, flat_targets = advantages.reshape(-1), targets.reshape(-1)
        if len(index):
            gae.standardize(flat, index, LEAST_DEVIATION)
        nvec = net.description.nvec
        columns = len(net.inputs.columns) + len(net.states.columns)
        self._rows = self._array("rows", (len(index), row_width(columns, nvec)))
        fill_rows(
            *(net.inputs, net.states, nvec, index, self._flat(rollout.obs)),
            *(self._flat(rollout.state), self._flat(rollout.logits), self._flat(rollout.actions)),
            *(rollout.logp.reshape(-1), flat, flat_targets, self._rows),
        )
        chosen = flat_targets[index], self._values.reshape(-1)[index]
        self._explained = float(explained_variance(*map(torch.from_numpy, chosen)))
        self._minibatches = num_minibatches(len(index), settings.minibatch_size)
        self._steps = settings.num_epochs * self._minibatches
        self._state: engine.State | None = None
        if self._steps:
            self._plan_steps()

    def _flat(self, array: np.ndarray) -> np.ndarray:
        """An array [T or T + 1, N, A, X] as rows [T * N * A, X]."""
        rewards = self._update.rollout.rewards
        return array[: len(rewards)].reshape(rewards.size, array.shape[-1])

    def _plan_steps(self) -> None:
        update, net, count = self._update, self._network, len(self._index)
        settings, epochs = update.settings, update.settings.num_epochs
        order = self._array("order", (epochs, count), np.int64)
        for epoch in range(epochs):
            order[epoch] = update.shuffled(count)
        # Minibatches as torch.tensor_split makes them.
        sizes = np.full(self._minibatches, count // self._minibatches)
        sizes[: count % self._minibatches] += 1
        values = [
            update.plan.values(step // self._minibatches, epochs, step, self._steps)
            for step in range(self._steps)
        ]
        choices = int(net.description.nvec.sum())
        bounds = np.cumsum([0, *np.tile(sizes, epochs)])
        self._plan = engine.Plan(
            batch=self._rows,
            order=order.reshape(-1),
            bounds=bounds,
            tile=net.tile,
            share=engine.share_rows(bounds, net.tile),
            values=np.array(
                [(v.lr, v.entropy_coeff, v.clip_param, v.vf_loss_coeff) for v in values]
            ),
            bias=np.array(update.plan.logit_bias or (0.0,) * choices, np.float32),
            vf_clip=float(settings.vf_clip_param),
            kl_coeff=float(update.kl_coeff),
            grad_clip=float(settings.grad_clip),
        )
        self._adam = net.adam(update.optimizer)
        self._state = engine.new_state(net.description, self._plan, net.parameters())

    @property
    def room_floats(self) -> int:
        """The room that one thread needs for a tile."""
        net = self._network
        return room_floats(net.description, net.tile)

    def work(self, room: np.ndarray) -> bool:
        """Does a share of the gradient steps; whether all are done."""
        if self._state is None:
            return True
        description = self._network.description
        return bool(engine.work(description, self._plan, self._adam, self._state, room))

    def abandon(self) -> None:
        """Ends the update for all threads, since one has failed."""
        if self._state is not None:
            engine.abandon(self._state)

    def failure(self) -> TrainingDiverged | None:
        """Why the update had to stop; None if it has not."""
        if self._state is None or (step := engine.failed_step(self._state)) is None:
            return None
        return gradient_not_finite(self._update.policy_id, self._state.scalars[step, 0])

    def learned(self) -> Learned:
        """What the update has done, once all steps are done."""
        scalars: dict[str, float] = {}
        if self._state is not None:
            optimizer = self._update.optimizer
            for parameter in self._update.network.parameters():
                optimizer.state[parameter]["step"] += self._steps
            for group in optimizer.param_groups:
                group["lr"] = float(self._plan.values[-1, engine.LR])
            means = self._state.scalars[-self._minibatches :].mean(axis=0)
            scalars = dict(zip(STEP_SCALARS, means.tolist(), strict=True))
        return Learned(
            rows=len(self._index),
            vf_explained_var=self._explained,
            steps=self._steps,
            scalars=scalars,
            sample=self._sample(),
            obs=lambda: torch.from_numpy(self._flat(self._update.rollout.obs)[self._index]),
            state=lambda: torch.from_numpy(self._flat(self._update.rollout.state)[self._index]),
        )

    def _sample(self) -> Minibatch:
        rollout = self._update.rollout
        index = self._index[sample_of(len(self._index)).numpy()]

        def take(array: np.ndarray) -> Tensor:
            return torch.from_numpy(array[index])

        return Minibatch(
            obs=take(self._flat(rollout.obs)),
            action_mask=take(self._flat(rollout.action_mask)),
            actions=take(self._flat(rollout.actions)),
            logits=take(self._flat(rollout.logits)),
            logp=take(rollout.logp.reshape(-1)),
            advantages=take(self._array("advantages", rollout.rewards.shape).reshape(-1)),
            value_targets=take(self._array("targets", rollout.rewards.shape).reshape(-1)),
            state=take(self._flat(rollout.state)) if rollout.state.shape[-1] else None,
        )
