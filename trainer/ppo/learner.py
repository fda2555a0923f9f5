"""The learner: PPO over whole rollouts, one policy per team.

`TeamPPOLearner.update` replaces RLlib's minibatch loop (which costs about 1 ms per minibatch)
and its connectors; the hooks, sequence numbers and metrics that RLlib relies on are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import torch
import torch.distributed as dist
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.learner.training_data import TrainingData
from torch import Tensor, nn

from trainer.config.ppo import TeamSettings
from trainer.errors import TrainingDiverged
from trainer.ppo.collectives import any_learner, average_gradients
from trainer.ppo.losses import Minibatch, PPOCoefficients, adapt_kl_coeff, ppo_loss
from trainer.ppo.networks import ActorCritic, weights_hash
from trainer.ppo.normalization import power_sums
from trainer.ppo.policy_health import FIGURES, check
from trainer.ppo.rollout import RolloutBatch, TeamRollout
from trainer.ppo.train_batch import train_batch
from trainer.schedules.scheduler import TeamPlan, TeamValues

STEP_SCALARS = ("loss", "policy_loss", "vf_loss", "entropy", "kl", "clip_fraction", "grad_norm")
"""What every gradient step reports."""

_Result = dict[str, float]
PLANS = "team_plans"
"""Key of the teams' plans among the timesteps of an update."""


class TeamPPOLearner(PPOTorchLearner):
    """PPO for all teams; its settings come in `learner_config_dict`.

    learner_config_dict:
        teams: {team name: TeamSettings}; `schedules` has the values of those that change.
        schedules: for the algorithm: `Scheduler` at their beginning.
        window_episodes: for it too: episodes behind the reported means.
        reward_scale: factor on rewards.
        torch_threads: threads that the teams share, None = torch's own number.
    """

    def build(self) -> None:
        super().build()
        custom = self.config.learner_config_dict
        self.teams: dict[str, TeamSettings] = custom["teams"]
        self.reward_scale = float(custom["reward_scale"])
        self.kl_coeffs = {name: team.kl_coeff for name, team in self.teams.items()}
        # A stream for every learner and team, so that teams can shuffle side by side.
        seed = (self.config.seed or 0) * 1_000_003 + self.rank
        self.generators = {
            team: torch.Generator().manual_seed(seed * len(self.teams) + number)
            for number, team in enumerate(sorted(self.teams))
        }
        self.team_threads = self._make_team_threads()

    def _make_team_threads(self) -> ThreadPoolExecutor | None:
        """A thread per team, or None: the teams of distributed learners take turns.

        The updates are independent, and two small networks on half the cores each are faster than
        one after the other on all of them. Messages between learners need the same order on all.
        """
        if self.is_distributed:
            return None
        threads = self.config.learner_config_dict["torch_threads"] or torch.get_num_threads()
        threads_each = max(1, threads // len(self.teams))
        return ThreadPoolExecutor(
            len(self.teams), "learner", initializer=torch.set_num_threads, initargs=(threads_each,)
        )

    @property
    def rank(self) -> int:
        return dist.get_rank() if self.is_distributed else 0

    @property
    def is_distributed(self) -> bool:
        return bool(self.config.num_learners > 1)

    def network(self, team: str) -> ActorCritic:
        return self.module[f"{team}_policy"].unwrapped().net

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        team = module_id.removesuffix("_policy")
        settings: TeamSettings = self.config.learner_config_dict["teams"][team]
        params = self.get_parameters(self._module[module_id])
        optimizer = torch.optim.Adam(params, lr=settings.lr, eps=1e-5, fused=True)
        # Without an RLlib schedule: stock code would reset the learning rate after each update.
        self.register_optimizer(
            module_id=module_id, optimizer=optimizer, params=params, lr_or_lr_schedule=None
        )

    # --- the update -------------------------------------------------------------------------------

    def update(self, *, training_data: TrainingData, timesteps: Any, **kwargs: Any) -> Any:
        """Learns from one rollout.

        Args:
            training_data: its `batch` is a `RolloutBatch`.
            timesteps: under `PLANS` a `TeamPlan` by team.

        Returns:
            RLlib's metrics.

        Raises:
            TrainingDiverged: a weight, a gradient or an output is not finite.
        """
        self._check_is_built()
        self.before_gradient_based_update(timesteps=timesteps)
        self._weights_seq_no += 1
        batch = training_data.batch
        assert isinstance(batch, RolloutBatch)
        dones = torch.from_numpy(batch.dones)

        def update_team(team: str) -> _Result:
            return self.update_team(team, timesteps[PLANS][team], batch.teams[team], dones)

        for team, results in zip(batch.teams, self._run(update_team, batch.teams), strict=True):
            self.metrics.log_dict(results, key=f"{team}_policy", window=1)
        self.after_gradient_based_update(timesteps=timesteps)
        return self.metrics.reduce()

    def _run(self, update: Callable[[str], _Result], teams: Iterable[str]) -> list[_Result]:
        """`update` of each team; no team is still at work when this returns or raises."""
        if self.team_threads is None:
            return [update(team) for team in teams]
        futures = [self.team_threads.submit(update, team) for team in teams]
        wait(futures)
        TrainingDiverged.raise_all(future.exception() for future in futures)
        return [future.result() for future in futures]

    def after_gradient_based_update(self, *, timesteps: Any) -> None:
        """Does nothing: `update_team` adapts the KL coefficient that stock PPO adapts here."""

    def update_team(
        self, team: str, plan: TeamPlan, rollout: TeamRollout, dones: Tensor
    ) -> _Result:
        """All epochs of one team; returns its scalars, nan if there was nothing to learn from."""
        settings, network = self.teams[team], self.network(team)
        result = {
            "kl_coeff": self.kl_coeffs[team],
            **dict.fromkeys(("trained", "epochs", "updates", "rows"), 0),
            **dict.fromkeys(("vf_explained_var", *STEP_SCALARS, *FIGURES), math.nan),
        }
        if not plan.trains:
            return result
        rows, result["vf_explained_var"] = train_batch(
            network, rollout, dones, settings.gamma, settings.lambda_, self.reward_scale
        )
        result["rows"] = count = rows.obs.shape[0]
        epochs = settings.num_epochs
        minibatches = self.num_minibatches(count, settings.minibatch_size)
        if minibatches == 0:
            return result
        updates = epochs * minibatches
        for epoch in range(epochs):
            order = torch.randperm(count, generator=self.generators[team])
            scalars = []
            for number, index in enumerate(order.tensor_split(minibatches), epoch * minibatches):
                values = plan.values(epoch, epochs, number, updates)
                scalars.append(
                    self.gradient_step(team, rows.select(index), values, plan.logit_bias)
                )
        result |= self._means(scalars) | {"trained": 1, "epochs": epochs, "updates": updates}
        if settings.kl_coeff > 0.0:
            self.kl_coeffs[team] = adapt_kl_coeff(
                self.kl_coeffs[team], result["kl"], values.kl_target
            )
        result |= self._check(team, rows, plan)
        if network.normalizer is not None:
            self._update_normalizer(network, rows.obs)
        return result

    def _check(self, team: str, rows: Minibatch, plan: TeamPlan) -> dict[str, float]:
        """The health of a policy after its update; TrainingDiverged where it is not finite."""
        network, optimizer = self.network(team), self.get_optimizer(f"{team}_policy")
        # Each learner sees other rows, and all have to stop where one does.
        anywhere = any_learner if self.is_distributed else bool
        return check(f"{team}_policy", network, optimizer, rows, plan.logit_bias, anywhere)

    def gradient_step(
        self,
        team: str,
        batch: Minibatch,
        settings: TeamValues,
        logit_bias: tuple[float, ...],
    ) -> dict[str, Tensor]:
        """One gradient step; returns the `STEP_SCALARS`, one number each.

        Raises:
            TrainingDiverged: the gradient is not finite.
        """
        network, optimizer = self.network(team), self.get_optimizer(f"{team}_policy")
        for group in optimizer.param_groups:
            group["lr"] = settings.lr
        coefficients = PPOCoefficients(
            settings.clip_param,
            self.teams[team].vf_clip_param,
            settings.vf_loss_coeff,
            settings.entropy_coeff,
            self.kl_coeffs[team],
        )
        optimizer.zero_grad(set_to_none=True)
        logits, values = network(batch.obs)
        if logit_bias:
            logits = logits + torch.tensor(logit_bias)
        loss, scalars = ppo_loss(logits, values, batch, network.spec.nvec, coefficients)
        loss.backward()
        if self.is_distributed:
            average_gradients(network)
        norm = nn.utils.clip_grad_norm_(network.parameters(), self.teams[team].grad_clip)
        if not torch.isfinite(norm):
            policy_id, text = f"{team}_policy", f"gradient is not finite (loss {loss.item():.3g})"
            raise TrainingDiverged(f"{policy_id}: the {text}", (policy_id,))
        optimizer.step()
        return scalars | {"grad_norm": norm, "loss": loss.detach()}

    # --- several learners -------------------------------------------------------------------------

    def num_minibatches(self, rows: int, minibatch_size: int) -> int:
        """Gradient steps per epoch, equal on all learners; 0 where one of them has no rows."""
        most = torch.tensor([max(1, round(rows / minibatch_size)), -rows])
        if self.is_distributed:
            dist.all_reduce(most, op=dist.ReduceOp.MAX)
        pieces, fewest_rows = int(most[0]), -int(most[1])
        return min(pieces, fewest_rows)

    def _means(self, scalars: list[dict[str, Tensor]]) -> dict[str, float]:
        """Means over the minibatches of the last epoch, and over the learners."""
        means = torch.stack(
            [torch.stack([s[name] for s in scalars]).mean() for name in STEP_SCALARS]
        )
        if self.is_distributed:
            dist.all_reduce(means)
            means /= dist.get_world_size()
        return dict(zip(STEP_SCALARS, means.tolist(), strict=True))

    def _update_normalizer(self, network: ActorCritic, obs: Tensor) -> None:
        moments = power_sums(obs)
        count = torch.tensor([float(obs.shape[0])], dtype=torch.float64)
        if self.is_distributed:
            dist.all_reduce(moments)
            dist.all_reduce(count)
        mean, square = (moments / count).chunk(2)
        assert network.normalizer is not None
        network.normalizer.update(
            float(count), mean.float(), (square - mean.square()).clamp_min(0.0).float()
        )

    # --- exact resume -----------------------------------------------------------------------------

    def weights_hash(self) -> str:
        """The hash of every weight this learner holds."""
        return weights_hash({f"{team}_policy": self.network(team) for team in self.teams})

    def get_training_state(self) -> dict[str, Any]:
        """What RLlib's own learner state leaves out: KL coefficients and the shuffling streams."""
        streams = {
            team: g.get_state().numpy().tobytes().hex() for team, g in self.generators.items()
        }
        first = {team: settings.kl_coeff for team, settings in self.teams.items()}
        return {"kl_coeffs": dict(self.kl_coeffs), "first_kl_coeffs": first, "generators": streams}

    def set_training_state(self, state: dict[str, Any]) -> None:
        """Continues from `get_training_state`; without `generators` the streams stay."""
        for team, value in state["kl_coeffs"].items():
            # A first coefficient changed in the configuration takes precedence.
            if state["first_kl_coeffs"].get(team) == self.teams[team].kl_coeff:
                self.kl_coeffs[team] = float(value)
        for team, text in (state["generators"] or {}).items():
            raw = torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)
            self.generators[team].set_state(raw.clone())
