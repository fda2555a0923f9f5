"""Learning with torch: any network, several learners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

import torch
import torch.distributed as dist
from torch import Tensor, nn

from envs.batch_env import TeamSpec
from trainer.errors import TrainingDiverged
from trainer.ppo.collectives import average_gradients
from trainer.ppo.live_network import LiveNetwork
from trainer.ppo.losses import Minibatch, PPOCoefficients, ppo_loss
from trainer.ppo.policy_health import sample_of
from trainer.ppo.team_update import (
    STEP_SCALARS,
    Learned,
    TeamUpdate,
    gradient_not_finite,
    num_minibatches,
)
from trainer.ppo.train_batch import train_batch
from trainer.schedules.scheduler import TeamValues

_LARGEST = torch.finfo(torch.float32).max


class TorchEngine:
    """Gradient steps by autograd.

    Args:
        threads: of torch, for all teams together.
        specs: by team.
        distributed: whether other learners learn from other rows of the same teams.
    """

    def __init__(
        self,
        threads: int,
        specs: Mapping[str, TeamSpec],
        *,
        distributed: bool,
    ) -> None:
        # RLlib asks for deterministic algorithms, and torch then also fills all new memory.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        self.distributed = distributed
        self._specs = {spec.policy_id: spec for spec in specs.values()}
        teams = len(specs)
        # The updates are independent, and two small networks on half the cores each are faster than
        # one after the other on all of them. Messages between learners need the same order on all.
        self._threads = None if distributed else _pool(teams, max(1, threads // teams))

    def train(self, updates: Sequence[TeamUpdate]) -> list[Learned | TrainingDiverged]:
        """See `Engine.train`."""
        if self._threads is None:
            return [self._outcome(update) for update in updates]
        futures = [self._threads.submit(self._outcome, update) for update in updates]
        wait(futures)
        return [future.result() for future in futures]

    def _outcome(self, update: TeamUpdate) -> Learned | TrainingDiverged:
        try:
            return self.train_team(update)
        except TrainingDiverged as error:
            return error

    def train_team(self, update: TeamUpdate) -> Learned:
        """All epochs of one team."""
        settings = update.settings
        scalars: list[dict[str, Tensor]] = []
        spec = self._specs[update.policy_id]
        live = LiveNetwork(update.network, spec.live_columns, spec.live_state)
        rows, valid, explained = train_batch(
            live,
            update.rollout,
            torch.from_numpy(update.dones),
            settings.gamma,
            settings.lambda_,
            update.reward_scale,
        )
        count = rows.obs.shape[0]
        minibatches = self.num_minibatches(count, settings.minibatch_size)
        steps = settings.num_epochs * minibatches
        for epoch in range(settings.num_epochs if minibatches else 0):
            order = update.shuffled(count).to(live.device)
            scalars = []
            # Only the scalars of the last epoch are reported.
            kl = update.kl_coeff > 0.0 or epoch == settings.num_epochs - 1
            for step, index in enumerate(order.tensor_split(minibatches), epoch * minibatches):
                values = update.plan.values(epoch, settings.num_epochs, step, steps)
                batch = rows.select_for_step(index, kl=kl)
                scalars.append(self.gradient_step(update, live, batch, values))
        obs = torch.from_numpy(update.rollout.obs).flatten(0, 2)
        state = torch.from_numpy(update.rollout.state).flatten(0, 2)
        few = sample_of(count)
        sample = replace(rows.select(few.to(live.device)), obs=obs[valid[few]].to(live.device))
        if sample.state is not None:
            sample.state = state[valid[few]].to(live.device)
        return Learned(
            rows=count,
            vf_explained_var=explained,
            steps=steps,
            scalars=self._means(scalars) if scalars else {},
            sample=sample,
            obs=lambda: obs.index_select(0, valid),
            state=lambda: state.index_select(0, valid),
        )

    def gradient_step(
        self, update: TeamUpdate, live: LiveNetwork, batch: Minibatch, values: TeamValues
    ) -> dict[str, Tensor]:
        """One gradient step; returns the `STEP_SCALARS`, one number each.

        Raises:
            TrainingDiverged: the gradient is not finite.
        """
        network, optimizer, settings = update.network, update.optimizer, update.settings
        for group in optimizer.param_groups:
            group["lr"] = values.lr
        coefficients = PPOCoefficients(
            values.clip_param,
            min(settings.vf_clip_param, _LARGEST),
            values.vf_loss_coeff,
            values.entropy_coeff,
            update.kl_coeff,
        )
        optimizer.zero_grad(set_to_none=True)
        logits, value = live(batch.obs, batch.state)
        if update.plan.logit_bias:
            logits = logits + torch.tensor(update.plan.logit_bias, device=live.device)
        loss, scalars = ppo_loss(logits, value, batch, network.spec.nvec, coefficients)
        loss.backward()
        if self.distributed:
            average_gradients(network)
        norm = nn.utils.clip_grad_norm_(network.parameters(), settings.grad_clip)
        if not torch.isfinite(norm):
            raise gradient_not_finite(update.policy_id, loss.item())
        optimizer.step()
        return scalars | {"grad_norm": norm, "loss": loss.detach()}

    def num_minibatches(self, rows: int, minibatch_size: int) -> int:
        """Gradient steps per epoch, equal on all learners; 0 where one of them has no rows."""
        most = torch.tensor([num_minibatches(rows, minibatch_size), -rows])
        if self.distributed:
            dist.all_reduce(most, op=dist.ReduceOp.MAX)
        pieces, fewest_rows = int(most[0]), -int(most[1])
        return min(pieces, fewest_rows)

    def _means(self, scalars: Sequence[dict[str, Tensor]]) -> dict[str, float]:
        """Means over minibatches, and over the learners."""
        means = torch.stack(
            [torch.stack([s[name] for s in scalars]).mean() for name in STEP_SCALARS]
        )
        if self.distributed:
            dist.all_reduce(means)
            means /= dist.get_world_size()
        return dict(zip(STEP_SCALARS, means.tolist(), strict=True))


def _pool(workers: int, threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(
        workers, "learner", initializer=torch.set_num_threads, initargs=(threads,)
    )
