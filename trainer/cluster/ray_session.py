"""Starting and stopping Ray, quietly, offline and inside the project's own folders."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from envs.batch_env import BatchEnv
from trainer.checkpoints.process_owner import Owner, is_running
from trainer.cluster.addresses import (
    LOCAL,
    Address,
    address_of,
    ask_once,
    check_answers,
    needs_ray,
    unreachable,
)
from trainer.cluster.local_raylet import LocalRaylet
from trainer.cluster.shipped_code import cluster_runtime_env, local_runtime_env
from trainer.config.run_groups import RayGroup
from trainer.project import cache_dir

# Ray's sockets live under its temporary folder, and a socket path may have at most 107 bytes; Ray
# itself adds about 65.
_LONGEST_TEMP_DIR = 40
_OWNER = "owner.json"
_START_LOG = "ray_start.log"
_DAEMONS = {"gcs_server": "Ray's control service, gcs_server,", "raylet": "Ray's raylet"}

_started = False  # whether this process has started or joined a Ray, and has to leave it
_own = False  # whether it has started it
_joined: LocalRaylet | None = None  # of the cluster that it has joined instead


def quiet_logging() -> None:
    """Keeps Ray's notices (deprecations inside RLlib, GPU monitoring) off the console."""
    for name in ("ray", "ray.rllib", "ray.tune", "ray._common", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # It logs the traceback of every error in an actor, which is then raised here all the same.
    logging.getLogger("ray.rllib.utils.actor_manager").setLevel(logging.CRITICAL)


def start_ray(
    settings: RayGroup,
    make_env: Callable[..., Any] = BatchEnv,
    tell: Callable[[str], None] = lambda text: None,
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Starts or joins Ray if `settings` need it and it does not run yet.

    A cluster that is joined is asked for room first, and left running at the end.

    Args:
        settings: which Ray, and for how many processes.
        make_env: makes the worlds; a game of one's own travels to the cluster.
        tell: gets a line whenever there is something to wait for.
        stopped: whether to give up waiting.

    Returns:
        Whether this call did; then the caller must call `stop_ray`.

    Raises:
        ClusterUnreachable: there is no Ray at the address given.
        ClusterTooSmall, StoppedWaiting: see `trainer.cluster.resources.wait_for_room`.
    """
    quiet_logging()
    if not needs_ray(settings):
        return False
    import ray

    if ray.is_initialized():
        return False
    global _started, _own, _joined
    address = address_of(settings)
    _own, _joined = address is None, None
    if address is None:
        _start_own(settings)
        _started = True
        return True
    check_answers(address)
    _join(address, make_env)
    _started, _joined = True, LocalRaylet(ray._private.worker._global_node)
    try:
        from trainer.cluster.resources import wait_for_room

        wait_for_room(settings, tell, stopped)
    except BaseException:
        stop_ray()
        raise
    return True


def _start_own(settings: RayGroup) -> None:
    remove_leftovers()
    # More actors than cores have to share them; Ray would wait for more cores forever.
    runners, learners = settings.num_env_runners, settings.num_learners
    cpus = math.ceil(runners * settings.num_cpus_per_env_runner) + learners + 1
    _init(
        LOCAL,
        local_runtime_env(),
        num_cpus=max(os.cpu_count() or 1, cpus),
        resources={name: n * max(1, runners) for name, n in settings.custom_resources.items() if n},
        include_dashboard=False,
        _temp_dir=str(_temp_dir()),
    )


def _join(address: Address, make_env: Callable[..., Any]) -> None:
    with _stderr_to(cache_dir() / _START_LOG):
        ask_once(address)
    try:
        _init(address.place, cluster_runtime_env(make_env))
    except (ConnectionError, RuntimeError, ValueError) as error:
        causes = [error, *filter(None, [error.__cause__])]
        lines = (str(causes[-1]).strip() or type(error).__name__).splitlines()
        why = lines[-1 if "Traceback" in lines[0] else 0].rstrip(". ")
        hint = "" if "ersion" in why else " (this machine must be one of its nodes)"
        raise unreachable(address, f"{why}{hint}") from error


def _init(address: str, runtime_env: dict[str, Any], **options: Any) -> None:
    import ray

    with _stderr_to(cache_dir() / _START_LOG), _own_handlers():
        ray.init(
            address=address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            runtime_env=runtime_env,
            **options,
        )


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
    if _own:
        shutil.rmtree(_temp_dir(), ignore_errors=True)
        _temp_dir.cache_clear()


def dead_daemon() -> str | None:
    """The name of a dead daemon of Ray that this process cannot live without; None: all live.

    All of the Ray that it started, and its own raylet of a cluster that it has joined.
    """
    if _started and _joined is not None and _joined.is_dead:
        return f"{_DAEMONS['raylet']} of this machine (process {_joined.pid})"
    node = _node()
    dead = {kind: process.pid for kind, process in node.dead_processes()} if node else {}
    return next((f"{_DAEMONS[k]} (process {dead[k]})" for k in _DAEMONS if k in dead), None)


def daemons() -> dict[int, str]:
    """The names, by process id, of Ray's processes that this one cannot live without."""
    if _started and _joined is not None and _joined.pid is not None:
        return {_joined.pid: f"{_DAEMONS['raylet']} of this machine"}
    node = _node()
    if node is None:
        return {}
    own = {process.pid: kind for kind, process in node.live_processes() if kind in _DAEMONS}
    agents = {pid: name for pid in own if own[pid] == "raylet" for pid, name in _agents(pid)}
    return agents | {pid: _DAEMONS[kind] for pid, kind in own.items()}


def _node() -> Any:
    """The daemons of the Ray that this process started; None if there are none."""
    ray = sys.modules.get("ray")
    return ray._private.worker._global_node if _started and _own and ray is not None else None


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
