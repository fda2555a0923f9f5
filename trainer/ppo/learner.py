"""The learner: PPO over whole rollouts, one policy per team.

`TeamPPOLearner.update` replaces RLlib's minibatch loop (which costs about 1 ms per minibatch)
and its connectors; the hooks, sequence numbers and metrics that RLlib relies on are kept.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.learner.training_data import TrainingData
from torch import Tensor

from trainer.config.device import missing_cuda
from trainer.config.ppo import TeamSettings
from trainer.config.types import ConfigError
from trainer.errors import TrainingDiverged
from trainer.ppo.collectives import any_learner
from trainer.ppo.engines import make_engine
from trainer.ppo.losses import adapt_kl_coeff
from trainer.ppo.networks import ActorCritic, weights_hash
from trainer.ppo.normalization import ObsNormalizer, power_sums
from trainer.ppo.optimizer import Adam
from trainer.ppo.policy_health import FIGURES, check
from trainer.ppo.remote_rollouts import RolloutLost, Shard
from trainer.ppo.rollout import RolloutBatch
from trainer.ppo.seeding import seed_process
from trainer.ppo.team_update import STEP_SCALARS, Learned, TeamUpdate
from trainer.schedules.scheduler import TeamPlan

_Result = dict[str, float]
PLANS = "team_plans"
"""Key of the teams' plans among the timesteps of an update."""


class TeamPPOLearner(PPOTorchLearner):
    """PPO for all teams; its settings come in `learner_config_dict`.

    learner_config_dict:
        teams: {team name: TeamSettings}; `schedules` has the values of those that change.
        schedules: for the algorithm: `Scheduler` at their beginning.
        window_episodes: for it too: episodes behind the reported means.
        opponents: for it too: `OpponentsGroup`.
        keeps_opponents: for it too: whether there are pools of earlier policies.
        reward_scale: factor on rewards.
        torch_threads: threads that the teams share, None = torch's own number.
        engine: "torch" or "fused".
        device: "cpu" or "cuda", what it learns on.
        seed: of the process, and of what it shuffles.
        specs: `TeamSpec` by team.
    """

    def build(self) -> None:
        custom, gpus = self.config.learner_config_dict, self.config.num_gpus_per_learner
        if gpus and (missing := missing_cuda()):
            asked = f"ray.num_gpus_per_learner = {gpus:g}"
            raise ConfigError(f"{asked}, but on {platform.node()}, where a learner runs, {missing}")
        seed_process(custom["seed"])
        super().build()
        self.teams: dict[str, TeamSettings] = custom["teams"]
        self.reward_scale = float(custom["reward_scale"])
        self._taken: RolloutBatch | None = None
        self.kl_coeffs = {name: team.kl_coeff for name, team in self.teams.items()}
        # A stream for every learner and team, so that teams can shuffle side by side.
        seed = custom["seed"] * 1_000_003 + self.rank
        self.generators = {
            team: torch.Generator().manual_seed(seed * len(self.teams) + number)
            for number, team in enumerate(sorted(self.teams))
        }
        self.engine = make_engine(
            custom["engine"],
            {team: self.network(team) for team in self.teams},
            custom["specs"],
            custom["torch_threads"] or torch.get_num_threads(),
            distributed=self.is_distributed,
        )

    def _map_module_to_device(self, module: Any) -> None:
        # RLlib would take a GPU from Ray; networks move before their optimizers are made.
        self._device = torch.device(self.config.learner_config_dict["device"])
        super()._map_module_to_device(module)

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
        optimizer = Adam(params, lr=settings.lr, eps=1e-5, fused=True)
        # Without an RLlib schedule: stock code would reset the learning rate after each update.
        self.register_optimizer(
            module_id=module_id, optimizer=optimizer, params=params, lr_or_lr_schedule=None
        )

    # --- the update -------------------------------------------------------------------------------

    def take(self, shards: Sequence[Shard]) -> dict[int, str]:
        """Fetches the worlds of its own shard, which the next update learns from.

        Returns:
            Why rollouts cannot be had, by their runners; with any there is no update.
        """
        try:
            self._taken = shards[self.rank].fetch()
        except RolloutLost as error:
            return error.reasons
        return {}

    def update(self, *, training_data: TrainingData, timesteps: Any, **kwargs: Any) -> Any:
        """Learns from one rollout.

        Args:
            training_data: its `batch` is a `RolloutBatch`, or the shard that was taken.
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
        if isinstance(batch, Shard):
            batch, self._taken = self._taken, None
        assert isinstance(batch, RolloutBatch)
        plans = timesteps[PLANS]
        updates = {
            team: self.team_update(team, plans[team], batch)
            for team in batch.teams
            if plans[team].trains
        }
        learned = dict(zip(updates, self.engine.train(list(updates.values())), strict=True))
        diverged = []
        for team in batch.teams:
            try:
                results = self._finish(team, plans[team], learned.get(team))
            except TrainingDiverged as error:
                diverged.append(error)
            else:
                self.metrics.log_dict(results, key=f"{team}_policy", window=1)
        TrainingDiverged.raise_all(diverged)
        self.after_gradient_based_update(timesteps=timesteps)
        return self.metrics.reduce()

    def after_gradient_based_update(self, *, timesteps: Any) -> None:
        """Does nothing: `_finish` adapts the KL coefficient that stock PPO adapts here."""

    def team_update(self, team: str, plan: TeamPlan, batch: RolloutBatch) -> TeamUpdate:
        """One team's share of an update."""
        return TeamUpdate(
            policy_id=f"{team}_policy",
            network=self.network(team),
            optimizer=self.get_optimizer(f"{team}_policy"),
            settings=self.teams[team],
            kl_coeff=self.kl_coeffs[team],
            plan=plan,
            rollout=batch.teams[team],
            dones=batch.dones,
            reward_scale=self.reward_scale,
            generator=self.generators[team],
        )

    def _finish(
        self, team: str, plan: TeamPlan, learned: Learned | TrainingDiverged | None
    ) -> _Result:
        """A team's scalars after its update, nan if there was nothing to learn from.

        Raises:
            TrainingDiverged: a gradient, a weight or an output is not finite.
        """
        if isinstance(learned, TrainingDiverged):
            raise learned
        settings, network = self.teams[team], self.network(team)
        result: _Result = {
            "kl_coeff": self.kl_coeffs[team],
            **dict.fromkeys(("trained", "epochs", "updates", "rows"), 0),
            **dict.fromkeys(("vf_explained_var", *STEP_SCALARS, *FIGURES), math.nan),
        }
        if learned is None:
            return result
        result |= {"rows": learned.rows, "vf_explained_var": learned.vf_explained_var}
        if learned.steps == 0:
            return result
        done = {"trained": 1, "epochs": settings.num_epochs, "updates": learned.steps}
        result |= learned.scalars | done
        if settings.kl_coeff > 0.0:
            last = plan.values(
                settings.num_epochs - 1, settings.num_epochs, learned.steps - 1, learned.steps
            )
            self.kl_coeffs[team] = adapt_kl_coeff(
                self.kl_coeffs[team], result["kl"], last.kl_target
            )
        # Each learner sees other rows, and all have to stop where one does.
        anywhere = any_learner if self.is_distributed else bool
        optimizer = self.get_optimizer(f"{team}_policy")
        result |= check(
            f"{team}_policy", network, optimizer, learned.sample, plan.logit_bias, anywhere
        )
        if network.normalizer is not None:
            self._update_normalizer(network.normalizer, learned.obs())
        if network.state_normalizer is not None:
            self._update_normalizer(network.state_normalizer, learned.state())
        return result

    def _update_normalizer(self, normalizer: ObsNormalizer, rows: Tensor) -> None:
        moments = power_sums(rows)
        count = torch.tensor([float(rows.shape[0])], dtype=torch.float64)
        if self.is_distributed:
            dist.all_reduce(moments)
            dist.all_reduce(count)
        mean, square = (moments / count).chunk(2)
        normalizer.update(
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
