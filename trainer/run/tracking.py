"""Where the curves of a run go besides its history: TensorBoard and MLflow, as configured."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.checkpoints import layout, manifest
from trainer.checkpoints.safe_io import safe_yaml
from trainer.checkpoints.safe_io.plain_values import flatten
from trainer.config.schema import Config
from trainer.reporting.metrics import Row
from trainer.reporting.retrying_writer import RetryingWriter
from trainer.reporting.tensorboard import TensorBoardWriter
from trainer.run.identity import RunIdentity

if TYPE_CHECKING:
    from trainer.reporting.mlflow_tracking import MlflowTracker

_FIGURE = "training_metrics"
_BEST = "best/iteration"


class Tracking:
    """TensorBoard and MLflow of one run; once they are open, none of them ends a training."""

    def __init__(
        self,
        config: Config,
        identity: RunIdentity,
        shown: Mapping[str, Any],
        on_problem: Callable[[str], None],
    ) -> None:
        """`shown` is the configuration as it may be shown: without credentials."""
        self._config, self._identity = config, identity
        self._shown, self._on_problem = shown, on_problem
        self.tensorboard: TensorBoardWriter | None = None
        self.mlflow: MlflowTracker | None = None
        self._rows: RetryingWriter | None = None
        self._best: int | None = None

    def open(
        self, iteration: int, env_steps: int | None, schedules: Mapping[str, Any]
    ) -> contextlib.ExitStack:
        """Begin, or go on from an iteration and its environment steps (None: a new run).

        Returns what closes TensorBoard's file; MLflow is told the end by `finish`.
        """
        tracking, parameters = self._config.tracking, effective_values(self._shown, self._config)
        about = self._identity.metadata()
        opened = contextlib.ExitStack()
        if tracking.mlflow:  # first: a store that refuses leaves no new file behind
            self.mlflow = self._open_mlflow(iteration)
            self._identity.mlflow_run_id = self.mlflow.run_id
            versions = {f"version.{name}": value for name, value in about["versions"].items()}
            self.mlflow.log_params({**parameters, **versions})
            self.mlflow.log_schedules(schedules)
            self.mlflow.log_tags({"mlflow.source.git.commit": about["git_commit"]})
        if tracking.tensorboard_dir is not None:
            folder = Path(tracking.tensorboard_dir).expanduser() / self._identity.name
            self.tensorboard = writer = TensorBoardWriter(folder, resume_env_steps=env_steps)
            opened.callback(writer.close)
            self._rows = RetryingWriter("TensorBoard", writer.write, self._on_problem)
            texts = {"config": _as_code(self._shown), "run": _as_code(about)}
            writer.describe(parameters, texts)
        return opened

    def _open_mlflow(self, iteration: int) -> MlflowTracker:
        from trainer.reporting.mlflow_tracking import MlflowTracker

        tracking, identity = self._config.tracking, self._identity
        return MlflowTracker(
            tracking.mlflow_uri,
            tracking.mlflow_experiment,
            identity.name,
            identity.mlflow_run_id,
            iteration=iteration,
            on_problem=self._on_problem,
        )

    def write(self, row: Row) -> None:
        """One finished iteration."""
        if self._rows is not None:
            self._rows.write(row)
        if self.mlflow is not None:
            self.mlflow.log_row(row)

    def flush(self, *, last: bool = False) -> None:
        """Try again what TensorBoard's disk has refused; with `last` say what is lost."""
        if self._rows is not None:
            self._rows.flush(last=last)

    def show(self, figure: Path, row: Row, best: int | None) -> None:
        """The figure of a checkpoint, and which one is the best by now; from any thread."""
        self._best = best
        if self.tensorboard is not None:
            self.tensorboard.picture(_FIGURE, figure, int(row["env_steps"]))
            if best is not None:
                self.tensorboard.point(_BEST, best, int(row["env_steps"]))

    def checkpoint(self, path: Path, row: Row, schedules: Mapping[str, Any]) -> None:
        """Where a committed checkpoint lies, and its figure."""
        if self.mlflow is None:
            return
        iteration = int(row["iteration"])
        known = {"iteration": iteration, "sha256": manifest.digest(path)}
        self.mlflow.log_checkpoint(path, {**known, **schedules})
        self.mlflow.log_tags({"best_checkpoint_iteration": self._best})
        figure = path.with_name(layout.plot_name(iteration))
        if figure.is_file():  # and not pruned meanwhile, or refused by the disk
            self.mlflow.log_figure(figure)

    def finish(self, status: str) -> None:
        """End the run in MLflow as FINISHED, KILLED or FAILED."""
        if self.mlflow is not None:
            self.mlflow.finish(status)


def effective_values(shown: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Every dotted key with the value that is in force: the level's own, each team's own.

    What is not in use (null, an empty mapping) has no value and is left out.
    """
    game = config.played
    teams = {team: config.ppo.team(team).model_dump(mode="json") for team in game.team_sizes}
    values = {
        **shown,
        "env": dict(game.record),
        "ppo": {**shown["ppo"], **teams},
    }
    return {key: value for key, value in flatten(values).items() if value is not None}


def _as_code(values: Mapping[str, Any]) -> str:
    """Values as YAML in a block of Markdown code."""
    return f"```yaml\n{safe_yaml.dump(dict(values))}```"
