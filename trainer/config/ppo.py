"""The group `ppo`: the settings of a team, given for both teams or for one, and those of a run."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_type_hints

from pydantic import Field, create_model, model_validator

from trainer.config.types import (
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

NETWORK_SETTINGS = ("hiddens", "activation", "vf_share_layers", "critic", "normalize_obs")
"""The settings of a team that decide on the shape of its network."""

Hiddens = Annotated[
    tuple[Annotated[int, Field(strict=True, ge=1, le=8192)], ...], Field(max_length=16)
]
Budgeted = Annotated[int, Field(strict=True, ge=1, le=10**15)]


class TeamSettings(Group):
    """How the policy of one team is built and learned."""

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
    critic: Literal["obs", "state"] = "obs"
    """What the value function reads: the agent's observation, or the state that the game offers."""
    normalize_obs: bool = False
    """Standardize observations by running moments (saved with the weights)."""
    lr_schedule_type: Literal["linear", "cosine", "exponential", "step"] | None = None
    """How lr changes, as torch's schedulers do; None: `schedules.lr`, or not at all."""
    lr_schedule_kwargs: dict[str, Number] = Field(default_factory=dict)
    """final_lr_fraction (linear), eta_min_fraction (cosine), gamma, step_size."""
    lr_schedule_step_on: StepUnit = "epoch"
    """What counts as a step of it: an epoch, an update (gradient step) or an iteration.

    linear and cosine run over the iterations: a step moves them by its share of one.
    """


def _optional_team_settings() -> type[Group]:
    """A group with the fields of `TeamSettings`, all of them None."""
    hints = get_type_hints(TeamSettings, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints[name] | None, None) for name in TeamSettings.model_fields
    }
    return create_model("_OptionalTeamSettings", __base__=Group, **fields)


class TeamOverrides(_optional_team_settings()):  # type: ignore[misc]  # the base is made here
    """`TeamSettings` of one team alone; None takes the value of the same name in `ppo`."""


class RunSettings(Group):
    """How long a run is, how much it collects, and which checkpoints it keeps."""

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
    """Checkpoints kept; 0 keeps all. The latest, the best and the pinned are always kept."""
    keep_best_n: CountOrNone = 0
    """Best checkpoints that are also kept."""
    keep_best_metric: Metric | None = None
    """The number of the metadata that decides which are best; None: `evaluation.best`."""
    keep_best_mode: Literal["max", "min"] = "max"
    """Whether more of it is better, or less; for `keep_best_metric` alone."""
    keep_every: CountOrNone = 0
    """Checkpoints whose iteration is a multiple of this are also kept; 0: no such rule."""
    rollout_length: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 128
    """Environment steps per world and iteration (T)."""
    reward_scale: Positive = 0.1
    """Factor on the rewards that are learned from; reported rewards are unscaled."""

    @model_validator(mode="after")
    def _one_budget(self) -> RunSettings:
        if self.num_episodes is not None and self.num_env_steps is not None:
            raise ValueError("num_episodes and num_env_steps exclude each other; set one to null")
        return self

    @model_validator(mode="after")
    def _mode_of_a_metric(self) -> RunSettings:
        if self.keep_best_metric is None and self.keep_best_mode != "max":
            raise ValueError(
                f"keep_best_mode = {self.keep_best_mode} is the mode of keep_best_metric, which is "
                "null; set evaluation.best_mode"
            )
        return self


class SharedPPOGroup(TeamSettings, RunSettings):  # the fields of the last base come first
    """PPO for any teams: a field of a team's name holds what differs for it."""

    def team(self, name: str) -> TeamSettings:
        """The settings of one team, its overrides applied."""
        own: Group = getattr(self, name)
        return TeamSettings(
            **{key: getattr(self, key) if value is None else value for key, value in own}
        )


class PPOGroup(SharedPPOGroup):
    """PPO: how much is collected, how it is learned from, and what is kept."""

    seeker: TeamOverrides = TeamOverrides()
    """What differs for the seekers."""
    hider: TeamOverrides = TeamOverrides()
    """What differs for the hiders."""
