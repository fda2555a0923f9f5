"""The game alone on one core, every observation written; agent-steps/s of each level.

Runs in this project and in earlier states of it, so it imports nothing else of the benchmarks and
calls `step` as it was then too:

    PYTHONPATH=<tree> python -P game.py SECONDS
"""

from __future__ import annotations

import inspect
import json
import sys
import time

import numpy as np

from envs.batch_env import ObsBuffers
from envs.hide_and_seek.batch_env import HideAndSeekBatchEnv
from envs.hide_and_seek.config import HideAndSeekConfig
from envs.hide_and_seek.levels import LEVELS

WORLDS = 512
_STEPS = 100


def rate_of(level: str, seconds: float) -> float:
    env = HideAndSeekBatchEnv(HideAndSeekConfig(level=level), WORLDS)
    out = {spec.name: ObsBuffers.allocate(spec, WORLDS) for spec in env.teams}
    rewards = {s.name: np.zeros((WORLDS, s.num_agents), np.float32) for s in env.teams}
    flags = len(inspect.signature(env.step).parameters) - 3  # done, or terminated and truncated
    ends = [np.zeros(WORLDS, np.bool_) for _ in range(flags)]
    env.reset(np.arange(WORLDS, dtype=np.uint64), out)
    draw = np.random.default_rng(0)
    script = [
        {s.name: draw.integers(0, s.nvec, (WORLDS, s.num_agents, len(s.nvec))) for s in env.teams}
        for _ in range(_STEPS)
    ]

    def play() -> None:
        for actions in script:
            env.step(actions, out, rewards, *ends)

    play()
    agents = sum(spec.num_agents for spec in env.teams)
    steps, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds or not steps:
        play()
        steps += _STEPS * WORLDS * agents
    return steps / passed


if __name__ == "__main__":
    print(json.dumps({level: rate_of(level, float(sys.argv[1])) for level in LEVELS}))
