"""All the schedules of a run, and where it stands in them.

Settings are named as in the history: "seeker/lr", "hider/logit_bias.forward.ahead",
"env/vision_angle". A setting of a learner that is not scheduled runs as a constant, so that there
is one way to every value.

Knows neither Ray nor torch nor the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainer.schedules.active import ActiveSchedule, Span, TrainingStep
from trainer.schedules.alternation import Alternation
from trainer.schedules.curves import Constant, Schedule

GAME = "env"
LOGIT_BIAS = "logit_bias"


@dataclass(frozen=True)
class TeamPlan:
    """What the learner of one team needs to know for one iteration.

    Attributes:
        trains: whether this team learns at all in this iteration.
        settings: schedules on their courses, by setting (lr, clip_param, ...).
        moment: where training stands at the start of the iteration.
        logit_bias: [L], added to the logits while training; empty: nothing is.
    """

    trains: bool
    settings: Mapping[str, ActiveSchedule]
    moment: TrainingStep
    logit_bias: tuple[float, ...] = ()

    def values(self, epoch: int, epochs: int, update: int, updates: int) -> dict[str, float]:
        """The settings for gradient step `update` (from 0) of `updates`, in `epoch` of `epochs`."""
        moment = self.moment._replace(epoch=epoch, epochs=epochs, update=update, updates=updates)
        return {name: running.value(moment) for name, running in self.settings.items()}


@dataclass
class StepsTaken:
    """Epochs and gradient steps that one team has learned for, over the whole life of the run."""

    epochs: int = 0
    updates: int = 0


@dataclass
class Scheduler:
    """Every setting of a run as a schedule on its course, and where the run stands.

    Attributes:
        configured: the schedules that the configuration asks for, by setting.
        plain: the configured number behind every setting that could be scheduled.
        running: what is in force; after a continuation this may differ from `configured`.
        total: iteration at which the schedules end.
        iteration: iterations done.
        taken: steps taken by team.
        alternation: whose turn it is to learn.
        choices: the names of the L action choices ("forward.ahead"), in the order of the logits.
    """

    configured: dict[str, Schedule]
    plain: dict[str, float]
    running: dict[str, ActiveSchedule]
    total: int
    alternation: Alternation
    choices: tuple[str, ...] = ()
    iteration: int = 0
    taken: dict[str, StepsTaken] = field(default_factory=dict)

    @classmethod
    def fresh(
        cls,
        configured: Mapping[str, Schedule],
        plain: Mapping[str, float],
        total: int,
        alternation: Alternation,
        choices: tuple[str, ...] = (),
    ) -> Scheduler:
        """All schedules at their beginning."""
        constants = {n: Schedule(Constant(v)) for n, v in plain.items() if not _of(n, GAME)}
        schedules = constants | dict(configured)
        running = {
            name: ActiveSchedule(schedule, Span(total)) for name, schedule in schedules.items()
        }
        taken = {team: StepsTaken() for team in alternation.teams}
        return cls(dict(configured), dict(plain), running, total, alternation, choices, taken=taken)

    def moment(self, name: str) -> TrainingStep:
        """Now, between two iterations, as a setting sees it."""
        taken = self.taken.get(name.partition("/")[0], StepsTaken())
        return TrainingStep(
            self.iteration,
            past_epochs=taken.epochs,
            past_updates=taken.updates,
            since_switch=self.alternation.since_switch,
        )

    def values(self) -> dict[str, float]:
        """The effective value of every setting at the start of the next iteration."""
        return {name: running.value(self.moment(name)) for name, running in self.running.items()}

    def env_parameters(self) -> dict[str, float]:
        """The scheduled numbers of the game."""
        return {n.removeprefix(f"{GAME}/"): v for n, v in self.values().items() if _of(n, GAME)}

    def team_plan(self, team: str) -> TeamPlan:
        """What this team's learner and runners need for the next iteration."""
        own = {n.partition("/")[2]: r for n, r in self.running.items() if _of(n, team)}
        settings = {n: r for n, r in own.items() if not n.startswith(f"{LOGIT_BIAS}.")}
        moment = self.moment(f"{team}/")
        bias = {
            name.removeprefix(f"{LOGIT_BIAS}."): own[name].value(moment)
            for name in own.keys() - settings.keys()
        }
        logit_bias = tuple(bias.get(choice, 0.0) for choice in self.choices) if bias else ()
        return TeamPlan(self.alternation.trains(team), settings, moment, logit_bias)

    def advance(self, taken: Mapping[str, StepsTaken]) -> None:
        """One more iteration is done, in which each team took these steps."""
        for team, steps in taken.items():
            own = self.taken.setdefault(team, StepsTaken())
            own.epochs += steps.epochs
            own.updates += steps.updates
        self.iteration += 1
        self.alternation = self.alternation.advanced()

    @property
    def scheduled(self) -> list[str]:
        """The settings that are more than a plain number."""
        return [n for n, schedule in self.configured.items() if not schedule.is_plain]

    def state(self) -> dict[str, Any]:
        """Plain values from which `restored` and a continuation work."""
        return {
            "total": self.total,
            "iteration": self.iteration,
            "taken": {team: vars(steps).copy() for team, steps in self.taken.items()},
            "alternation": self.alternation.state(),
            "plain": self.plain.copy(),
            "configured": {name: item.to_dict() for name, item in self.configured.items()},
            "running": {
                name: {"schedule": item.schedule.to_dict(), "course": vars(item.course).copy()}
                for name, item in self.running.items()
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
            for key, value in self.running[name].schedule.to_dict().items():
                nested = value if isinstance(value, dict) else {"": value}
                for inner, item in nested.items():
                    found["_".join(filter(None, (prefix, key, inner)))] = item
        return found

    @classmethod
    def restored(cls, state: Mapping[str, Any], fresh: Scheduler) -> Scheduler:
        """What `state` described, in the alternation of `fresh`.

        ValueError, KeyError or TypeError if it is no state.
        """
        return cls(
            configured={n: Schedule.from_dict(e) for n, e in state["configured"].items()},
            plain={name: float(value) for name, value in state["plain"].items()},
            running={
                n: ActiveSchedule(Schedule.from_dict(e["schedule"]), Span(**e["course"]))
                for n, e in state["running"].items()
            },
            total=int(state["total"]),
            choices=fresh.choices,
            alternation=fresh.alternation.resumed(state["alternation"]),
            iteration=int(state["iteration"]),
            taken={team: StepsTaken(**steps) for team, steps in state["taken"].items()},
        )


def _of(name: str, owner: str) -> bool:
    return name.startswith(f"{owner}/")
