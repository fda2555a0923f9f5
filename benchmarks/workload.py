"""What every contender trains on: the games, their networks and PPO settings, and the stopwatch."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

from trainer.config.loading import checked, load_config
from trainer.config.own_game import config_class
from trainer.config.schema import Config
from trainer.project import PROJECT_ROOT

GAMES = ("hide_and_seek", "tag")


@dataclass(frozen=True)
class Measurement:
    """One contender's speed in one round.

    Attributes:
        agent_steps: trained on in the measured iterations, frozen agents' no-ops included.
        seconds: wall clock of those iterations, sampling and learning.
        laps: seconds of each iteration.
        multiply_adds: of the products in them; 0 where nobody counted.
        peak_mb: the largest resident memory of the process.
    """

    agent_steps: int
    seconds: float
    laps: tuple[float, ...] = ()
    multiply_adds: int = 0
    peak_mb: float = 0.0

    @property
    def rate(self) -> float:
        """agent-steps per second."""
        return self.agent_steps / self.seconds


def timed(iteration: Callable[[], int], seconds: float, multiply_adds: int = 0) -> Measurement:
    """Measures whole iterations until `seconds` have passed, after one to warm up.

    Args:
        iteration: samples and learns once; returns its agent-steps.
        seconds: at least one iteration is measured.
        multiply_adds: of one iteration.
    """
    iteration()
    laps: list[float] = []
    steps = 0
    while sum(laps) < seconds or not laps:
        started = time.perf_counter()
        steps += iteration()
        laps.append(time.perf_counter() - started)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measurement(steps, sum(laps), tuple(laps), multiply_adds * len(laps), peak_mb)


def default_config(*overrides: str) -> Config:
    """The shipped configuration without files beside the checkpoints."""
    return load_config(PROJECT_ROOT / "config.yaml", ["tracking.tensorboard_dir=null", *overrides])


def tag_config(*overrides: str) -> Config:
    """The tag game: 65,536 agent-steps per update, 4 epochs, minibatches of 8,192."""
    from benchmarks.tag_game import tag_game

    values = {
        "ppo": {
            "rollout_length": 128,
            "num_epochs": 4,
            "minibatch_size": 8192,
            "hiddens": [64, 64],
            "activation": "tanh",
            "reward_scale": 1.0,
        },
        "ray": {"num_envs_per_env_runner": 128},
        "tracking": {"tensorboard_dir": None},
    }
    return checked(config_class(tag_game()), values, overrides, "the tag game")


def config_of(game: str, *overrides: str) -> Config:
    """The configuration of one of the `GAMES`."""
    return tag_config(*overrides) if game == "tag" else default_config(*overrides)


def learned_shares(config: Config) -> dict[str, float]:
    """By team, the share of its steps that is learned from; frozen seekers' steps are left out."""
    shares = dict.fromkeys(config.played.team_sizes, 1.0)
    if "seeker" in shares:
        env = config.env.resolved()
        assert env.prep_steps is not None
        assert env.episode_steps is not None
        shares["seeker"] -= env.prep_steps / env.episode_steps
    return shares
