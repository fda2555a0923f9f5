"""Starting and stopping Ray, quietly, offline and inside the project's own folders."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.project import PROJECT_ROOT, cache_dir
from trainer.run_groups import RayGroup

# Ray's sockets live under its temporary folder, and a socket path may have at most 107 bytes; Ray
# itself adds about 65.
_LONGEST_TEMP_DIR = 40

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # its C++ side writes warnings straight to the terminal
    "RAY_AUTH_MODE": "disabled",  # else Ray writes a token into ~/.ray
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Without it, waiting threads spin, and a busy machine slows training down to a tenth.
    "OMP_WAIT_POLICY": "passive",
}


def prepare_environment() -> None:
    """Settings that Ray and torch read at import; call it first. Values already set are kept."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    # An import of torch's compiler alone makes this folder.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_dir() / "torchinductor"))


def quiet_logging() -> None:
    """Keep Ray's notices (deprecations inside RLlib, GPU monitoring) off the console."""
    for name in ("ray", "ray.rllib", "ray.tune", "ray._common", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # It logs the traceback of every error in an actor, which is then raised here all the same.
    logging.getLogger("ray.rllib.utils.actor_manager").setLevel(logging.CRITICAL)


def start_ray(settings: RayGroup) -> None:
    """Start or join Ray if `settings` need it and it does not run yet."""
    quiet_logging()
    if settings.is_local:
        return
    import ray

    if ray.is_initialized():
        return
    options: dict[str, Any] = {}
    if settings.address is None:
        # More actors than cores have to share them; Ray would wait for more cores forever.
        cpus = max(os.cpu_count() or 1, settings.num_env_runners + settings.num_learners + 1)
        options = {"num_cpus": cpus, "include_dashboard": False, "_temp_dir": str(_temp_dir())}
    with _stderr_to(cache_dir() / "ray_start.log"), _own_sigterm_handler():
        ray.init(
            address=settings.address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            runtime_env={"env_vars": {"PYTHONPATH": str(PROJECT_ROOT), **_QUIET}},
            **options,
        )


@contextlib.contextmanager
def _own_sigterm_handler() -> Iterator[None]:
    """Keep our handler: Ray's would end the process without a word while Ray starts."""
    import ray

    set_handler = ray._private.utils.set_sigterm_handler
    ray._private.utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        ray._private.utils.set_sigterm_handler = set_handler


@contextlib.contextmanager
def _stderr_to(path: Path) -> Iterator[None]:
    """Send what C++ code writes to stderr into a file; Python's own errors are raised as ever."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with path.open("ab") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def stop_ray() -> None:
    """Leave Ray, if this process started or joined it, and remove its temporary folder."""
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        ray.shutdown()
        shutil.rmtree(_temp_dir(), ignore_errors=True)
        _temp_dir.cache_clear()


@functools.cache
def _temp_dir() -> Path:
    """Where this process lets Ray put sockets and logs; inside the project if its path allows."""
    inside = cache_dir() / "ray" / str(os.getpid())
    if len(str(inside).encode()) <= _LONGEST_TEMP_DIR:
        return inside
    return Path(tempfile.mkdtemp(prefix="ray-"))
