"""The configuration of a run of another game: the same groups, with the names of its teams.

`env` holds what identifies the game and is not set by hand; `ppo.<team>` and `schedules.<team>`
hold what differs for a team.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, create_model, model_validator

from envs.game import Game
from trainer.config.ppo import SharedPPOGroup, TeamOverrides
from trainer.config.run_groups import AlternateGroup, TrainGroup
from trainer.config.schedule_spec import SharedSchedulesGroup, TeamSchedules
from trainer.config.schema import Config


class OwnGameConfig(Config):
    """A `Config` whose game is not hide and seek; `config_class` makes one for each game."""

    own_game: ClassVar[Game]

    @property
    def played(self) -> Game:
        """The game that is trained."""
        return self.own_game

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
        ValueError: a team is called like a setting.
    """
    teams = tuple(game.team_sizes)
    for team in teams:
        if team in SharedPPOGroup.model_fields or team in SharedSchedulesGroup.model_fields:
            raise ValueError(f"no team can be called {team!r}: a setting is called so")
    overrides: Mapping[str, Any] = dict.fromkeys(teams, (TeamOverrides, TeamOverrides()))
    schedules: Mapping[str, Any] = dict.fromkeys(teams, (TeamSchedules, TeamSchedules()))
    ppo = create_model("PPOGroup", __base__=SharedPPOGroup, **overrides)
    scheduled = create_model("SchedulesGroup", __base__=SharedSchedulesGroup, **schedules)
    first: Any = (Literal[teams], teams[0])
    alternate = create_model("AlternateGroup", __base__=AlternateGroup, first=first)
    train = create_model("TrainGroup", __base__=TrainGroup, alternate=(alternate, alternate()))
    made = create_model(
        "OwnGameConfig",
        __base__=OwnGameConfig,
        env=(dict[str, Any], Field(default_factory=lambda: dict(game.rules))),
        ppo=(ppo, ppo()),
        schedules=(scheduled, scheduled()),
        train=(train, train()),
    )
    made.own_game = game
    return made
