"""The settings of a hide-and-seek game, checked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from envs.hide_and_seek.levels import LEVELS
from envs.hide_and_seek.spaces import BOX_SLOTS, HEADS, RAMP_SLOTS, STAT_NAMES

if TYPE_CHECKING:
    from envs.batch_env import GameSpec


MAX_TEAM = 3
MAX_REWARD = 1000.0
MAX_STEPS = 100_000  # of an episode
SHAPING_GAMMA = 0.98  # of a game that is played without a learner
MAX_LAYOUTS = 4096
_MAX_BETA = 1000.0

# Strict: no text or truth value is a number.
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
TeamSize = Annotated[int, Field(strict=True, ge=1, le=MAX_TEAM)]
PrepSteps = Annotated[int, Field(strict=True, ge=0)]
EpisodeSteps = Annotated[int, Field(strict=True, ge=1, le=MAX_STEPS)]
Distance = Annotated[Finite, Field(ge=0.01)]
Reward = Annotated[Finite, Field(ge=0.0, le=MAX_REWARD)]
Discount = Annotated[Finite, Field(ge=0.0, le=1.0)]

UNKNOWN_SETTING = "unknown_setting"
"""The type of pydantic's error for a name that is no setting of the game; its context has `key`."""

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
the settings decide on arrays and arenas, which stay."""


def nearest(word: str, known: list[str], alike: float = 0.0) -> str:
    """The known word most like `word`, for an error message.

    Words that are less than `alike` (0 to 1) do not count; "" if there is none.
    """
    folded = {name.lower(): name for name in known}
    word = word.lower()
    close = difflib.get_close_matches(word, list(folded), n=3, cutoff=alike)
    if not close:
        return ""

    def likeness(name: str) -> tuple[float, int]:
        """Among equals the one that begins alike: vision_angel is vision_angle, not _range."""
        ratio = difflib.SequenceMatcher(None, name, word).ratio()
        same = takewhile(lambda pair: pair[0] == pair[1], zip(name, word, strict=False))
        return ratio, len(list(same))

    return folded[max(close, key=likeness)]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown word."""
    words = list(known)
    return f"did you mean {nearest(word, words)!r}? (known: {', '.join(words)})"


class HideAndSeekConfig(BaseModel):
    """One game. None means the level's own value (`resolved()` fills it in)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: str = "L0"
    """L0 pillars, L1 a room with a door and a box, L2 a quadrant with 2 boxes, L3 random rooms with
    3-4 boxes, L4 the same with 2 ramps, Q the quadrant with a ramp of Baker et al. 2019."""
    num_seekers: TeamSize | None = None
    """1 to 3."""
    num_hiders: TeamSize | None = None
    """1 to 3."""
    prep_steps: PrepSteps | None = None
    """Steps at the start in which the seekers are frozen and blind; fewer than episode_steps."""
    episode_steps: EpisodeSteps | None = None
    """Length of an episode in steps, preparation included."""
    num_boxes: Annotated[int, Field(strict=True, ge=0, le=BOX_SLOTS)] | None = None
    """0 to 4. Boxes that the level does not have of itself are cubes and start anywhere."""
    num_ramps: Annotated[int, Field(strict=True, ge=0, le=RAMP_SLOTS)] | None = None
    """0 to 2."""
    vision_angle: Annotated[Finite, Field(gt=0.0, le=360.0)] = 135.0
    """Full angle of the vision cone in degrees."""
    vision_range: Distance = 17.0
    """How far an agent sees, meters; the arena's diagonal is just under 17."""
    lidar_range: Distance = 8.0
    """What a lidar ray reports when it hits nothing nearer, meters."""
    num_layouts: Annotated[int, Field(strict=True, ge=1, le=MAX_LAYOUTS)] = 64
    """How many arenas the layout bank holds; an episode draws one of them."""
    layout_seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)] = 0
    """The bank is a function of this, the level and num_layouts."""
    reward_unseen: Reward = 1.0
    """For each hider, per step after the preparation in which none is seen; the seekers pay it."""
    reward_seen: Reward = 1.0
    """For each seeker, per step after the preparation in which a hider is seen; the hiders pay."""
    reward_early_catch: Reward = 0.0
    """For each seeker at the first sight of a hider, times the share of the seeking steps that was
    left; the hiders pay it."""
    reward_perfect_hide: Reward = 0.0
    """For each hider at the end of an episode in which none was seen; the seekers pay it."""
    reward_moving: Annotated[Finite, Field(ge=-MAX_REWARD, le=MAX_REWARD)] = 0.0
    """For the agent itself, per meter it moved; below 0 it is a price. Not zero-sum."""
    shaping_beta: Annotated[Finite, Field(ge=0.0, le=_MAX_BETA)] = 0.0
    """Weight of the distance shaping; 0 = off (no distance tables are built)."""
    shaping_cover: Annotated[Finite, Field(ge=0.0, le=_MAX_BETA)] = 0.0
    """Weight of the cover shaping: the share of the hiders that walls and boxes hide; 0 = off."""
    shaping_gamma: Discount | None = None
    """Discount inside the shaping term; None = the learner's, with which no optimum changes."""

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest_key(cls, data: Any) -> Any:
        if isinstance(data, dict):
            known = list(cls.model_fields)
            for key in data:
                if key not in cls.model_fields:
                    near = nearest(str(key), known, alike=0.6)
                    hint = f"; did you mean {near!r}?" if near else f" (known: {', '.join(known)})"
                    raise PydanticCustomError(
                        UNKNOWN_SETTING,
                        "{shown} is not a game setting{hint}",
                        {"key": str(key), "shown": repr(key), "hint": hint},
                    )
        return data

    @field_validator("level")
    @classmethod
    def _known_level(cls, level: str) -> str:
        if level not in LEVELS:
            raise ValueError(f"level {level!r} is unknown; {did_you_mean(level, LEVELS)}")
        return level

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        level = LEVELS[self.level]
        prep = level.prep_steps if self.prep_steps is None else self.prep_steps
        steps = level.episode_steps if self.episode_steps is None else self.episode_steps
        if prep >= steps:
            raise ValueError(
                f"prep_steps must be from 0 to episode_steps - 1 = {steps - 1}, got {prep}"
            )
        return self

    def resolved(self) -> ResolvedConfig:
        """The same game with the level's values in place of every None."""
        level = LEVELS[self.level]
        names = ("num_seekers", "num_hiders", "prep_steps", "episode_steps")
        standard = {name: getattr(level, name) for name in names}
        standard |= {"shaping_gamma": SHAPING_GAMMA}
        return ResolvedConfig.model_validate(standard | self.model_dump(exclude_none=True))

    def with_parameters(self, values: Mapping[str, float]) -> Self:
        """The same game with other numbers of `SCHEDULABLE`, checked; steps are rounded.

        Raises:
            ValueError: naming an unknown parameter and the nearest one, or a value out of bounds.
        """
        for name in values:
            if name not in SCHEDULABLE:
                hint = did_you_mean(name, SCHEDULABLE)
                raise ValueError(f"{name!r} cannot change while playing; {hint}")
        if "prep_share" in values and "prep_steps" in values:
            raise ValueError("prep_share and prep_steps exclude each other")
        wanted: dict[str, float] = dict(values)
        if "episode_steps" in wanted:
            wanted["episode_steps"] = round(wanted["episode_steps"])
        if "prep_share" in wanted:
            steps = wanted.get("episode_steps", self.resolved().episode_steps)
            wanted["prep_steps"] = wanted.pop("prep_share") * float(steps)
        if "prep_steps" in wanted:
            wanted["prep_steps"] = round(wanted["prep_steps"])
        try:
            return type(self).model_validate(self.model_dump() | wanted)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            text = problem["msg"].removeprefix("Value error, ").replace("Input should", "must")
            name = ".".join(map(str, problem["loc"]))
            raise ValueError(f"{name} {text}".strip()) from None


class ResolvedConfig(HideAndSeekConfig):
    """A game without None: what `HideAndSeekConfig.resolved` returns."""

    num_seekers: TeamSize
    num_hiders: TeamSize
    prep_steps: PrepSteps
    episode_steps: EpisodeSteps
    shaping_gamma: Discount

    def resolved(self) -> ResolvedConfig:
        return self

    @property
    def most_boxes(self) -> int:
        """How many boxes a world has at most."""
        return LEVELS[self.level].boxes[1] if self.num_boxes is None else self.num_boxes

    @property
    def most_ramps(self) -> int:
        """How many ramps a world has at most."""
        return LEVELS[self.level].num_ramps if self.num_ramps is None else self.num_ramps

    @property
    def team_sizes(self) -> dict[str, int]:
        """The agents of a world, by team."""
        return {"seeker": self.num_seekers, "hider": self.num_hiders}

    @property
    def parameters(self) -> dict[str, float]:
        """The numbers of `SCHEDULABLE`."""
        share = self.prep_steps / self.episode_steps
        return {name: float(getattr(self, name, share)) for name in SCHEDULABLE}

    @property
    def action_choices(self) -> tuple[str, ...]:
        """The choices of all heads in the order of the logits, as HEAD.CHOICE."""
        return tuple(f"{head}.{name}" for head, names in HEADS.items() for name in names)

    @property
    def spec(self) -> GameSpec:
        """The teams and the statistics of an episode."""
        # Needs numpy, which no configuration needs.
        from envs.batch_env import GameSpec
        from envs.hide_and_seek.team_specs import team_specs

        return GameSpec(team_specs(self), STAT_NAMES)

    @property
    def metrics(self) -> dict[str, str]:
        """The statistics that are reported as they are, under their own names."""
        return {name: name for name in ("seen_fraction", "first_seen_step", "perfect_hide")}

    @property
    def reward_stats(self) -> tuple[str, ...]:
        """What `reward_mean` is: the game is zero-sum, so the mean over all agents is always 0."""
        return ("hider_return",)

    @property
    def rules(self) -> dict[str, Any]:
        """What the state of a world depends on; what a step pays does not count."""
        return self.model_dump(exclude=set(REWARD_SETTINGS))

    @property
    def record(self) -> dict[str, Any]:
        """Every setting, also those of what a step pays."""
        return self.model_dump(mode="json")

    @property
    def label(self) -> str:
        """The game in one word, for the name of a run."""
        return self.level

    @property
    def title(self) -> str:
        """The game in a few words."""
        return f"{self.level}, {self.num_seekers} seeking against {self.num_hiders} hiding"
