"""A run in an MLflow store: parameters, metrics per iteration, and where its checkpoints are.

Optional (``pip install -r requirements-mlflow.txt``): only opening a store imports MLflow. Rows are
written at once, some 10 ms each on SQLite: a killed run keeps them all. No file is copied.

MLflow changes neither parameters nor points. So a parameter keeps its first value, and once another
is in force, a tag of the same name has it; ``schedule_current_timesteps`` is a tag, and a parameter
from when the run first ends. Points after the iteration that a run is continued from are removed
from a SQL store; on a tracking server they stay, and rows up to them are left out.
"""

from __future__ import annotations

import importlib
import json
import logging
import math
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.config_keys import flatten
from trainer.errors import UsageError
from trainer.tensorboard import tag_of

SCHEDULE_PREFIX = "schedule_"
_CURRENT = "schedule_current_timesteps"
_SQL = ("sqlite", "postgresql", "mysql", "mssql")
_UNFIT = re.compile(r"[^\w\-. :/]")  # what MLflow does not take in a name
_LONGEST = 5000  # characters; MLflow takes 6000 in a parameter, 8000 in a tag
_BACKLOG = 100_000  # points kept while the store does not answer: some thousand iterations
_PAUSE_S = 30.0
_ENVIRONMENT = {  # quiet, and a server that is gone does not stop a training for minutes
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
_NO_TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


class TrackingError(UsageError):
    """Tracking that cannot be done as configured (exit code 2)."""


@dataclass(frozen=True)
class TrackedRun:
    """What the store knows of a run; None for what was never logged."""

    run_id: str
    name: str
    status: str
    iteration: int | None
    checkpoint_path: Path | None
    checkpoint_sha256: str | None
    schedules: dict[str, Any]


class MlflowTracker:
    """The run ``run_id``. Once it is open nothing raises: a store that fails is reported, once.

    What could not be written is kept and follows when the store works again.
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
        """Start a run, or continue ``run_id`` in the experiment and under the name it has.

        A relative path in ``uri`` counts from the current folder; missing folders are made.
        ``iteration`` is what the run goes on from; without it, nothing is removed from the run.
        Raises TrackingError if MLflow is missing, the store cannot be used or the run is unknown.
        """
        self._on_problem = on_problem
        self._failing, self._retry_at, self._logged = False, 0.0, 0
        self._params, self._tags = dict[str, str](), dict[str, str]()  # those in the store
        self._new_values, self._new_tags = dict[str, str](), dict[str, str]()
        self._points: list[Any] = []
        with _store(uri, create=True) as (self._client, engine):
            self._shown, self._entities = _shown(uri), importlib.import_module("mlflow.entities")
            if run_id is None:
                found = self._client.get_experiment_by_name(experiment)
                home = found.experiment_id if found else self._client.create_experiment(experiment)
                self.run_id = self._client.create_run(home, run_name=run_name).info.run_id
                return
            data = _get_run(self._client, uri, run_id).data
            self.run_id, self._params, self._tags = run_id, dict(data.params), dict(data.tags)
            self._client.update_run(run_id, status="RUNNING")
            history = self._client.get_metric_history(run_id, tag_of("iteration"))
            self._logged = max((point.step for point in history), default=0)
            if iteration is not None and iteration < self._logged and engine is not None:
                _forget_after(engine, run_id, iteration)
                self._logged = iteration

    def log_params(self, params: Mapping[str, Any]) -> None:
        """The configuration, nested or flat."""
        found = flatten(params).items()
        self._new_values.update({_UNFIT.sub("_", key): _text(value) for key, value in found})
        self._sync()

    def log_schedules(self, metadata: Mapping[str, Any]) -> None:
        """Take over the ``schedule_*`` entries of ``metadata``; others are ignored."""
        found = {key: value for key, value in metadata.items() if key.startswith(SCHEDULE_PREFIX)}
        self.log_params(found)

    def log_row(self, row: Mapping[str, float | int]) -> None:
        """One iteration, under the names of TensorBoard; nan and infinite figures are left out."""
        step, now = int(row["iteration"]), time.time_ns() // 1_000_000
        if step <= self._logged:
            return
        self._logged = step
        metric = self._entities.Metric
        self._points += [
            metric(tag_of(key), float(value), now, step)
            for key, value in row.items()
            if math.isfinite(value)
        ]
        del self._points[:-_BACKLOG]
        self._sync()

    def log_checkpoint(self, path: Path, metadata: Mapping[str, Any]) -> None:
        """Tags for `find_run`: ``checkpoint_path`` (absolute), ``_iteration`` and ``_sha256``.

        The latter two and the schedules come from ``metadata``.
        """
        for key in ("iteration", "sha256"):
            self._new_tags[f"checkpoint_{key}"] = _text(metadata.get(key))
        self._new_tags["checkpoint_path"] = str(path.absolute())
        self.log_schedules(metadata)

    def finish(self, status: str) -> None:
        """Write what is left and end the run as FINISHED, KILLED or FAILED."""
        self._sync(status)

    def _sync(self, end: str | None = None) -> None:
        started = time.monotonic()
        if started < self._retry_at and end is None:
            return
        try:
            self._write(ending=end is not None)
            if end is not None:
                self._client.set_terminated(self.run_id, end)
            self._failing = False
        except Exception as error:  # nothing that a store does may end a training
            # SQLite waits 20 s for a lock: no more than a tenth of the time may go into waiting.
            self._retry_at = started + max(_PAUSE_S, 10 * (time.monotonic() - started))
            if not self._failing:
                self._failing = True
                self._on_problem(
                    f"tracking.mlflow: run {self.run_id} could not be written to {self._shown}: "
                    f"{_reason(error)}; the training goes on, and writing is tried again"
                )

    def _write(self, *, ending: bool) -> None:
        """Values become parameters where the run has none yet, and tags where they differ."""
        # The client itself splits what is too long for one call. Points come first, and alone: a
        # value that the store refuses must not keep them back.
        self._client.log_batch(self.run_id, metrics=self._points, synchronous=True)
        self._points = []
        values = self._new_values
        if ending and _CURRENT in self._tags:
            values = {_CURRENT: self._tags[_CURRENT], **values}
        others = self._params if ending else {*self._params, _CURRENT}
        new = {k: v for k, v in values.items() if k not in others}
        known = self._params | new
        newest = {k: v for k, v in values.items() if k in self._tags or known.get(k) != v}
        newest |= self._new_tags
        params = [self._entities.Param(*item) for item in new.items()]
        tags = [self._entities.RunTag(*item) for item in newest.items()]
        self._client.log_batch(self.run_id, params=params, tags=tags, synchronous=True)
        self._params, self._tags = known, self._tags | newest
        self._new_values, self._new_tags = {}, {}


def find_run(uri: str, run_id: str) -> TrackedRun:
    """Look up a run, to continue it.

    Raises TrackingError if MLflow or the store is missing, the store cannot be read or it has no
    such run; the message names those that may be meant.
    """
    with _store(uri, create=False) as (client, _):
        run = _get_run(client, uri, run_id)
    tags = run.data.tags
    iteration, path = tags.get("checkpoint_iteration", ""), tags.get("checkpoint_path")
    newest = {**run.data.params, **tags}
    return TrackedRun(
        run_id=run_id,
        name=run.info.run_name,
        status=run.info.status,
        iteration=int(iteration) if iteration.isdecimal() else None,
        checkpoint_path=Path(path) if path else None,
        checkpoint_sha256=tags.get("checkpoint_sha256"),
        schedules={k: _value(v) for k, v in newest.items() if k.startswith(SCHEDULE_PREFIX)},
    )


@contextmanager
def _store(uri: str, *, create: bool) -> Iterator[tuple[Any, Any]]:
    """A client of the store and SQLAlchemy's engine, if it is SQL; failures as TrackingError."""
    engine = None
    try:
        scheme, _, path = uri.partition("://")
        if not path:
            raise TrackingError(
                f"tracking.mlflow_uri: {uri!r} is no URI like sqlite:///runs/mlflow.db"
            )
        if scheme == "sqlite":
            file = Path(path.removeprefix("/")).expanduser().absolute()
            if not create and not file.is_file():
                raise TrackingError(f"tracking.mlflow_uri: there is no store at {file}")
            file.parent.mkdir(parents=True, exist_ok=True)
            uri = f"sqlite:///{file}"
        os.environ.update(_ENVIRONMENT | dict(os.environ) | _NO_TELEMETRY)
        tracking = importlib.import_module("mlflow.tracking")
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # it is the tracker that reports
        if scheme.split("+")[0] in _SQL:
            # MLflow itself would try for minutes to open what cannot be opened.
            sqlalchemy = importlib.import_module("sqlalchemy")
            engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
            sqlalchemy.inspect(engine).get_table_names()
        yield tracking.MlflowClient(uri, uri), engine
    except TrackingError:
        raise
    except Exception as error:
        missing = isinstance(error, ImportError)
        way = "Do pip install -r requirements-mlflow.txt" if missing else "Correct it"
        raise TrackingError(
            f"tracking.mlflow_uri: the store {_shown(uri)} cannot be used: {_reason(error)}\n"
            f"{way}, or set tracking.mlflow to false to train without it"
        ) from error


def _get_run(client: Any, uri: str, run_id: str) -> Any:
    """The run; raises TrackingError, with the runs that may be meant, if there is none."""
    try:
        run = client.get_run(run_id)
        if run.info.lifecycle_stage == "active":
            return run
    except importlib.import_module("mlflow.exceptions").MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
    everywhere = [found.experiment_id for found in client.search_experiments()]
    newest = client.search_runs(everywhere, max_results=50, order_by=["start_time DESC"])
    names = {run.info.run_id: run.info.run_name for run in newest}
    meant = [i for i, name in names.items() if run_id and (i.startswith(run_id) or name == run_id)]
    hint = "there are no runs" if not names else "did you mean" if meant else "the newest are"
    shown = ", ".join(f"{i} ({names[i]})" for i in (meant or list(names))[:3])
    raise TrackingError(
        f"tracking.mlflow_uri: there is no run {run_id!r} in {_shown(uri)}, or it was deleted; "
        f"{hint} {shown}".rstrip()
    )


def _forget_after(engine: Any, run_id: str, iteration: int) -> None:
    """Remove the points after an iteration: MLflow draws every point that a step ever had."""
    text = importlib.import_module("sqlalchemy").text
    where, values = "WHERE run_uuid = :run AND step > :last", {"run": run_id, "last": iteration}
    with engine.begin() as connection:
        connection.execute(text(f"DELETE FROM metrics {where}"), values)
        # The newest point of a metric is kept here as well; the next row must come after it.
        connection.execute(text(f"UPDATE latest_metrics SET step = :last {where}"), values)


def _text(value: Any) -> str:
    """A value as it is written in the configuration: 0.0005, true, null, [1, 2], text."""
    text = value if isinstance(value, str) else json.dumps(value, default=str).strip('"')
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _shown(uri: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", uri)  # without the password


def _reason(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
