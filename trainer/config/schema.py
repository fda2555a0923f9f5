"""The configuration schema: all groups, and the rules between them; unknown keys are refused.

`trainer/config/loading.py` reads it from YAML and the command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ValidationError, model_validator

from envs.game import GameSettings
from envs.hide_and_seek.config import HideAndSeekConfig, ResolvedConfig
from envs.hide_and_seek.contents import Contents
from envs.hide_and_seek.players.anchors import anchors_of
from envs.hide_and_seek.spaces import STAGES
from trainer.checkpoints.metadata import EVALUATION
from trainer.checkpoints.retention import Retention
from trainer.config.evaluation_keys import PAST, evaluation_keys
from trainer.config.explain import error_keys, explain
from trainer.config.initialization import InitializationGroup
from trainer.config.ppo import PPOGroup
from trainer.config.run_groups import (
    EvaluationGroup,
    OpponentsGroup,
    RayGroup,
    TrackingGroup,
    TrainGroup,
)
from trainer.config.schedule_rules import promotion_of, schedules_of
from trainer.config.schedule_spec import SchedulesGroup, ScheduleSpec
from trainer.config.types import TEAMS, ConfigError, Group
from trainer.config.yaml_numbers import with_numbers
from trainer.schedules.curves import Schedule


class ConfigGroups(Group):
    """Every group by itself; `Config` also checks that they fit together."""

    env: HideAndSeekConfig = HideAndSeekConfig()
    ppo: PPOGroup = PPOGroup()
    schedules: SchedulesGroup = SchedulesGroup()
    evaluation: EvaluationGroup = EvaluationGroup()
    ray: RayGroup = RayGroup()
    train: TrainGroup = TrainGroup()
    opponents: OpponentsGroup = OpponentsGroup()
    tracking: TrackingGroup = TrackingGroup()
    initialization: InitializationGroup = InitializationGroup()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None, source: str = "config") -> Self:
        """The configuration in plain nested values (as from YAML).

        Raises:
            ConfigError: naming `source`, the key, the value and, if unknown, the nearest key.
        """
        if values is None:
            values = {}
        if not isinstance(values, Mapping):
            raise ConfigError(f"{source}: expected groups of keys, found {type(values).__name__}")
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            if (meant := with_numbers(values, error)) is not None:
                return cls.from_dict(meant, source)
            text = explain(error, known_keys(cls))
            raise ConfigError(f"{source}: {text}", keys=error_keys(error)) from None

    def to_dict(self) -> dict[str, Any]:
        """Plain nested values with every key; `from_dict` gives an equal configuration."""
        return self.model_dump(mode="json")

    @property
    def retention(self) -> Retention:
        """Which checkpoints are kept; `ppo.keep_best_metric` is the best's, if there is one."""
        ppo, metric, mode = self.ppo, self.evaluation.best_metric, self.evaluation.best_mode
        if ppo.keep_best_metric is not None:
            metric, mode = ppo.keep_best_metric, ppo.keep_best_mode
        return Retention(ppo.keep_last_n, ppo.keep_best_n, metric, mode, ppo.keep_every)


class Config(ConfigGroups):
    """The whole configuration; the groups appear in `config.yaml` under these names."""

    @model_validator(mode="after")
    def _minibatch_fits(self) -> Config:
        shard = self.ppo.rollout_length * self.ray.num_envs // max(1, self.ray.num_learners)
        for name, agents in self.played.team_sizes.items():
            rows = shard * agents
            size = self.ppo.team(name).minibatch_size
            if size > rows:
                raise ValueError(
                    f"ppo.minibatch_size = {size} is more than the {rows} agent-steps that team "
                    f"{name!r} gives a learner per iteration; lower "
                    "ppo.minibatch_size, or raise ppo.rollout_length or ray.num_envs_per_env_runner"
                )
        return self

    @model_validator(mode="after")
    def _critics_have_their_own_layers(self) -> Config:
        for name in self.played.team_sizes:
            settings = self.ppo.team(name)
            if settings.critic == "state" and settings.vf_share_layers:
                raise ValueError(
                    f"ppo.critic = state and ppo.vf_share_layers = true (team {name!r}): layers "
                    "that read the state cannot be shared with the policy, which only sees the "
                    "observation; set ppo.vf_share_layers to false"
                )
        return self

    @model_validator(mode="after")
    def _best_metric_is_measured(self) -> Config:
        game, met = self.played, self.opponents_met
        for key, metric in (
            ("ppo.keep_best_metric", self.ppo.keep_best_metric),
            ("evaluation.best", self.evaluation.best),
        ):
            if metric in STAGES and metric not in game.metrics:
                raise ValueError(
                    f"{key} = {metric} is not measured at {game.label}, which has none "
                    "of the boxes, ramps or doors that it tells of"
                )
            if metric and metric.startswith(EVALUATION) and metric not in evaluation_keys(met):
                raise ValueError(f"{key} = {metric} is not measured: {_told(met)}")
        return self

    @model_validator(mode="after")
    def _opponents_need_two_teams(self) -> Config:
        teams = len(self.played.team_sizes)
        if self.opponents.share > 0 and teams != 2:
            raise ValueError(
                f"opponents.share = {self.opponents.share:g} needs a game of two teams, and "
                f"{self.played.label!r} has {teams}; set opponents.share to 0"
            )
        return self

    @property
    def opponents_met(self) -> dict[str, tuple[str, ...]]:
        """The names of the opponents of each team in an evaluation; empty: there is none."""
        if self.evaluation.every is None:
            return {}
        past = (PAST,) if self.evaluation.past else ()
        env = self.env
        contents = Contents.of(env.levels[-1:], env.num_boxes, env.num_ramps)
        return {team: (*names, *past) for team, names in anchors_of(contents).items()}

    @property
    def keeps_opponents(self) -> bool:
        """Whether earlier policies are kept, to learn against or to be evaluated against."""
        evaluated = any(PAST in names for names in self.opponents_met.values())
        return self.opponents.share > 0 or evaluated

    @property
    def game(self) -> ResolvedConfig:
        """`env` with every None resolved; the discount of the shaping is then the learner's."""
        gamma = self.env.shaping_gamma
        if gamma is None:
            gamma = self.ppo.team(TEAMS[0]).gamma
        return self.env.resolved().model_copy(update={"shaping_gamma": gamma})

    @property
    def played(self) -> GameSettings:
        """The game as the trainer sees it, which may be another one (`trainer.config.own_game`)."""
        return self.game

    @model_validator(mode="after")
    def _one_discount_of_the_shaping(self) -> Config:
        gammas = {name: self.ppo.team(name).gamma for name in TEAMS}
        weights = ("shaping_beta", "shaping_cover")
        shaped = any(getattr(self.env, name) > 0 or name in self.schedules.env for name in weights)
        if shaped and self.env.shaping_gamma is None and len(set(gammas.values())) > 1:
            found = ", ".join(f"{name} {gamma:g}" for name, gamma in gammas.items())
            raise ValueError(
                f"env.shaping_gamma = null means the learner's gamma, but the teams' differ "
                f"({found}); give env.shaping_gamma a number"
            )
        return self

    @cached_property
    def configured_schedules(self) -> Mapping[str, Schedule]:
        """The schedules that are asked for, by setting ("seeker/lr", "env/vision_angle")."""
        return schedules_of(self.played, self.ppo, self.schedules)

    @model_validator(mode="after")
    def _schedules_are_possible(self) -> Config:
        promotion_of(self.played, self.configured_schedules)
        return self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("configured_schedules", None)  # they may be others now
        return copied


def _told(opponents: Mapping[str, Sequence[str]]) -> str:
    """Whom the teams meet in an evaluation."""
    if not opponents:
        return "there is no evaluation (evaluation.every = null)"
    return "; ".join(f"{team}s meet {', '.join(names)}" for team, names in opponents.items())


def known_keys(schema: type[ConfigGroups] = ConfigGroups) -> list[str]:
    """Every dotted key that can be set, then the groups, then the keys inside of schedules."""
    keys = _keys_of(schema)
    groups = [key for key in keys if any(other.startswith(f"{key}.") for other in keys)]
    schedules = [key for key in keys if key.startswith("schedules.") and key not in groups]
    nested = [f"{key}.{field}" for key in schedules for field in ScheduleSpec.model_fields]
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
