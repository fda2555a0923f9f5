"""The group `initialization`: how a run starts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator

from trainer.config.types import TEAMS, Count, Group

# An iteration is written as a number.
Selector = Annotated[
    str, BeforeValidator(lambda value: str(value) if type(value) is int else value)
]


class ResumeBlock(Group):
    """Resuming: same step, same everything."""

    checkpoint: Selector = "latest"
    """latest, best, final, an iteration, a name or a path; auto: latest, or a new run without."""
    additional: Count | None = None
    """Number of further iterations."""
    target_total: Count | None = None
    """Train up to this iteration; None (both): up to ppo.num_iterations."""

    @model_validator(mode="after")
    def _one_target(self) -> ResumeBlock:
        if self.additional is not None and self.target_total is not None:
            raise ValueError("additional and target_total exclude each other; set one to null")
        return self


class WarmstartBlock(Group):
    """A new run with networks from checkpoints; optimizer, counters and level are new."""

    checkpoint: Selector | None = None
    """The checkpoint of both teams' networks (a selector); None: only those that the teams name."""
    seeker: Selector | None = None
    """Another checkpoint for the seekers; "fresh" for a new network."""
    hider: Selector | None = None
    """Another checkpoint for the hiders; "fresh" for a new network."""
    normalizer: bool = True
    """Whether the moments of ppo.normalize_obs are loaded with the networks."""
    opponents: bool = False
    """Whether the pools of earlier policies are taken along; else they begin anew."""

    def sources(self) -> dict[str, str]:
        """The selector of each team whose network is not new."""
        chosen = {team: getattr(self, team) or self.checkpoint for team in TEAMS}
        return {team: source for team, source in chosen.items() if source not in (None, "fresh")}


class InitializationGroup(Group):
    """How a run starts when the command line and RESTORE_CHECKPOINT say nothing."""

    mode: Literal["fresh", "resume", "warmstart"] = "fresh"
    """fresh: new networks; resume: continue a run; warmstart: a new run with trained networks."""
    resume: ResumeBlock = ResumeBlock()
    """For mode resume."""
    warmstart: WarmstartBlock = WarmstartBlock()
    """For mode warmstart."""

    @model_validator(mode="after")
    def _has_a_source(self) -> InitializationGroup:
        if self.mode == "warmstart" and not self.warmstart.sources():
            raise ValueError("mode warmstart needs warmstart.checkpoint, or one for a team")
        return self
