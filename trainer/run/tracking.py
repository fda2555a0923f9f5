"""Where the curves of a run go beside its history: TensorBoard, MLflow, and Ray if it is joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from trainer.checkpoints import layout, manifest
from trainer.checkpoints.safe_io import safe_yaml
from trainer.checkpoints.safe_io.plain_values import flatten
from trainer.config.schema import Config
from trainer.reporting.metrics import Row
from trainer.reporting.ray_metrics import RayMetrics, is_joined
from trainer.reporting.retrying_writer import RetryingWriter
from trainer.reporting.tensorboard import TensorBoardWriter
from trainer.run.identity import RunIdentity
from trainer.run.snapshot import shown_config

_FIGURE = "training_metrics"
_BEST = "best/iteration"


class RowSink(Protocol):
    """What takes the metrics row of each iteration."""

    def write(self, row: Row) -> None:
        """Takes the row of a finished iteration; a failure to write it never ends training."""

    def flush(self, *, last: bool = False) -> None:
        """Retries the rows that could not be written; with `last` reports those that are lost."""


class Tracker(RowSink, Protocol):
    """A sink that also shows the checkpoints of a run."""

    def show(self, figure: Path, row: Row, best: int | None) -> None:
        """Takes the figure of a checkpoint and the iteration of the best one, in any thread."""

    def checkpoint(self, path: Path, row: Row, schedules: Mapping[str, Any]) -> None:
        """Takes a committed checkpoint and how far the schedules are."""

    def finish(self, status: str) -> None:
        """Ends the run as FINISHED, KILLED or FAILED."""


@dataclass(frozen=True)
class TrackingStart:
    """Where the curves of a run begin.

    Attributes:
        iteration: the one that the run continues from; 0 for a new run.
        env_steps: its lifetime env steps; None for a new run.
        schedules: how far the schedules are, as in a checkpoint's metadata.
    """

    iteration: int
    env_steps: int | None
    schedules: Mapping[str, Any]


def open_trackers(
    config: Config,
    identity: RunIdentity,
    start: TrackingStart,
    on_problem: Callable[[str], None],
) -> Iterator[Tracker]:
    """Opens the configured trackers, one by one; `identity` gets the id of the MLflow run.

    Args:
        config: the resolved configuration; shown without credentials.
        identity: of the run.
        start: where its curves begin.
        on_problem: gets the text of a problem that later writes meet.

    Raises:
        TrackingError: MLflow's store cannot be used.
        OSError: TensorBoard's file cannot be made.
    """
    parameters, about = effective_values(config), identity.metadata()
    if config.tracking.mlflow:  # first: a store that refuses leaves no new file behind
        yield MlflowRun(config, identity, start, parameters, on_problem)
    if config.tracking.tensorboard_dir is not None:
        folder = Path(config.tracking.tensorboard_dir).expanduser() / identity.name
        texts = {"config": _as_code(shown_config(config)), "run": _as_code(about)}
        yield TensorBoardRun(folder, start.env_steps, parameters, texts, on_problem)
    if is_joined():
        yield RayRun(identity.name, on_problem)


class TensorBoardRun:
    """The event file of a run; a row that the disk refuses waits."""

    def __init__(
        self,
        folder: Path,
        env_steps: int | None,
        parameters: Mapping[str, Any],
        texts: Mapping[str, str],
        on_problem: Callable[[str], None],
    ) -> None:
        """Opens the file; see `TensorBoardWriter` and its `describe` for the arguments."""
        self._writer = TensorBoardWriter(folder, resume_env_steps=env_steps)
        self._rows = RetryingWriter("TensorBoard", self._writer.write, on_problem)
        self.write, self.flush = self._rows.write, self._rows.flush
        self._writer.describe(parameters, texts)

    def show(self, figure: Path, row: Row, best: int | None) -> None:
        """Adds the figure and a point of the best checkpoint's curve."""
        self._writer.picture(_FIGURE, figure, int(row["env_steps"]))
        if best is not None:
            self._writer.point(_BEST, best, int(row["env_steps"]))

    def checkpoint(self, path: Path, row: Row, schedules: Mapping[str, Any]) -> None:
        """Nothing: TensorBoard has no place for it."""

    def finish(self, status: str) -> None:
        """Closes the file."""
        self._writer.close()


class MlflowRun:
    """The run in an MLflow store."""

    def __init__(
        self,
        config: Config,
        identity: RunIdentity,
        start: TrackingStart,
        parameters: Mapping[str, Any],
        on_problem: Callable[[str], None],
    ) -> None:
        """Starts the run, or continues the one that `identity` names."""
        from trainer.reporting.mlflow_tracking import MlflowTracker

        self._tracker = MlflowTracker(
            config.tracking.mlflow_uri,
            config.tracking.mlflow_experiment,
            identity.name,
            identity.mlflow_run_id,
            iteration=start.iteration,
            on_problem=on_problem,
        )
        self._best: int | None = None
        self.write = self._tracker.log_row
        identity.mlflow_run_id = self._tracker.run_id
        about = identity.metadata()
        versions = {f"version.{name}": value for name, value in about["versions"].items()}
        self._tracker.log_params({**parameters, **versions, **start.schedules})
        self._tracker.log_tags({"mlflow.source.git.commit": about["git_commit"]})

    def flush(self, *, last: bool = False) -> None:
        """Nothing: the tracker retries by itself, and once more at the end."""

    def show(self, figure: Path, row: Row, best: int | None) -> None:
        """Keeps the best one; the rest follows in `checkpoint`, in the training thread."""
        self._best = best

    def checkpoint(self, path: Path, row: Row, schedules: Mapping[str, Any]) -> None:
        """Tags the run with the checkpoint and the best one, and keeps the figure."""
        iteration = int(row["iteration"])
        self._tracker.log_checkpoint(path, iteration, manifest.digest(path), schedules)
        self._tracker.log_tags({"best_checkpoint_iteration": self._best})
        figure = path.with_name(layout.plot_name(iteration))
        if figure.is_file():  # and not pruned meanwhile, or refused by the disk
            self._tracker.log_figure(figure)

    def finish(self, status: str) -> None:
        """Writes the waiting rows and ends the run."""
        self._tracker.finish(status)


class RayRun:
    """The gauges of a run on the Ray that it has joined."""

    def __init__(self, run_name: str, on_problem: Callable[[str], None]) -> None:
        """See `RayMetrics`."""
        self._metrics = RayMetrics(run_name, on_problem=on_problem)
        self.write = self._metrics.write

    def flush(self, *, last: bool = False) -> None:
        """Nothing: a gauge has the newest value only."""

    def show(self, figure: Path, row: Row, best: int | None) -> None:
        """Nothing: a gauge is a number."""

    def checkpoint(self, path: Path, row: Row, schedules: Mapping[str, Any]) -> None:
        """The age of the checkpoint begins anew."""
        self._metrics.saved()

    def finish(self, status: str) -> None:
        """Nothing: Ray forgets the gauges of a process that has ended."""


def effective_values(config: Config) -> dict[str, Any]:
    """Every dotted key with its effective value: the level's own, each team's own.

    A key without effect (null, an empty mapping) is left out; credentials are hidden.
    """
    shown, game = shown_config(config), config.played
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
