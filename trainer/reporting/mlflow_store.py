"""Opens an MLflow store and finds runs and experiments in it.

Only opening one imports MLflow, which is optional (`pip install -r requirements-mlflow.txt`).
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainer.checkpoints.safe_io.redaction import has_credentials, redacted
from trainer.errors import UsageError

_SQL = ("sqlite", "postgresql", "mysql", "mssql")
_ENVIRONMENT = {  # quiet, and a server that is gone does not stop a training for minutes
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
_NO_TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


class TrackingError(UsageError):
    """Tracking that cannot be done as configured (exit code 2)."""


def check_uri(uri: str) -> None:
    """Checks, without opening it, that a URI names a store and MLflow is there; TrackingError."""
    scheme, _, path = uri.partition("://")
    if not path:
        raise TrackingError(f"tracking.mlflow_uri: {uri!r} is no URI like sqlite:///runs/mlflow.db")
    if scheme == "sqlite" and has_credentials(uri):
        raise TrackingError(f"tracking.mlflow_uri: {uri!r}: a file takes no credentials")
    if importlib.util.find_spec("mlflow") is None:
        raise TrackingError(
            "tracking.mlflow is true, but MLflow is not installed\n"
            "Do pip install -r requirements-mlflow.txt, or set it to false to train without it"
        )


@contextmanager
def open_store(uri: str, *, create: bool) -> Iterator[Any]:
    """A client of the store; failures as TrackingError."""
    check_uri(uri)
    scheme = uri.partition("://")[0]
    try:
        if scheme == "sqlite":
            file = _sqlite_file(uri)
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
        yield tracking.MlflowClient(uri, uri)
    except TrackingError:
        raise
    except Exception as error:
        raise TrackingError(
            f"tracking.mlflow_uri: the store {redacted(uri)} cannot be used: {reason(error)}\n"
            "Correct it, or set tracking.mlflow to false to train without it"
        ) from error


def get_run(client: Any, uri: str, run_id: str) -> Any:
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
    runs = ", ".join(f"{i} ({names[i]})" for i in (meant or list(names))[:3])
    raise TrackingError(
        f"tracking.mlflow_uri: there is no run {run_id!r} in {redacted(uri)}, or it was deleted; "
        f"{hint} {runs}".rstrip()
    )


def experiment_id(client: Any, uri: str, name: str) -> str:
    """The id of an experiment, made if it is not there; its files lie beside an SQLite store."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    place = None
    if uri.startswith("sqlite:"):
        place = (_sqlite_file(uri).parent / "mlflow_artifacts").as_uri()
    return str(client.create_experiment(name, artifact_location=place))


def _sqlite_file(uri: str) -> Path:
    return Path(uri.partition("://")[2].removeprefix("/")).expanduser().absolute()


def reason(error: BaseException) -> str:
    text = next(iter(redacted(str(error)).strip().splitlines()), type(error).__name__)
    return text[:300]
