"""The evaluations of a run: when there is one, and what its row says of it."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from trainer.config.schema import Config
from trainer.evaluation.evaluator import Evaluator
from trainer.reporting.metrics import EVALUATION_S, Row, describe_evaluation

if TYPE_CHECKING:
    from trainer.ppo.algorithm import TeamPPO


class Evaluations:
    """Evaluates the policies after every so many iterations, and when a run ends."""

    def __init__(self, trainer: TeamPPO, config: Config) -> None:
        """Prepares; scripted players are compiled here if that has never been done.

        Args:
            trainer: the run's.
            config: resolved.
        """
        self._trainer, self._every = trainer, config.evaluation.every
        self._unknown: Row = dict.fromkeys(describe_evaluation(config.opponents_met), math.nan)
        self._evaluator = Evaluator(config) if config.opponents_met else None
        if self._evaluator is not None:
            self._evaluator.prepare()

    def after_iteration(self, *, last: bool) -> Row:
        """What is measured after the iteration that has just been done; nan where nothing is.

        The ratings move at the multiples of `evaluation.every` alone: a run that was stopped
        elsewhere, evaluated and resumed goes on as if it had never been stopped.

        Args:
            last: whether the run ends here.
        """
        trainer, evaluator = self._trainer, self._evaluator
        if evaluator is None or self._every is None:
            return {}
        due = trainer.progress.iteration % self._every == 0
        if not (due or last):
            return dict(self._unknown)
        started = time.perf_counter()
        networks = {team: trainer.networks()[f"{team}_policy"] for team in trainer.team_names}
        numbers, ratings = evaluator.measure(networks, trainer.opponents, trainer.ratings)
        if due:
            trainer.ratings = {team: (rating.mu, rating.sigma) for team, rating in ratings.items()}
        return {**self._unknown, **numbers, EVALUATION_S: time.perf_counter() - started}
