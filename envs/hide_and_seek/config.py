"""The settings of a hide-and-seek game, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from envs.hide_and_seek.contents import Contents
from envs.hide_and_seek.curriculum import Curriculum
from envs.hide_and_seek.levels import LEVELS, check_level
from envs.hide_and_seek.parameters import REWARD_SETTINGS, TIMES, names_of, settings_of
from envs.hide_and_seek.setting_types import (
    MAX_BETA,
    MAX_LAYOUTS,
    MAX_REWARD,
    MAX_SLOTS,
    TEAMS,
    Discount,
    Distance,
    EpisodeSteps,
    Finite,
    NumBoxes,
    NumRamps,
    PrepSteps,
    Reward,
    Settings,
    TeamSize,
)
from envs.hide_and_seek.spaces import HEADS, STAT_NAMES
from envs.hide_and_seek.word_hints import did_you_mean

if TYPE_CHECKING:
    from envs.batch_env import GameSpec

SHAPING_GAMMA = 0.98  # of a game that is played without a learner
_DERIVED = {"stage", "own_times"}  # no settings: they follow from them


class HideAndSeekConfig(Settings):
    """One game. None means the level's own value (`resolved()` fills it in)."""

    level: str = "L0"
    """L0 pillars, L1 a room with a door and a box, L2 a quadrant with 2 boxes, L3 random rooms with
    3-4 boxes, L4 the same with 2 ramps, Q the quadrant with a ramp of Baker et al. 2019."""
    num_seekers: TeamSize | None = None
    """1 to 3."""
    num_hiders: TeamSize | None = None
    """1 to 3."""
    min_seekers: TeamSize | None = None
    """An episode has so many to num_seekers, drawn at its start; None = always num_seekers."""
    min_hiders: TeamSize | None = None
    """The same for the hiders."""
    prep_steps: PrepSteps | None = None
    """Steps at the start in which the seekers are frozen and blind; fewer than episode_steps."""
    episode_steps: EpisodeSteps | None = None
    """Length of an episode in steps, preparation included."""
    num_boxes: NumBoxes | None = None
    """0 to 4. Boxes that the level does not have of itself are cubes and start anywhere."""
    num_ramps: NumRamps | None = None
    """0 to 2."""
    vision_angle: Annotated[Finite, Field(gt=0.0, le=360.0)] = 135.0
    """Full angle of the vision cone in degrees."""
    vision_range: Distance = 17.0
    """How far an agent sees, meters; the arena's diagonal is just under 17."""
    lidar_range: Distance = 8.0
    """What a lidar ray reports when it hits nothing nearer, meters."""
    num_layouts: Annotated[int, Field(strict=True, ge=1, le=MAX_LAYOUTS)] = 64
    """How many arenas of each level the layout bank holds; an episode draws one of them."""
    layout_seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)] = 0
    """The bank is a function of this, the levels, num_layouts and the numbers of objects."""
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
    shaping_beta: Annotated[Finite, Field(ge=0.0, le=MAX_BETA)] = 0.0
    """Weight of the distance shaping; 0 = off (no distance tables are built)."""
    shaping_cover: Annotated[Finite, Field(ge=0.0, le=MAX_BETA)] = 0.0
    """Weight of the cover shaping: the share of the hiders that walls and boxes hide; 0 = off."""
    shaping_gamma: Discount | None = None
    """Discount inside the shaping term; None = the learner's, with which no optimum changes."""

    restart_share: Annotated[Finite, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the episodes that begin from a state visited before, see `restarts`; 0 = off."""
    restart_slots: Annotated[int, Field(strict=True, ge=1, le=MAX_SLOTS)] = 8
    """How many visited states each world keeps."""
    curriculum: Curriculum | None = None
    """Several levels, of which `level` is the first. Teams are of one size in all of them; times
    that are None are each level's own."""

    @field_validator("level")
    @classmethod
    def _known_level(cls, level: str) -> str:
        check_level(level)
        return level

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        if self.levels[0] != self.level:
            raise ValueError(
                f"level must be the first of curriculum.levels, {self.levels[0]!r}, "
                f"got {self.level!r}"
            )
        for level, (prep, steps) in zip(self.levels, self.times, strict=True):
            if prep >= steps:
                at = f" at level {level}" if self.curriculum else ""
                raise ValueError(
                    f"prep_steps must be from 0 to episode_steps - 1 = {steps - 1}{at}, got {prep}"
                )
        return self

    @model_validator(mode="after")
    def _teams_fit(self) -> Self:
        for team in TEAMS:
            fewest = getattr(self, f"min_{team}s")
            most = getattr(self, f"num_{team}s") or getattr(LEVELS[self.level], f"num_{team}s")
            if fewest is not None and fewest > most:
                raise ValueError(
                    f"min_{team}s must be from 1 to num_{team}s = {most}, got {fewest}"
                )
        return self

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels that are played, in order."""
        return (self.level,) if self.curriculum is None else self.curriculum.levels

    @property
    def times(self) -> tuple[tuple[int, int], ...]:
        """The prep_steps and episode_steps of each of the levels."""
        own = self._own_times()
        sources = [
            [LEVELS[name] if time in own else self for time in TIMES] for name in self.levels
        ]
        return tuple(
            (int(getattr(prep, TIMES[0])), int(getattr(steps, TIMES[1]))) for prep, steps in sources
        )

    def _own_times(self) -> tuple[str, ...]:
        """Which of `TIMES` are each level's own."""
        return tuple(name for name in TIMES if getattr(self, name) is None)

    @model_validator(mode="after")
    def _promoted_by_a_metric(self) -> Self:
        promote = self.curriculum and self.curriculum.promote
        known = [name for name in self.metrics if name != "level"]  # the same in all it counts
        if promote and promote.metric not in known:
            hint = did_you_mean(promote.metric, known)
            raise ValueError(f"curriculum.promote.metric: {promote.metric!r} is unknown; {hint}")
        return self

    @property
    def contents(self) -> Contents:
        """What its worlds can hold."""
        return Contents.of(self.levels, self.num_boxes, self.num_ramps)

    @property
    def metrics(self) -> dict[str, str]:
        """The statistics that are reported as they are, under their own names."""
        names = ["seen_fraction", "first_seen_step", "perfect_hide", *self.contents.stages]
        names += [] if self.curriculum is None else ["level"]
        return {name: name for name in names}

    def at_level(self, level: str) -> HideAndSeekConfig:
        """One level of a curriculum as a game of its own, for the same teams."""
        teams = {f"num_{team}s": size for team, size in self.resolved().team_sizes.items()}
        alone = {"level": level, "curriculum": None, **teams}
        return HideAndSeekConfig.model_validate(self.model_dump() | alone)

    def resolved(self) -> ResolvedConfig:
        """The same game with the level's values in place of every None."""
        names = ("num_seekers", "num_hiders", *TIMES)
        standard = {name: getattr(LEVELS[self.level], name) for name in names}
        given = self.model_dump(exclude_none=True)
        standard |= {f"min_{team}s": (standard | given)[f"num_{team}s"] for team in TEAMS}
        standard |= {"shaping_gamma": SHAPING_GAMMA}
        if self.curriculum is not None:
            standard["own_times"] = self._own_times()
        return ResolvedConfig.model_validate(standard | given)


class ResolvedConfig(HideAndSeekConfig):
    """A game without None: what `HideAndSeekConfig.resolved` returns.

    In a curriculum `prep_steps` and `episode_steps` are those of the present stage.
    """

    num_seekers: TeamSize
    num_hiders: TeamSize
    min_seekers: TeamSize
    min_hiders: TeamSize
    prep_steps: PrepSteps
    episode_steps: EpisodeSteps
    shaping_gamma: Discount
    stage: Annotated[int, Field(strict=True, ge=0)] = 0
    """The level of the curriculum that is learned now, the number of it in `levels`."""
    own_times: tuple[str, ...] = ()
    """Which of `TIMES` are each level's own: with a curriculum, those that were None."""

    @model_validator(mode="after")
    def _stage_exists(self) -> Self:
        if self.stage >= len(self.levels):
            last = len(self.levels) - 1
            raise ValueError(f"stage must be from 0 to {last}, as there is no level {self.stage}")
        return self

    def _own_times(self) -> tuple[str, ...]:
        return self.own_times

    def resolved(self) -> ResolvedConfig:
        return self

    def with_parameters(self, values: Mapping[str, float]) -> Self:
        """The same game with other numbers of `parameters`, checked; steps and stage are rounded.

        Raises:
            ValueError: naming an unknown parameter and the nearest one, or a value out of bounds.
        """
        changed = settings_of(self, values)
        try:
            return type(self).model_validate(self.model_dump() | changed)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            text = problem["msg"].removeprefix("Value error, ").replace("Input should", "must")
            name = ".".join(map(str, problem["loc"]))
            raise ValueError(f"{name} {text}".strip()) from None

    @property
    def bank_size(self) -> int:
        """How many layouts all levels have together."""
        return self.num_layouts * len(self.levels)

    @property
    def level_shares(self) -> tuple[float, ...]:
        """The share of the episodes that are of each level at the present stage."""
        return (1.0,) if self.curriculum is None else self.curriculum.shares(self.stage)

    @property
    def team_sizes(self) -> dict[str, int]:
        """The agents of a world, by team."""
        return {"seeker": self.num_seekers, "hider": self.num_hiders}

    @property
    def team_ranges(self) -> dict[str, tuple[int, int]]:
        """How few and how many of a team take part in an episode."""
        fewest = {"seeker": self.min_seekers, "hider": self.min_hiders}
        return {team: (fewest[team], most) for team, most in self.team_sizes.items()}

    @property
    def parameters(self) -> dict[str, float]:
        """The numbers that may change while it is played: of `SCHEDULABLE`, and a curriculum's
        stage. Times that are each level's own are not among them."""
        share = self.prep_steps / self.episode_steps
        return {name: float(getattr(self, name, share)) for name in names_of(self)}

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
    def reward_stats(self) -> tuple[str, ...]:
        """What `reward_mean` is: the game is zero-sum, so the mean over all agents is always 0."""
        return ("hider_return",)

    @property
    def rules(self) -> dict[str, Any]:
        """What the state of a world depends on; what a step pays does not count."""
        found = self.model_dump(exclude={*REWARD_SETTINGS, *_DERIVED, *self.own_times})
        return found | {"curriculum": None if self.curriculum is None else list(self.levels)}

    @property
    def record(self) -> dict[str, Any]:
        """Every setting, also those of what a step pays."""
        return self.model_dump(mode="json", exclude=_DERIVED)

    @property
    def label(self) -> str:
        """The game in one word, for the name of a run."""
        return "-".join(self.levels)

    @property
    def title(self) -> str:
        """The game in a few words."""
        changed = {"boxes": self.num_boxes, "ramps": self.num_ramps}
        objects = "".join(
            f", {name}: {count}" for name, count in changed.items() if count is not None
        )
        seekers, hiders = (
            f"{most}" if few == most else f"{few} to {most}"
            for few, most in self.team_ranges.values()
        )
        return f"{' > '.join(self.levels)}, {seekers} seeking against {hiders} hiding{objects}"


def of_checkpoint(env: Any) -> Any:
    """The settings of the game in a checkpoint, unchecked.

    One from before there were boxes says nothing about them: none of its levels had any.
    """
    if not isinstance(env, Mapping) or "num_boxes" in env:
        return env
    return {**env, "num_boxes": 0} if env.get("level") in ("L1", "L2", "L3") else env
