"""Every schedule of a run, and the current training step.

Settings are named as in the history: "seeker/lr", "hider/logit_bias.forward.ahead",
"env/vision_angle". A setting of a learner without a schedule is held as a constant, so that every
value is computed in one way.

Knows neither Ray nor torch nor the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from trainer.schedules.active import ActiveSchedule, Span, TrainingStep
from trainer.schedules.alternation import Alternation
from trainer.schedules.curves import Constant, Schedule
from trainer.schedules.promotion import Promotion

GAME = "env"
STAGE = "env/stage"
LOGIT_BIAS = "logit_bias"


class TeamValues(NamedTuple):
    """The settings of a team that can be scheduled, at one gradient step."""

    lr: float
    entropy_coeff: float
    clip_param: float
    vf_loss_coeff: float
    kl_target: float


TEAM_SETTINGS = TeamValues._fields


@dataclass(frozen=True)
class TeamPlan:
    """What the learner of one team needs to know for one iteration.

    Attributes:
        trains: whether this team learns at all in this iteration.
        settings: the schedule of each of `TEAM_SETTINGS`.
        step: the training step at the start of the iteration.
        logit_bias: [L], added to the logits while training; empty: nothing is.
    """

    trains: bool
    settings: Mapping[str, ActiveSchedule]
    step: TrainingStep
    logit_bias: tuple[float, ...] = ()

    def values(self, epoch: int, epochs: int, update: int, updates: int) -> TeamValues:
        """The settings for gradient step `update` (from 0) of `updates`, in `epoch` of `epochs`."""
        step = self.step._replace(epoch=epoch, epochs=epochs, update=update, updates=updates)
        return TeamValues(*(self.settings[name].value(step) for name in TEAM_SETTINGS))


@dataclass
class StepsDone:
    """Epochs and gradient steps that one team has learned for, over the whole life of the run."""

    epochs: int = 0
    updates: int = 0


@dataclass
class Scheduler:
    """Every setting of a run as a schedule, and the iteration reached.

    Attributes:
        configured: the schedules that the configuration asks for, by setting.
        base_values: the configured number behind every setting that can be scheduled.
        active: the schedules in force; after a continuation they may differ from `configured`.
        total: iteration at which the schedules end.
        iteration: iterations done.
        steps_done: learning steps by team.
        alternation: whose turn it is to learn.
        choices: the names of the L action choices ("forward.ahead"), in the order of the logits.
        promotion: the stage of a curriculum that no schedule moves; None: there is none.
        news: what the last iteration has changed in it; empty: nothing.
    """

    configured: dict[str, Schedule]
    base_values: dict[str, float]
    active: dict[str, ActiveSchedule]
    total: int
    alternation: Alternation
    choices: tuple[str, ...] = ()
    iteration: int = 0
    steps_done: dict[str, StepsDone] = field(default_factory=dict)
    promotion: Promotion | None = None
    news: str = ""

    @classmethod
    def fresh(
        cls,
        configured: Mapping[str, Schedule],
        base_values: Mapping[str, float],
        total: int,
        alternation: Alternation,
        choices: tuple[str, ...] = (),
        promotion: Promotion | None = None,
    ) -> Scheduler:
        """All schedules at their beginning."""
        constants = {
            name: Schedule(Constant(value))
            for name, value in base_values.items()
            if not _belongs_to(name, GAME)
        }
        schedules = constants | dict(configured)
        return cls(
            configured=dict(configured),
            base_values=dict(base_values),
            active={name: ActiveSchedule(item, Span(total)) for name, item in schedules.items()},
            total=total,
            alternation=alternation,
            choices=choices,
            steps_done={team: StepsDone() for team in alternation.teams},
            promotion=promotion,
        )

    def training_step(self, name: str) -> TrainingStep:
        """The training step between two iterations, for the owner of a setting."""
        done = self.steps_done.get(name.partition("/")[0], StepsDone())
        return TrainingStep(
            self.iteration,
            past_epochs=done.epochs,
            past_updates=done.updates,
            since_switch=self.alternation.since_switch,
        )

    def values(self) -> dict[str, float]:
        """The effective value of every setting at the start of the next iteration."""
        found = {name: item.value(self.training_step(name)) for name, item in self.active.items()}
        return found if self.promotion is None else {**found, STAGE: float(self.promotion.stage)}

    def env_parameters(self) -> dict[str, float]:
        """The scheduled numbers of the game."""
        return {
            name.removeprefix(f"{GAME}/"): value
            for name, value in self.values().items()
            if _belongs_to(name, GAME)
        }

    def team_plan(self, team: str) -> TeamPlan:
        """What this team's learner and runners need for the next iteration."""
        own = {n.partition("/")[2]: item for n, item in self.active.items() if _belongs_to(n, team)}
        settings = {n: item for n, item in own.items() if not n.startswith(f"{LOGIT_BIAS}.")}
        step = self.training_step(f"{team}/")
        bias = {
            name.removeprefix(f"{LOGIT_BIAS}."): own[name].value(step)
            for name in own.keys() - settings.keys()
        }
        logit_bias = tuple(bias.get(choice, 0.0) for choice in self.choices) if bias else ()
        return TeamPlan(self.alternation.trains(team), settings, step, logit_bias)

    def advance(self, steps: Mapping[str, StepsDone]) -> None:
        """Count one more iteration, in which each team did these steps."""
        for team, new in steps.items():
            done = self.steps_done.setdefault(team, StepsDone())
            done.epochs += new.epochs
            done.updates += new.updates
        self.iteration += 1
        self.alternation = self.alternation.advanced()

    def promote(self, means: Callable[[int], Mapping[str, float]]) -> None:
        """Has the curriculum go on if it is due after an iteration; `news` says so.

        Args:
            means: stage -> of the statistics, over the newest episodes of its level.
        """
        before, self.news = self.promotion, ""
        if before is None or before.criterion is None:
            return
        self.promotion = now = before.advanced(means(before.stage))
        if now.stage > before.stage:
            self.news = f"the curriculum goes on from {before.level}: {now}"

    @property
    def scheduled(self) -> list[str]:
        """The settings that are more than a number."""
        return [name for name, schedule in self.configured.items() if not schedule.is_constant]

    def state(self) -> dict[str, Any]:
        """Plain values for `restored`; their keys are the checkpoint's format."""
        promotion = {} if self.promotion is None else {"promotion": self.promotion.state()}
        return promotion | {
            "total": self.total,
            "iteration": self.iteration,
            "taken": {team: vars(steps).copy() for team, steps in self.steps_done.items()},
            "alternation": self.alternation.state(),
            "plain": self.base_values.copy(),
            "configured": {name: item.to_dict() for name, item in self.configured.items()},
            "running": {
                name: {"schedule": item.schedule.to_dict(), "course": vars(item.span).copy()}
                for name, item in self.active.items()
            },
        }

    def metadata(self, env_steps: int, env_steps_per_iteration: int) -> dict[str, Any]:
        """Flat `schedule_*` values for experiment tracking; timesteps are environment steps."""
        left = max(0, self.total - self.iteration) * env_steps_per_iteration
        found: dict[str, Any] = {
            "schedule_total_planned_iterations": self.total,
            "schedule_current_iterations": self.iteration,
            "schedule_total_planned_timesteps": env_steps + left,
            "schedule_current_timesteps": env_steps,
        }
        for name in self.scheduled:
            prefix = "schedule_" + name.replace("/", "_")
            for key, value in self.active[name].schedule.to_dict().items():
                nested = value if isinstance(value, dict) else {"": value}
                for inner, item in nested.items():
                    found["_".join(filter(None, (prefix, key, inner)))] = item
        return found

    @classmethod
    def restored(cls, state: Mapping[str, Any], fresh: Scheduler) -> Scheduler:
        """The scheduler that `state` describes, in the alternation and curriculum of `fresh`.

        Raises:
            ValueError, KeyError, TypeError: `state` is not what `Scheduler.state` returns.
        """
        return cls(
            configured={n: Schedule.from_dict(e) for n, e in state["configured"].items()},
            base_values={name: float(value) for name, value in state["plain"].items()},
            active={
                n: ActiveSchedule(Schedule.from_dict(e["schedule"]), Span(**e["course"]))
                for n, e in state["running"].items()
            },
            total=int(state["total"]),
            choices=fresh.choices,
            alternation=fresh.alternation.resumed(state["alternation"]),
            iteration=int(state["iteration"]),
            steps_done={team: StepsDone(**steps) for team, steps in state["taken"].items()},
            promotion=fresh.promotion and fresh.promotion.resumed(state.get("promotion")),
        )


def _belongs_to(name: str, owner: str) -> bool:
    return name.startswith(f"{owner}/")
