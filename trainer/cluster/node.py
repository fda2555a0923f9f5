"""What a process of Ray does on its node before it serves a run."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_CACHE = "NUMBA_CACHE_DIR"


def prepare_process() -> None:
    """Lets compiled kernels be kept somewhere: numba refuses to work without a folder for them."""
    import envs

    usual = [Path(envs.__path__[0]), Path("~/.cache").expanduser()]
    folders = [Path(os.environ[_CACHE])] if os.environ.get(_CACHE) else usual
    if not any(map(_can_write, folders)):
        os.environ[_CACHE] = str(_last_resort())


def _last_resort() -> Path:
    """A folder of this user's below the temporary one, which all processes of the node share."""
    folder = Path(tempfile.gettempdir()) / f"hide-and-seek-kernels-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # Machine code is run as it is found there: it must not be anybody else's.
    mine = folder.stat().st_uid == os.getuid() and not folder.is_symlink()
    return folder if mine else Path(tempfile.mkdtemp(prefix="hide-and-seek-kernels-"))


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def restarts_of_this_actor() -> int:
    """How often Ray has restarted the actor in which this is called; 0 outside of actors."""
    import ray

    if not ray.is_initialized():
        return 0
    context = ray.get_runtime_context()
    if context.get_actor_id() is None:
        return 0
    from ray._private.state import actors

    known = actors(actor_id=context.get_actor_id())
    return int(known["NumRestarts"]) if known else 0
