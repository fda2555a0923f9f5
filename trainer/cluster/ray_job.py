"""Whether this process is the driver of a Ray job, one that was submitted to a cluster."""

from __future__ import annotations

from typing import Any

from trainer.checkpoints.process_owner import ray_job, ray_job_config


def in_ray_job() -> str | None:
    """The submission id of the Ray job whose driver this is; None outside of a job."""
    return ray_job() or None


def job_runtime_env() -> dict[str, Any]:
    """The runtime environment that the job was submitted with; empty outside of a job."""
    given = ray_job_config().get("runtime_env")
    return given if isinstance(given, dict) else {}
