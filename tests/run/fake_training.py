"""A trainer that saves at once and a console that takes notes: a run without Ray."""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tests.checkpoints.fakes import FakeAlgorithm
from tests.reporting.rows import make_row
from trainer.config.build_scheduler import build_scheduler
from trainer.config.schema import Config
from trainer.ppo.networks import ActorCritic, PolicySpec
from trainer.ppo.progress import IterationStats, Progress
from trainer.reporting.console.console import Console
from trainer.reporting.metrics import Row


class FakeTrainer(FakeAlgorithm):
    """What a recorder needs of `TeamPPO`."""

    opponents: Mapping[str, Any] = MappingProxyType({})
    matchmaker = None

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.progress = Progress(config.tracking.window_episodes, ("length",))
        self.schedules = build_scheduler(config)
        self.restore_notes: list[str] = []
        self.ratings: dict[str, tuple[float, float]] = {}
        spec = PolicySpec(3, (2, 2), (4,))
        self._networks = {f"{team}_policy": ActorCritic(spec) for team in ("seeker", "hider")}

    def networks(self) -> dict[str, ActorCritic]:
        return self._networks

    def get_training_state(self) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
        return {"0": {"x": np.zeros((2, 3))}}, {"runners": {}, "learners": []}

    def step(self, missing_runners: tuple[int, ...] = ()) -> Row:
        """Counts an iteration and returns its row."""
        episodes = np.full((1, 1), 7.0, np.float32)
        self.last = IterationStats(episodes, 1000, 4000, missing_runners, {}, {}, 0.1, 0.2)
        self.progress.advance(self.last)
        return make_row(self.progress.iteration)


class RecordingConsole(Console):
    """Notes what it is given, a line each."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.lines: list[str] = []

    def _show_start(self, first_iteration: int, info: dict[str, object]) -> None:
        self.lines.append(f"start {first_iteration}")

    def _show_iteration(self, row: Mapping[str, float | int]) -> None:
        self.lines.append(f"iteration {row['iteration']}")

    def _show_checkpoint(self, path: str, row: Mapping[str, float | int]) -> None:
        self.lines.append(f"saved {row['iteration']}")

    def _show_message(self, text: str, level: str) -> None:
        self.lines.append(f"{level}: {text}")

    def _show_end(self, summary: dict[str, object], next_commands: list[str]) -> None:
        self.lines.append("end")
