"""The code that travels with a run: actors on other machines find it by no path of this one."""

from __future__ import annotations

import functools
import os
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import envs
import trainer
from trainer.cluster.environment import QUIET
from trainer.cluster.ray_job import in_ray_job, job_runtime_env
from trainer.project import PROJECT_ROOT

_OURS = (envs, trainer)
# What a run has written may lie beside a game of one's own; policies that come with the project are
# only read by the training process. Compiled kernels do travel: to make them takes minutes.
_EXCLUDED = ["*.pyc", "/shipped/", "checkpoint_[0-9]*/", "runs/", "*.png", "*.jsonl"]
_HOOK = "trainer.cluster.node.prepare_process"
_PYTHONPATH = "PYTHONPATH"


def local_runtime_env() -> dict[str, Any]:
    """For actors on this machine, which read the project where it lies."""
    return {"env_vars": {_PYTHONPATH: actor_python_path(), **QUIET}}


def actor_python_path() -> str:
    """Where actors of this machine find the code: the project, then what the user has set."""
    return os.pathsep.join(filter(None, [str(PROJECT_ROOT), os.environ.get(_PYTHONPATH)]))


def cluster_runtime_env(make_env: Callable[..., Any]) -> dict[str, Any]:
    """For actors on the machines of a cluster.

    Within a Ray job it adds to what the job was submitted with, and ships nothing that the job's
    own `working_dir` or `py_modules` carry.

    Args:
        make_env: makes the worlds; the modules of a game of one's own travel too.
    """
    variables = dict(QUIET)
    if in_ray_job() is None and (own := os.environ.get(_PYTHONPATH)):
        variables[_PYTHONPATH] = own  # Ray puts what is shipped before it
    chosen: dict[str, Any] = {"env_vars": variables, "worker_process_setup_hook": _HOOK}
    of_job = job_runtime_env()
    if "py_modules" not in of_job and not (of_job.get("working_dir") and _is_in_working_dir()):
        chosen |= {"py_modules": list(map(str, shipped(make_env))), "excludes": _EXCLUDED}
    return _without_conflicts(chosen, of_job)


def shipped(make_env: Callable[..., Any]) -> list[Path]:
    """The packages and modules that actors import, as folders and files."""
    ours = [Path(package.__path__[0]) for package in _OURS]
    return [*ours, *sorted(_own_modules(make_env) - set(ours))]


def _is_in_working_dir() -> bool:
    """Whether the project is part of the folder that the job was submitted with."""
    return PROJECT_ROOT.is_relative_to(Path.cwd())


def _without_conflicts(chosen: dict[str, Any], of_job: dict[str, Any]) -> dict[str, Any]:
    """Ray refuses a key that the job has set too; the job's own counts."""
    taken = of_job.get("env_vars") or {}
    kept = {key: value for key, value in chosen.items() if key not in of_job or key == "env_vars"}
    kept["env_vars"] = {k: v for k, v in chosen["env_vars"].items() if k not in taken}
    return kept


def _own_modules(make_env: Callable[..., Any]) -> set[Path]:
    """What a game of one's own is made of: its package or module, and those beside it in use."""
    function: Any = make_env
    while isinstance(function, functools.partial):
        function = function.func
    found = sys.modules.get(getattr(function, "__module__", None) or type(function).__module__)
    place = None if found is None else _place(found)
    if place is None or place.is_relative_to(PROJECT_ROOT / "envs"):
        return set()
    if found is not None and found.__name__ != "__main__":  # that one travels by value
        return {place, *_beside(place)}
    return _beside(place)


def _beside(place: Path) -> set[Path]:
    """The packages and modules that were imported from the folder that `place` lies in."""
    return {other for other in _loaded() if other.parent == place.parent and other != place}


def _loaded() -> Iterator[Path]:
    for name, module in list(sys.modules.items()):
        if "." not in name and name != "__main__":
            place = _place(module)
            if place is not None:
                yield place


def _place(module: ModuleType) -> Path | None:
    """The folder of a module's package or its file; None of one that is installed or built in."""
    top = sys.modules.get(module.__name__.partition(".")[0], module)
    file = getattr(top, "__file__", None)
    if file is None or not file.endswith(".py"):
        return None
    path = Path(file).resolve()
    if any(path.is_relative_to(folder) for folder in _installed()):
        return None
    return path.parent if path.name == "__init__.py" else path


@functools.cache
def _installed() -> tuple[Path, ...]:
    named = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(Path(path).resolve() for path in {*named, *site.getsitepackages()} if path)
