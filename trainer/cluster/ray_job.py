"""Whether this process is the driver of a Ray job, one that was submitted to a cluster."""

from __future__ import annotations

import json
import os
from typing import Any

# Both as Ray's job supervisor sets them for the process that it starts.
_JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
_SUBMISSION_ID = "job_submission_id"


def in_ray_job() -> str | None:
    """The submission id of the Ray job whose driver this is; None outside of a job."""
    given = _job_config().get("metadata")
    found = given.get(_SUBMISSION_ID) if isinstance(given, dict) else None
    return found if isinstance(found, str) and found else None


def job_runtime_env() -> dict[str, Any]:
    """The runtime environment that the job was submitted with; empty outside of a job."""
    given = _job_config().get("runtime_env")
    return given if isinstance(given, dict) else {}


def _job_config() -> dict[str, Any]:
    try:
        config = json.loads(os.environ.get(_JOB_CONFIG, "{}"))
    except ValueError:
        return {}
    return config if isinstance(config, dict) else {}
