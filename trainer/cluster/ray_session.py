"""Starting and stopping Ray, quietly, offline and inside the project's own folders."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from trainer.checkpoints.process_owner import Owner, is_running
from trainer.cluster.environment import QUIET
from trainer.config.run_groups import RayGroup
from trainer.project import PROJECT_ROOT, cache_dir

# Ray's sockets live under its temporary folder, and a socket path may have at most 107 bytes; Ray
# itself adds about 65.
_LONGEST_TEMP_DIR = 40
_OWNER = "owner.json"
_DAEMONS = {"gcs_server": "Ray's control service, gcs_server,", "raylet": "Ray's raylet"}

_started = False  # whether the Ray that runs is ours to stop


def quiet_logging() -> None:
    """Keeps Ray's notices (deprecations inside RLlib, GPU monitoring) off the console."""
    for name in ("ray", "ray.rllib", "ray.tune", "ray._common", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # It logs the traceback of every error in an actor, which is then raised here all the same.
    logging.getLogger("ray.rllib.utils.actor_manager").setLevel(logging.CRITICAL)


def start_ray(settings: RayGroup) -> bool:
    """Starts or joins Ray if `settings` need it and it does not run yet.

    Returns:
        Whether this call did; then the caller must call `stop_ray`.
    """
    quiet_logging()
    if settings.is_local:
        return False
    import ray

    if ray.is_initialized():
        return False
    options: dict[str, Any] = {}
    if settings.address is None:
        remove_leftovers()
        # More actors than cores have to share them; Ray would wait for more cores forever.
        cpus = max(os.cpu_count() or 1, settings.num_env_runners + settings.num_learners + 1)
        options = {"num_cpus": cpus, "include_dashboard": False, "_temp_dir": str(_temp_dir())}
    with _stderr_to(cache_dir() / "ray_start.log"), _own_handlers():
        ray.init(
            address=settings.address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            runtime_env={"env_vars": {"PYTHONPATH": actor_python_path(), **QUIET}},
            **options,
        )
    global _started
    _started = True
    return True


def actor_python_path() -> str:
    """Where actors find this code: the project, then what the user has set."""
    return os.pathsep.join(filter(None, [str(PROJECT_ROOT), os.environ.get("PYTHONPATH")]))


@contextlib.contextmanager
def _own_handlers() -> Iterator[None]:
    """Keeps our handlers of signals, and Ray's reports of dead processes off the console.

    Ray's handler of SIGTERM would end the process silently while Ray starts, and that of its C++
    code puts a stack trace on the console. What Ray would print of dead processes also comes as an
    error (see `trainer/cluster/ray_failures.py`).
    """
    import ray

    replaced = {
        (ray._private.utils, "set_sigterm_handler"): lambda handler: None,
        (ray._private.worker, "listen_error_messages"): lambda worker, threads_stopped: None,
    }
    originals = {place: getattr(*place) for place in replaced}
    for place, stand_in in replaced.items():
        setattr(*place, stand_in)
    try:
        yield
    finally:
        for place, original in originals.items():
            setattr(*place, original)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if (handler := signal.getsignal(number)) is not None:
                    signal.signal(number, handler)  # Python still knows it, the system does not


@contextlib.contextmanager
def _stderr_to(path: Path) -> Iterator[None]:
    """Sends what C++ code writes to stderr into a file; Python's own errors are still raised."""
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
    """Leaves the Ray that `start_ray` started or joined, and removes its temporary folder."""
    global _started
    ray = sys.modules.get("ray")
    if not _started or ray is None:
        return
    if dead_daemon() is None:
        ray.shutdown()
    else:  # it would wait for them, or end this process silently
        ray._private.auto_init_hook.enable_auto_connect = (
            False  # a late call must not start another Ray
        )
        ray._private.worker._global_node.kill_all_processes(
            check_alive=False, allow_graceful=False, wait=True
        )
    _started = False
    shutil.rmtree(_temp_dir(), ignore_errors=True)
    _temp_dir.cache_clear()


def dead_daemon() -> str | None:
    """The name of a dead daemon of the Ray that this process started; None if all live."""
    node = _node()
    dead = {kind: process.pid for kind, process in node.dead_processes()} if node else {}
    return next((f"{_DAEMONS[k]} (process {dead[k]})" for k in _DAEMONS if k in dead), None)


def daemons() -> dict[int, str]:
    """The names, by process id, of Ray's processes that this one cannot live without."""
    node = _node()
    if node is None:
        return {}
    own = {process.pid: kind for kind, process in node.live_processes() if kind in _DAEMONS}
    agents = {pid: name for pid in own if own[pid] == "raylet" for pid, name in _agents(pid)}
    return agents | {pid: _DAEMONS[kind] for pid, kind in own.items()}


def _node() -> Any:
    """The daemons of the Ray that this process started; None if there are none."""
    ray = sys.modules.get("ray")
    return ray._private.worker._global_node if _started and ray is not None else None


def _agents(raylet: int) -> Iterator[tuple[int, str]]:
    """The agents that a raylet dies with; none on a system without /proc."""
    with contextlib.suppress(OSError):
        for pid in Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split():
            name = Path(f"/proc/{pid}/cmdline").read_text().strip("\0 ")
            if name.startswith("ray::") and name.endswith("Agent"):
                yield int(pid), f"Ray's {name.removeprefix('ray::')}"


@functools.cache
def _temp_dir() -> Path:
    """Where this process lets Ray put sockets and logs; inside the project if its path allows."""
    folder = cache_dir() / "ray" / str(os.getpid())
    if len(str(folder).encode()) > _LONGEST_TEMP_DIR:
        folder = Path(tempfile.mkdtemp(prefix="ray-"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _OWNER).write_text(Owner.this_process(datetime.now()).encode())
    return folder


def remove_leftovers() -> None:
    """Removes the temporary folders of runs that were killed."""
    own = [path for path in (cache_dir() / "ray").glob("*") if path.name.isdecimal()]
    elsewhere = [path.parent for path in Path(tempfile.gettempdir()).glob(f"ray-*/{_OWNER}")]
    for folder in own + elsewhere:
        try:
            owner = Owner.read(folder / _OWNER)
        except (OSError, ValueError):
            continue
        dead = not is_running(int(folder.name), 0) if owner is None else owner.is_dead
        if dead:
            shutil.rmtree(folder, ignore_errors=True)


_PUT = threading.RLock()


@contextlib.contextmanager
def without_object_store() -> Iterator[None]:
    """Lets this thread build and restore an all-local algorithm without starting Ray.

    RLlib puts its configuration and weights into the object store even where no actor will ever
    fetch them, which starts Ray's daemons: seconds, 400 MB and files outside the project. Nothing
    else needs them there.
    """
    import ray

    with _PUT:
        put, thread = ray.put, threading.get_ident()

        def keep(value: Any, *args: Any, **kwargs: Any) -> Any:
            return value if threading.get_ident() == thread else put(value, *args, **kwargs)

        ray.put = keep
        try:
            yield
        finally:
            ray.put = put
