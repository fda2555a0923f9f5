"""The configuration of a run of another game: the same groups, with the names of its teams.

`env` holds what identifies the game and is not set by hand; `ppo.<team>` and `schedules.<team>`
hold what differs for a team.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, create_model, model_validator

from envs.game import Game
from trainer.checkpoints.metadata import COUNT_KEYS
from trainer.checkpoints.safe_io.redaction import has_credentials
from trainer.config.ppo import SharedPPOGroup, TeamOverrides
from trainer.config.run_groups import AlternateGroup, EvaluationGroup, TrainGroup
from trainer.config.schedule_spec import SharedSchedulesGroup, TeamSchedules
from trainer.config.schema import Config
from trainer.config.types import metric_among


class OwnGameConfig(Config):
    """A `Config` whose game is not hide and seek; `config_class` makes one for each game."""

    own_game: ClassVar[Game]

    @property
    def played(self) -> Game:
        """The game that is trained."""
        return self.own_game

    @property
    def opponents_met(self) -> dict[str, tuple[str, ...]]:
        """None: nobody else can play it."""
        return {}

    @model_validator(mode="after")
    def _one_discount_of_the_shaping(self) -> OwnGameConfig:
        return self  # shaping is the matter of the game itself

    @model_validator(mode="after")
    def _env_is_of_the_game(self) -> OwnGameConfig:
        if dict(self)["env"] != self.own_game.rules:  # plain values here, unlike in the base
            raise ValueError(
                f"env must be left out or {self.own_game.rules}: give other settings to Game(...)"
            )
        return self


def config_class(game: Game) -> type[OwnGameConfig]:
    """The class of the configurations of a game.

    Raises:
        ValueError: a team is called like a setting, or the game's settings hold credentials.
    """
    if has_credentials(json.dumps(game.rules)):
        raise ValueError("the settings of a game are saved, so they must not hold credentials")
    teams = tuple(game.team_sizes)
    for team in teams:
        if team in SharedPPOGroup.model_fields or team in SharedSchedulesGroup.model_fields:
            raise ValueError(f"no team can be called {team!r}: a setting is called so")
    overrides: Mapping[str, Any] = dict.fromkeys(teams, (TeamOverrides, TeamOverrides()))
    schedules: Mapping[str, Any] = dict.fromkeys(teams, (TeamSchedules, TeamSchedules()))
    metric: Any = (Annotated[str, metric_among(_metrics(game))], "iteration")
    ppo = create_model("PPOGroup", __base__=SharedPPOGroup, keep_best_metric=metric, **overrides)
    scheduled = create_model("SchedulesGroup", __base__=SharedSchedulesGroup, **schedules)
    first: Any = (Literal[teams], teams[0])
    alternate = create_model("AlternateGroup", __base__=AlternateGroup, first=first)
    never: Any = (EvaluationGroup.model_fields["every"].annotation, None)
    evaluation = create_model("EvaluationGroup", __base__=EvaluationGroup, every=never)
    train = create_model("TrainGroup", __base__=TrainGroup, alternate=(alternate, alternate()))
    made = create_model(
        "OwnGameConfig",
        __base__=OwnGameConfig,
        env=(dict[str, Any], Field(default_factory=lambda: dict(game.rules))),
        ppo=(ppo, ppo()),
        schedules=(scheduled, scheduled()),
        evaluation=(evaluation, evaluation()),
        train=(train, train()),
    )
    made.own_game = game
    return made


def _metrics(game: Game) -> tuple[str, ...]:
    """The numbers that the metadata of a checkpoint has."""
    rewards = (f"{team}_reward" for team in game.team_sizes)
    means = ("reward_mean", *rewards, "episode_len_mean", *game.metrics)
    return ("iteration", *means, *COUNT_KEYS)
