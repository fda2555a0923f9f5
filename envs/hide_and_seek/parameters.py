"""Which numbers of a game may change while it is played, and the settings that a change means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from envs.hide_and_seek.levels import LEVELS
from envs.hide_and_seek.word_hints import did_you_mean

if TYPE_CHECKING:
    from envs.hide_and_seek.config import ResolvedConfig

REWARD_SETTINGS = (
    "reward_unseen",
    "reward_seen",
    "reward_early_catch",
    "reward_perfect_hide",
    "reward_moving",
    "shaping_beta",
    "shaping_cover",
    "shaping_gamma",
)
"""What a step pays. They are no rules of the game: a world in mid-episode can be given others."""

TIMES = ("prep_steps", "episode_steps")
STAGE = "stage"

SCHEDULABLE = (
    "prep_steps",
    "prep_share",
    "episode_steps",
    "vision_angle",
    "vision_range",
    "lidar_range",
    *REWARD_SETTINGS,
)
"""What may change while a game is played. `prep_share` is prep_steps / episode_steps; the rest of
the settings decide on arrays and arenas, which stay. See `names_of`."""


def names_of(game: ResolvedConfig) -> tuple[str, ...]:
    """The names of a game's parameters: those of `SCHEDULABLE`, and the stage of a curriculum.

    Times that are each level's own are not among them.
    """
    own = {*game.own_times, "prep_share"} if game.own_times else set()
    stage = () if game.curriculum is None else (STAGE,)
    return (*(name for name in SCHEDULABLE if name not in own), *stage)


def settings_of(game: ResolvedConfig, values: Mapping[str, float]) -> dict[str, float]:
    """The settings of a game that follow from new values of its parameters; not yet checked.

    Raises:
        ValueError: naming an unknown parameter and the nearest one, or two that exclude each other.
    """
    for name in values:
        if name not in names_of(game):
            raise ValueError(f"{name!r} cannot change while playing; {_why_not(game, name)}")
    if "prep_share" in values and "prep_steps" in values:
        raise ValueError("prep_share and prep_steps exclude each other")
    wanted: dict[str, float] = dict(values)
    if "prep_share" in wanted:
        steps = round(wanted.get("episode_steps", game.episode_steps))
        wanted["prep_steps"] = wanted.pop("prep_share") * float(steps)
    wanted |= {name: round(wanted[name]) for name in (*TIMES, STAGE) if name in wanted}
    if wanted.get(STAGE, -1) in range(len(game.levels)):
        level = LEVELS[game.levels[int(wanted[STAGE])]]
        wanted |= {name: getattr(level, name) for name in game.own_times}
    return wanted


def _why_not(game: ResolvedConfig, name: str) -> str:
    if name == STAGE:
        return "there is no curriculum"
    if name in SCHEDULABLE:
        return f"without a number for {' and '.join(TIMES)}, it is each level's own in a curriculum"
    return did_you_mean(name, names_of(game))
