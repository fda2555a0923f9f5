"""The length of a run: iterations, or a budget of episodes or environment steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.config.budget import Budget
from trainer.config.schema import Config

PLAN_KEY = "ppo.num_iterations"
_NO_BUDGET = {"num_episodes": None, "num_env_steps": None}


@dataclass(frozen=True)
class Done:
    """The counters of a checkpoint; all 0 for a new run."""

    iteration: int = 0
    env_steps: int = 0
    episodes_completed: int = 0

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Done:
        """The counters in a checkpoint's metadata, 0 where it has none."""
        found = {name: metadata.get(name) for name in cls.__dataclass_fields__}
        return cls(**{n: v if isinstance(v, int) and v >= 0 else 0 for n, v in found.items()})


def budget_of(config: Config) -> Budget | None:
    """The configured budget; None: `ppo.num_iterations` counts."""
    if config.ppo.num_episodes is not None:
        return Budget("episodes_completed", config.ppo.num_episodes)
    if config.ppo.num_env_steps is not None:
        return Budget("env_steps", config.ppo.num_env_steps)
    return None


def planned_iterations(config: Config, done: Done | None = None) -> int:
    """The iteration at which the configured run ends.

    For a budget of steps it is exact as long as no runner is lost; for one of episodes it is an
    estimate if the length of an episode changes. It is the same wherever the run is resumed.

    Args:
        config: the run's configuration.
        done: the counters so far, perhaps reached under another configuration.
    """
    done = done or Done()
    budget = budget_of(config)
    if budget is None:
        return config.ppo.num_iterations
    worlds, length = config.ray.num_envs, config.ppo.rollout_length
    steps = worlds * length  # per iteration
    if done.env_steps == done.iteration * steps:
        whole = _iterations(config, budget.target, 0)
        return max(whole, done.iteration + 1)
    left = budget.target - int(getattr(done, budget.counter))
    # A world's place in its episode, as if all had begun together.
    played = done.env_steps // worlds % config.played.episode_steps
    return done.iteration + max(1, _iterations(config, left, played))


def _iterations(config: Config, target: int, played: int) -> int:
    """Iterations until `target` episodes or steps, with worlds that are `played` steps into one."""
    worlds, length = config.ray.num_envs, config.ppo.rollout_length
    if config.ppo.num_episodes is None:
        return -(-target // (worlds * length))
    games = -(-target // worlds)  # of each world
    return -(-(games * config.played.episode_steps - played) // length)


def with_iterations(config: Config, iterations: int) -> Config:
    """The configuration of a run that ends at this iteration."""
    ppo = config.ppo.model_copy(update={"num_iterations": iterations, **_NO_BUDGET})
    return config.model_copy(update={"ppo": ppo})


def with_plan(config: Config, until: int) -> Config:
    """The configuration of a run that trains until `until`, which extends its plan if it is later.

    A run that is stopped before that iteration is then resumed with the extended plan.
    """
    if budget_of(config) is not None or until <= config.ppo.num_iterations:
        return config
    return with_iterations(config, until)
