"""A run in an MLflow store: parameters, metrics per iteration, and where its checkpoints are.

Optional (`pip install -r requirements-mlflow.txt`): only opening a store imports MLflow. Rows are
written at once, some 10 ms each on SQLite: a killed run keeps them all. Their step is the lifetime
environment steps, as TensorBoard's. Of a checkpoint only the figure is copied.

MLflow changes neither parameters nor points. So a parameter keeps its first value, and once another
is in force, a tag of the same name has it; the progress of the schedules is a tag, and becomes a
parameter when the run first ends. A run that was killed after its last checkpoint repeats some
iterations, to the same values: their rows are left out. A run resumed from a checkpoint older than
its newest is another run, nested in the first.
"""

from __future__ import annotations

import importlib
import json
import math
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.checkpoints.safe_io.plain_values import flatten
from trainer.checkpoints.safe_io.redaction import redacted
from trainer.reporting.mlflow_store import experiment_id, get_run, open_store, reason
from trainer.reporting.tensorboard import tag_of

_CURRENT = ("schedule_current_iterations", "schedule_current_timesteps")
_FIGURE = "training_metrics.png"
_UNFIT = re.compile(r"[^\w\-. :/]")  # what MLflow does not take in a name
_LONGEST = 5000  # characters; MLflow takes 6000 in a parameter, 8000 in a tag
_BACKLOG = 100_000  # points kept while the store does not answer: some thousand iterations
_PAUSE_S = 30.0


@dataclass(frozen=True)
class TrackedRun:
    """The newest checkpoint of a run in the store; None for what was never logged."""

    checkpoint_path: Path | None
    checkpoint_sha256: str | None


class MlflowTracker:
    """The run `run_id`. Once it is open nothing raises: a store that fails is reported, once.

    What could not be written is kept and follows when the store works again.

    Attributes:
        run_id: MLflow's id of the run.
        retry_at: when a store that failed is tried again, on the clock of `time.monotonic`.
        unsent: MLflow's metrics that are not in the store yet.
    """

    def __init__(
        self,
        uri: str,
        experiment: str,
        run_name: str,
        run_id: str | None = None,
        *,
        iteration: int | None = None,
        on_problem: Callable[[str], None] = lambda message: None,
    ) -> None:
        """Starts a run, or continues `run_id` in the experiment and under the name it has.

        A relative path in `uri` counts from the current folder; missing folders are made.
        `iteration` is that of the checkpoint that the run resumes.

        Raises:
            TrackingError: MLflow is missing, the store cannot be used or the run is unknown.
        """
        self._on_problem = on_problem
        self.retry_at, self._failing, self._logged = 0.0, False, 0
        self._params, self._tags = dict[str, str](), dict[str, str]()  # those in the store
        self._new_values, self._new_tags = dict[str, str](), dict[str, str]()
        self.unsent: list[Any] = []
        with open_store(uri, create=True) as self._client:
            self._shown, self._entities = redacted(uri), importlib.import_module("mlflow.entities")
            if run_id is None:
                home = experiment_id(self._client, uri, experiment)
                self.run_id = self._client.create_run(home, run_name=run_name).info.run_id
                return
            found = get_run(self._client, uri, run_id)
            newest = found.data.tags.get("checkpoint_iteration", "")
            if iteration is not None and newest.isdecimal() and iteration < int(newest):
                self.run_id = self._client.create_run(
                    found.info.experiment_id,
                    run_name=f"{found.info.run_name} from iteration {iteration}",
                    tags={"mlflow.parentRunId": run_id},
                ).info.run_id
                return
            self.run_id, self._params, self._tags = run_id, found.data.params, found.data.tags
            self._client.update_run(run_id, status="RUNNING")
            history = self._client.get_metric_history(run_id, tag_of("iteration"))
            self._logged = max((point.step for point in history), default=0)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """The configuration and how far the schedules are, nested or flat."""
        found = flatten(params).items()
        self._new_values.update({_UNFIT.sub("_", key): _text(value) for key, value in found})
        self._sync()

    def log_tags(self, tags: Mapping[str, Any]) -> None:
        """What a run is found by, such as its commit; what is not known (None) is left out."""
        self._new_tags |= {key: _text(value) for key, value in tags.items() if value is not None}
        self._sync()

    def log_row(self, row: Mapping[str, float | int]) -> None:
        """One iteration, under the names of TensorBoard; nan and infinite values are left out."""
        step, now = int(row["env_steps"]), time.time_ns() // 1_000_000
        if step <= self._logged:
            return
        self._logged = step
        metric = self._entities.Metric
        self.unsent += [
            metric(tag_of(key), float(value), now, step)
            for key, value in row.items()
            if math.isfinite(value)
        ]
        del self.unsent[:-_BACKLOG]
        self._sync()

    def log_checkpoint(
        self, path: Path, iteration: int, sha256: str, schedules: Mapping[str, Any]
    ) -> None:
        """Tags for `find_run`: `checkpoint_path` (absolute), `_iteration` and `_sha256`."""
        found = {"iteration": str(iteration), "sha256": sha256, "path": str(path.absolute())}
        self._new_tags |= {f"checkpoint_{key}": text for key, text in found.items()}
        self.log_params(schedules)

    def log_figure(self, path: Path) -> None:
        """Keeps a copy of a picture as the run's newest figure."""
        self._sync(figure=path)

    def finish(self, status: str) -> None:
        """Writes what is left and ends the run as FINISHED, KILLED or FAILED."""
        self._sync(status)

    def _sync(self, end: str | None = None, figure: Path | None = None) -> None:
        started = time.monotonic()
        if started < self.retry_at and end is None:
            return
        try:
            self._write(ending=end is not None)
            if figure is not None:
                self._copy(figure)
            if end is not None:
                self._client.set_terminated(self.run_id, end)
            self._failing = False
        except Exception as error:  # nothing that a store does may end a training
            # SQLite waits 20 s for a lock: no more than a tenth of the time may go into waiting.
            self.retry_at = started + max(_PAUSE_S, 10 * (time.monotonic() - started))
            if not self._failing:
                self._failing = True
                self._on_problem(
                    f"tracking.mlflow: run {self.run_id} could not be written to {self._shown}: "
                    f"{reason(error)}; training continues, and writing is retried"
                )

    def _write(self, *, ending: bool) -> None:
        """Values become parameters where the run has none yet, and tags where they differ."""
        # The client itself splits what is too long for one call. Points come first, and alone: a
        # value that the store refuses must not keep them back.
        self._client.log_batch(self.run_id, metrics=self.unsent, synchronous=True)
        self.unsent = []
        values = self._new_values
        if ending:
            values = {key: self._tags[key] for key in _CURRENT if key in self._tags} | values
        others = self._params if ending else {*self._params, *_CURRENT}
        new = {k: v for k, v in values.items() if k not in others}
        known = self._params | new
        newest = {k: v for k, v in values.items() if k in self._tags or known.get(k) != v}
        newest |= self._new_tags
        params = [self._entities.Param(*item) for item in new.items()]
        tags = [self._entities.RunTag(*item) for item in newest.items()]
        self._client.log_batch(self.run_id, params=params, tags=tags, synchronous=True)
        self._params, self._tags = known, self._tags | newest
        self._new_values, self._new_tags = {}, {}

    def _copy(self, figure: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:  # an artifact has the name of its file
            self._client.log_artifact(self.run_id, shutil.copyfile(figure, f"{folder}/{_FIGURE}"))


def find_run(uri: str, run_id: str) -> TrackedRun:
    """Looks up a run, to continue it.

    Raises:
        TrackingError: MLflow or the store is missing, the store cannot be read or has no such run;
            the message names those that may be meant.
    """
    with open_store(uri, create=False) as client:
        tags = get_run(client, uri, run_id).data.tags
    path = tags.get("checkpoint_path")
    return TrackedRun(Path(path) if path else None, tags.get("checkpoint_sha256"))


def _text(value: Any) -> str:
    """A value as it is written in the configuration: 0.0005, true, null, [1, 2], text."""
    text = value if isinstance(value, str) else json.dumps(value, default=str).strip('"')
    text = redacted(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
