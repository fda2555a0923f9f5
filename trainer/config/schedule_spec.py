"""The group `schedules`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from trainer.config.types import Count, CountOrNone, Finite, Group, Positive, StepUnit
from trainer.schedules.curves import CURVES, Bump, Schedule, curve_from_dict

_AROUND = ("warmup", "bump", "step_on")


class BumpSpec(Group):
    """A factor on the first iterations after each switch of alternating training."""

    factor: Positive
    """What the value is multiplied by."""
    updates: Count
    """The number of iterations (one policy update each) that it lasts."""


class ScheduleSpec(Group):
    """One schedule; a bare number stands for a constant."""

    type: Literal["constant", "linear", "cosine", "exponential", "step", "piecewise"]
    """The curve, see `trainer/schedules/curves.py`."""
    value: Finite | None = None
    """constant: the value."""
    start: Finite | None = None
    """First value; None: the setting's own in `ppo` or `env`."""
    end: Finite | None = None
    """linear, cosine, exponential: the value at the end of the run."""
    gamma: Positive | None = None
    """exponential (instead of end), step: the factor."""
    step_size: Count | None = None
    """step: steps between two factors."""
    points: tuple[tuple[Finite, Finite], ...] | None = None
    """piecewise: [progress from 0 to 1, value] pairs."""
    warmup: CountOrNone = 0
    """Steps over which the value rises from 0."""
    bump: BumpSpec | None = None
    """A factor after each switch of `train.alternate`."""
    step_on: StepUnit = "iteration"
    """How often the value moves; "update" is a gradient step."""

    @model_validator(mode="before")
    @classmethod
    def _number_is_a_constant(cls, data: Any) -> Any:
        if isinstance(data, int | float) and not isinstance(data, bool):
            return {"type": "constant", "value": data}
        if not isinstance(data, dict | ScheduleSpec):
            raise ValueError("expected a number, or a schedule such as {type: linear, end: 0.0001}")
        return data

    @model_validator(mode="after")
    def _parameters_fit(self) -> ScheduleSpec:
        given = self.model_fields_set - {"type", *_AROUND}
        given = {name for name in given if getattr(self, name) is not None}
        wanted = [curve.parameters() for curve in CURVES[self.type]]
        if not any(given | {"start"} >= names >= given for names in wanted):
            texts = " or ".join(" and ".join(sorted(names - {"start"})) for names in wanted)
            texts += " and may have start" if any("start" in names for names in wanted) else ""
            shown = ", ".join(sorted(given)) or "nothing"
            raise ValueError(f"type {self.type} needs {texts}, but has {shown}")
        return self

    @model_serializer(mode="wrap")
    def _without_absent_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}

    def schedule(self, base_value: float) -> Schedule:
        """The schedule of a setting whose configured number is `base_value`.

        Raises:
            ValueError: the parameters make no curve.
        """
        given = self.model_dump(exclude_none=True, exclude=set(_AROUND))
        if "start" in CURVES[self.type][0].parameters():
            given.setdefault("start", base_value)
        bump = Bump(self.bump.factor, self.bump.updates) if self.bump else None
        return Schedule(curve_from_dict(given), self.step_on, self.warmup, bump)


def _without_ended(data: Any) -> Any:
    """Entries that are null are no schedules, as with a setting that has a field of its own."""
    if not isinstance(data, dict):
        return data
    return {name: spec for name, spec in data.items() if spec is not None}


Specs = Annotated[dict[str, ScheduleSpec], BeforeValidator(_without_ended)]


class TeamSchedules(Group):
    """Schedules of the settings of one team; what is None keeps its value in `ppo`."""

    lr: ScheduleSpec | None = None
    entropy_coeff: ScheduleSpec | None = None
    clip_param: ScheduleSpec | None = None
    vf_loss_coeff: ScheduleSpec | None = None
    kl_target: ScheduleSpec | None = None
    logit_bias: Specs = Field(default_factory=dict)
    """Added to the logit of an action choice while training, by HEAD.CHOICE (forward.ahead)."""


class SharedSchedulesGroup(TeamSchedules):
    """What changes during training; a field of a team's name holds what is for it alone."""

    mode: Literal["extend", "constant", "restart"] = "extend"
    """What a resumed run does with the schedules of its checkpoint."""
    extend: Literal["anchored", "rescale"] = "anchored"
    """How they are stretched over a longer run: from the value reached, or by the formula alone."""
    total_iterations: Count | None = None
    """Iteration at which they end; None: ppo.num_iterations, or the end of the run if later."""
    env: Specs = Field(default_factory=dict)
    """Schedules of numbers of the game."""

    def team(self, name: str) -> TeamSchedules:
        """The schedules of one team alone."""
        own: TeamSchedules = getattr(self, name)
        return own


class SchedulesGroup(SharedSchedulesGroup):
    """What changes during training; directly here for both teams, or for one of them."""

    seeker: TeamSchedules = TeamSchedules()
    """For the seekers only."""
    hider: TeamSchedules = TeamSchedules()
    """For the hiders only."""
