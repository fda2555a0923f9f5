"""The configuration schema: every key, its type, default and unit; unknown keys are refused.

`trainer/config/loading.py` reads it from YAML and the command line. Whatever is wrong dies here, in
one or two lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from envs.hide_and_seek.config import HideAndSeekConfig
from trainer.checkpoints.retention import Retention
from trainer.config.build_scheduler import schedules_of
from trainer.config.initialization import InitializationGroup
from trainer.config.keys import as_yaml_1_2, error_keys, explain
from trainer.config.run_groups import RayGroup, TrackingGroup, TrainGroup
from trainer.config.schedule_spec import SchedulesGroup, ScheduleSpec
from trainer.config.types import (
    TEAMS,
    ConfigError,
    Count,
    CountOrNone,
    Fraction,
    Group,
    Metric,
    NonNegative,
    Number,
    Place,
    Positive,
    PositiveOrInf,
    StepUnit,
)

NETWORK_SETTINGS = ("hiddens", "activation", "vf_share_layers", "normalize_obs")
"""The settings of a team that decide on the shape of its network."""

Hiddens = Annotated[
    tuple[Annotated[int, Field(strict=True, ge=1, le=8192)], ...], Field(max_length=16)
]
Budgeted = Annotated[int, Field(strict=True, ge=1, le=10**15)]
LrScheduleType = Literal["linear", "cosine", "exponential", "step"]


class TeamOverrides(Group):
    """PPO settings of one team; what is None follows the value of the same name in `ppo`."""

    lr: Positive | None = None
    gamma: Fraction | None = None
    lambda_: Fraction | None = None
    clip_param: Positive | None = None
    vf_clip_param: PositiveOrInf | None = None
    vf_loss_coeff: NonNegative | None = None
    entropy_coeff: NonNegative | None = None
    kl_coeff: NonNegative | None = None
    kl_target: Positive | None = None
    grad_clip: Positive | None = None
    num_epochs: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None
    minibatch_size: Count | None = None
    hiddens: Hiddens | None = None
    activation: Literal["tanh", "relu"] | None = None
    vf_share_layers: bool | None = None
    normalize_obs: bool | None = None
    lr_schedule_type: LrScheduleType | None = None
    lr_schedule_kwargs: dict[str, Number] | None = None
    lr_schedule_step_on: StepUnit | None = None


class TeamSettings(Group):
    """The resolved PPO settings of one team; the fields mean what `PPOGroup` says."""

    lr: float
    gamma: float
    lambda_: float
    clip_param: float
    vf_clip_param: float
    vf_loss_coeff: float
    entropy_coeff: float
    kl_coeff: float
    kl_target: float
    grad_clip: float
    num_epochs: int
    minibatch_size: int
    hiddens: tuple[int, ...]
    activation: str
    vf_share_layers: bool
    normalize_obs: bool
    lr_schedule_type: LrScheduleType | None
    lr_schedule_kwargs: dict[str, Number]
    lr_schedule_step_on: StepUnit


class PPOGroup(Group):
    """PPO: how much is collected, how it is learned from, and what is kept."""

    num_iterations: Count = 300
    """Iterations of a whole run."""
    num_episodes: Budgeted | None = None
    """Instead of it, finished episodes of a whole run, whose last iteration reaches them."""
    num_env_steps: Budgeted | None = None
    """Instead of it, environment steps of a whole run: one moves all agents of one world."""
    checkpoint_freq: Count = 10
    """Iterations between checkpoints; the last iteration is always saved."""
    checkpoint_dir: Place = "./checkpoints"
    """Where checkpoints live; relative to the working directory."""
    keep_last_n: CountOrNone = 10
    """Checkpoints kept; 0 keeps all. The latest, the best and the pinned are kept besides."""
    keep_best_n: CountOrNone = 0
    """So many of the best are kept besides."""
    keep_best_metric: Metric = "iteration"
    """What best goes by: a figure of the metadata."""
    keep_best_mode: Literal["max", "min"] = "max"
    """Whether more of it is better, or less."""
    keep_every: CountOrNone = 0
    """Checkpoints whose iteration is a multiple of this are kept besides; 0: no such rule."""
    rollout_length: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 128
    """Environment steps per world and iteration (T)."""
    reward_scale: Positive = 0.1
    """Factor on the rewards that are learned from; reported rewards are unscaled."""

    lr: Positive = 1e-3
    """Adam's learning rate."""
    gamma: Fraction = 0.98
    """Discount per step."""
    lambda_: Fraction = 0.95
    """GAE trace decay."""
    clip_param: Positive = 0.2
    """Clipping of the probability ratio."""
    vf_clip_param: PositiveOrInf = 10.0
    """Largest squared value error (of scaled returns) that still gives a gradient."""
    vf_loss_coeff: NonNegative = 0.5
    """Weight of the value loss."""
    entropy_coeff: NonNegative = 0.01
    """Weight of the entropy bonus, per nat of the joint action distribution."""
    kl_coeff: NonNegative = 0.0
    """First weight of the adaptive KL penalty; 0 turns it off."""
    kl_target: Positive = 0.01
    """KL per update (nats) that the adaptive penalty aims at."""
    grad_clip: Positive = 0.5
    """Largest global gradient norm per policy."""
    num_epochs: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 4
    """Passes over each batch."""
    minibatch_size: Count = 4096
    """Agent-steps of one team per gradient step and learner, as nearly as equal parts allow."""
    hiddens: Hiddens = (64, 64)
    """Widths of the hidden layers."""
    activation: Literal["tanh", "relu"] = "tanh"
    """Non-linearity between layers."""
    vf_share_layers: bool = False
    """Whether policy and value function share their hidden layers."""
    normalize_obs: bool = False
    """Standardize observations by running moments (saved with the weights)."""
    lr_schedule_type: LrScheduleType | None = None
    """How lr changes, as torch's schedulers do; None: `schedules.lr`, or not at all."""
    lr_schedule_kwargs: dict[str, Number] = Field(default_factory=dict)
    """final_lr_fraction (linear), eta_min_fraction (cosine), gamma, step_size."""
    lr_schedule_step_on: StepUnit = "epoch"
    """What counts as a step of it: an epoch, an update (gradient step) or an iteration.

    linear and cosine run over the iterations: a step moves them by its share of one.
    """

    seeker: TeamOverrides = TeamOverrides()
    """What differs for the seekers."""
    hider: TeamOverrides = TeamOverrides()
    """What differs for the hiders."""

    @model_validator(mode="after")
    def _one_budget(self) -> PPOGroup:
        if self.num_episodes is not None and self.num_env_steps is not None:
            raise ValueError("num_episodes and num_env_steps exclude each other; set one to null")
        return self

    @property
    def retention(self) -> Retention:
        """Which checkpoints are kept."""
        return Retention(
            self.keep_last_n,
            self.keep_best_n,
            self.keep_best_metric,
            self.keep_best_mode,
            self.keep_every,
        )

    def team(self, name: str) -> TeamSettings:
        """The settings of one team, its overrides applied."""
        overrides: TeamOverrides = getattr(self, name)
        resolved = {
            field: getattr(self, field) if value is None else value for field, value in overrides
        }
        return TeamSettings(**resolved)


class ConfigGroups(Group):
    """Every group by itself; `Config` also sees that they fit together."""

    env: HideAndSeekConfig = HideAndSeekConfig()
    ppo: PPOGroup = PPOGroup()
    schedules: SchedulesGroup = SchedulesGroup()
    ray: RayGroup = RayGroup()
    train: TrainGroup = TrainGroup()
    tracking: TrackingGroup = TrackingGroup()
    initialization: InitializationGroup = InitializationGroup()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None, source: str = "config") -> Self:
        """Validate plain nested values (as from YAML).

        Raises:
            ConfigError: naming `source`, the key, the value and, for an unknown key, the nearest
            one.
        """
        if values is None:
            values = {}
        if not isinstance(values, Mapping):
            raise ConfigError(f"{source}: expected groups of keys, found {type(values).__name__}")
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            if (meant := as_yaml_1_2(values, error)) is not None:
                return cls.from_dict(meant, source)
            text = explain(error, known_keys())
            raise ConfigError(f"{source}: {text}", keys=error_keys(error)) from None

    def to_dict(self) -> dict[str, Any]:
        """Plain nested values with every key; `from_dict` gives an equal configuration."""
        return self.model_dump(mode="json")


class Config(ConfigGroups):
    """The whole configuration; the groups appear in `config.yaml` under these names."""

    @model_validator(mode="after")
    def _minibatch_fits(self) -> Config:
        shard = self.ppo.rollout_length * self.ray.num_envs // max(1, self.ray.num_learners)
        for name in TEAMS:
            rows = shard * getattr(self.env.resolved(), f"num_{name}s")
            size = self.ppo.team(name).minibatch_size
            if size > rows:
                raise ValueError(
                    f"ppo.minibatch_size = {size} is more than the {rows} agent-steps that the "
                    f"{name}s give a learner per iteration; lower it or raise ppo.rollout_length"
                )
        return self

    @property
    def game(self) -> HideAndSeekConfig:
        """`env` with every None resolved; the discount of the shaping is then the learner's."""
        gamma = self.env.shaping_gamma
        if gamma is None:
            gamma = self.ppo.team(TEAMS[0]).gamma
        return self.env.resolved().model_copy(update={"shaping_gamma": gamma})

    @model_validator(mode="after")
    def _one_discount_of_the_shaping(self) -> Config:
        gammas = {name: self.ppo.team(name).gamma for name in TEAMS}
        shaped = self.env.shaping_beta > 0 or self.schedules.env.get("shaping_beta") is not None
        if shaped and self.env.shaping_gamma is None and len(set(gammas.values())) > 1:
            found = ", ".join(f"{name} {gamma:g}" for name, gamma in gammas.items())
            raise ValueError(
                f"env.shaping_gamma = null means the learner's gamma, but the teams' differ "
                f"({found}); give env.shaping_gamma a number"
            )
        return self

    @model_validator(mode="after")
    def _schedules_are_possible(self) -> Config:
        schedules_of(self)
        return self


def known_keys() -> list[str]:
    """All that can be set: dotted keys, groups, and those of a schedule."""
    keys = _keys_of(Config)
    schedules = [
        key
        for key in keys
        if key.startswith("schedules.") and key not in ("schedules.seeker", "schedules.hider")
    ]
    nested = [f"{key}.{field}" for key in schedules for field in ScheduleSpec.model_fields]
    groups = [key for key in keys if any(other.startswith(f"{key}.") for other in keys)]
    return [*(key for key in keys if key not in groups), *groups, *nested]


def _keys_of(group: type[BaseModel], prefix: str = "") -> list[str]:
    """The dotted keys of a group and of those in it."""
    keys = []
    for name, field in group.model_fields.items():
        keys.append(f"{prefix}{name}")
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys += _keys_of(inner, f"{prefix}{name}.")
    return keys
