"""Types and bounds of the game's settings; unknown names are refused with the nearest known one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from envs.hide_and_seek.spaces import BOX_SLOTS, RAMP_SLOTS
from envs.hide_and_seek.word_hints import nearest

TEAMS = ("seeker", "hider")
MAX_TEAM = 3
MAX_REWARD = 1000.0
MAX_STEPS = 100_000  # of an episode
MAX_LAYOUTS = 4096
MAX_SLOTS = 64  # for visited states, of a world
MAX_BETA = 1000.0

# Strict: no text or truth value is a number.
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
TeamSize = Annotated[int, Field(strict=True, ge=1, le=MAX_TEAM)]
PrepSteps = Annotated[int, Field(strict=True, ge=0)]
EpisodeSteps = Annotated[int, Field(strict=True, ge=1, le=MAX_STEPS)]
NumBoxes = Annotated[int, Field(strict=True, ge=0, le=BOX_SLOTS)]
NumRamps = Annotated[int, Field(strict=True, ge=0, le=RAMP_SLOTS)]
Distance = Annotated[Finite, Field(ge=0.01)]
Reward = Annotated[Finite, Field(ge=0.0, le=MAX_REWARD)]
Discount = Annotated[Finite, Field(ge=0.0, le=1.0)]

UNKNOWN_SETTING = "unknown_setting"
"""The type of pydantic's error for a name that is no setting of the game; its context has `key`."""


class Settings(BaseModel):
    """A group of settings, fixed once it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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
