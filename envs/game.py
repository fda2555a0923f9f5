"""A game for the trainer: its worlds, and what is recorded and scheduled of it.

game = Game("tug_of_war", TugOfWarEnv)
trainer, config = create_ppo_trainer({"ppo": {"lr": 1e-3}}, game=game)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from envs.batch_env import BatchEnv, GameSpec
from envs.game_shape import GameMistake, build
from envs.trial import try_game

GAME = "game"
"""The key of a game's name among its rules."""
RESERVED = ("env", "evaluation", "game", "newest", "opponents", "time")
"""What no team can be called: metrics and schedules that are of no team begin so."""


class GameSettings(Protocol):
    """What the trainer asks of a game, hide and seek or another, before any world is built."""

    @property
    def team_sizes(self) -> dict[str, int]:
        """The agents of a world, by team."""

    @property
    def episode_steps(self) -> int:
        """Usual length of an episode in steps."""

    @property
    def parameters(self) -> Mapping[str, float]:
        """The numbers that may be scheduled, with the values that hold otherwise."""

    @property
    def action_choices(self) -> tuple[str, ...]:
        """The names of the L action choices; empty: they have none."""

    @property
    def spec(self) -> GameSpec:
        """The teams and the statistics of an episode."""

    @property
    def metrics(self) -> Mapping[str, str]:
        """The statistics that are reported as they are: metric -> statistic."""

    @property
    def reward_stats(self) -> tuple[str, ...]:
        """The statistics that `reward_mean` is the mean of."""

    @property
    def rules(self) -> Mapping[str, Any]:
        """What the state of a world depends on: it makes no sense under other rules."""

    @property
    def record(self) -> Mapping[str, Any]:
        """All settings, as they are tracked."""

    @property
    def label(self) -> str:
        """The game in one word, for the name of a run."""

    @property
    def title(self) -> str:
        """The game in a few words."""

    def with_parameters(self, values: Mapping[str, float]) -> GameSettings:
        """The game as it is played with other numbers; ValueError if it cannot be."""


@dataclass(frozen=True)
class Game:
    """A game of one's own; hide and seek has its settings in the configuration instead.

    Attributes:
        name: part of run names and checkpoints.
        make_env: number of worlds -> BatchEnv. Picklable if remote env runners play it. It is
            called here, to read the teams and to try a few steps (`envs.trial`).
        settings: plain values that the worlds depend on, recorded with every checkpoint: a run
            that is resumed with other settings starts its worlds afresh.
        parameters: the numbers that `BatchEnv.set_parameters` takes, which `schedules.env` may
            change, with the values that hold otherwise.
        episode_steps: usual length of an episode in steps; with `ppo.num_episodes`, schedules are
            planned by it.
        spec: the teams and statistics that the worlds have. The statistics hold "length" and, for
            every team, "<team>_return": steps and mean return per agent of the episode.

    Raises:
        ValueError: a name or setting cannot be used.
        GameMistake: the worlds do not keep a rule of `BatchEnv`.
    """

    name: str
    make_env: Callable[[int], BatchEnv]
    settings: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    episode_steps: int = 1
    spec: GameSpec = field(init=False)

    def __post_init__(self) -> None:
        env = build(self.name, self.make_env)
        object.__setattr__(self, "spec", GameSpec(tuple(env.teams), tuple(env.stat_names)))
        for name in (self.name, *self.team_sizes):
            if not (name.isidentifier() and name.islower()) or name in RESERVED:
                raise ValueError(f"{name!r} is no name of a game or a team; use a-z, 0-9 and _")
        for needed in ("length", *self.reward_stats):
            if needed not in self.spec.stat_names:
                given = ", ".join(map(repr, self.spec.stat_names)) or "empty"
                raise GameMistake(
                    f"game {self.name!r}: stat_names lack {needed!r}; they are {given}"
                )
        if GAME in self.settings:
            raise ValueError(f"settings cannot hold {GAME!r}: that is the name of the game")
        try:  # as they will be read back
            plain = json.loads(json.dumps(dict(self.settings), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ValueError(f"settings must be plain values: {error}") from None
        object.__setattr__(self, "settings", plain)
        try_game(self.name, self.make_env, env, self.parameters)

    @property
    def team_sizes(self) -> dict[str, int]:
        """The agents of a world, by team."""
        return {team.name: team.num_agents for team in self.spec.teams}

    @property
    def action_choices(self) -> tuple[str, ...]:
        """See `GameSettings`; they have no names, so their logits cannot be biased."""
        return ()

    @property
    def metrics(self) -> dict[str, str]:
        """See `GameSettings`; every statistic that is not the length or a return, as game/NAME."""
        known = {"length", *self.reward_stats}
        return {f"game/{name}": name for name in self.spec.stat_names if name not in known}

    @property
    def reward_stats(self) -> tuple[str, ...]:
        """See `GameSettings`; the returns of all teams."""
        return tuple(f"{team}_return" for team in self.team_sizes)

    @property
    def rules(self) -> dict[str, Any]:
        """What `env` holds in the configuration of a run: the name of the game, its settings."""
        return {GAME: self.name, **self.settings}

    @property
    def record(self) -> dict[str, Any]:
        """See `GameSettings`."""
        return self.rules

    @property
    def label(self) -> str:
        """See `GameSettings`."""
        return self.name

    @property
    def title(self) -> str:
        """See `GameSettings`."""
        return f"{self.name}: {', '.join(f'{n} {team}' for team, n in self.team_sizes.items())}"

    def with_parameters(self, values: Mapping[str, float]) -> Game:
        """See `GameSettings`; whether a value is possible is left to the worlds."""
        for name in values:
            if name not in self.parameters:
                raise ValueError(f"{name!r} is none of the game's parameters {[*self.parameters]}")
        return self
