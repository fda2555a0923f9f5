"""Commands and paths as their reader would type them.

On this machine, with the scripts of a checkout or with installed programs; or where the log of a
Ray job is read, which is another place.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.checkpoints.process_owner import ray_job, ray_job_config, submitted_to
from trainer.project import PROJECT_ROOT, is_checkout, profiles

ENTRY_POINTS = {  # of the installed package, by script; see pyproject.toml
    "main.py": "hide-and-seek-train",
    "continue_training.py": "hide-and-seek-continue",
    "list_checkpoints.py": "hide-and-seek-list",
    "demo_model.py": "hide-and-seek-demo",
}
MODULES = {  # the same for those that `python -m` runs
    "trainer.checkpoints": "hide-and-seek-checkpoints",
    "trainer.evaluate": "hide-and-seek-evaluate",
    "trainer.sweep": "hide-and-seek-sweep",
    "trainer.submit": "hide-and-seek-submit",
    "trainer.sessions": "hide-and-seek-sessions",
}
RESTORE_VARIABLE, WORKERS_VARIABLE = "RESTORE_CHECKPOINT", "RAY_WORKERS"
"""In the environment: which checkpoint a run resumes, and with how many sampling processes."""
STOP_WAIT = "RAY_JOB_STOP_WAIT_TIME_S"
"""Read by Ray's supervisor of a job: seconds from SIGTERM to SIGKILL, 3 by default."""
DEFAULT_STOP_WAIT = 120  # of a job that `python -m trainer.submit` sends
_TRAINING = ("main.py", "continue_training.py")
_PROFILE_FOLDER = re.compile(
    r"(?<=python main\.py )--checkpoint-dir (?:\./)?checkpoints_(\w+)(?!\S)"
)
_COMMAND = re.compile(rf"(?<![\w./-])python ({'|'.join(map(re.escape, ENTRY_POINTS))})")


def shown_config(path: Path) -> str:
    """A configuration file as it is given to `--config`: a profile by its name, else the path.

    One that has travelled with a Ray job lies in the same place of the folder that it came from.
    """
    name, here = path.stem, Path.cwd()
    if profiles().get(name) == path and not Path(name).is_file():
        return name
    travelled = ray_job() and path.is_relative_to(here)
    return f"./{path.relative_to(here)}" if travelled else shown_path(path)


def with_installed_names(text: str) -> str:
    """A text that names the scripts of a checkout, with the installed programs in their place.

    In a checkout it stays as it is.
    """
    if is_checkout():
        return text
    for script, program in ENTRY_POINTS.items():
        text = text.replace(f"python {script}", program)
    for module, program in MODULES.items():
        text = text.replace(f"python -m {module}", program)
    return text


def with_commands(text: str) -> str:
    """A text that names scripts as `python main.py`, with `script_command` in their place.

    What would start training in the folder of a profile names the profile: with the folder alone
    another level would be trained there.
    """
    text = _PROFILE_FOLDER.sub(
        lambda found: f"--config {found[1]}" if found[1] in profiles() else found[0], text
    )
    return with_installed_names(_COMMAND.sub(lambda found: script_command(found[1], []), text))


def script_command(script: str, words: Sequence[str]) -> str:
    """The command that runs a script with this interpreter, as typed in the working directory.

    In a Ray job it is one for the place where its log is read: a folder of the project, from which
    what trains is submitted, as this job was.
    """
    if not ray_job():
        return shlex.join([*script_here(script), *words])
    if script in _TRAINING:
        environment = ray_job_config().get("runtime_env") or {}
        return submission_command(words, submitted_to(), environment.get("env_vars") or {})
    program = ["python", script] if is_checkout() else [ENTRY_POINTS[script]]
    return shlex.join([*program, *words])


def script_here(script: str) -> list[str]:
    """The words that run a script on this machine."""
    if not is_checkout():
        return [_program(ENTRY_POINTS[script])]
    return [_python(), shown_path(PROJECT_ROOT / script).removeprefix("./")]


def module_command(module: str, words: Sequence[str]) -> str:
    """The same for a command that `python -m` runs."""
    if ray_job():
        return shlex.join([*_module(module), *words])
    if not is_checkout():
        return shlex.join([_program(MODULES[module]), *words])
    return shlex.join([_python(), "-m", module, *words])


def submission_command(words: Sequence[str], address: str, variables: Mapping[str, Any]) -> str:
    """The command that submits a training as a job again.

    Args:
        words: options of `main.py`.
        address: of the dashboard; empty: unknown.
        variables: the environment that the job was given. No value of it is shown but the number of
            workers: the shell that submits it again has the others.
    """
    given = ["--address", address] if address else []
    if (seconds := str(variables.get(STOP_WAIT, DEFAULT_STOP_WAIT))) != str(DEFAULT_STOP_WAIT):
        given += ["--stop-wait", seconds]
    for name in sorted(set(variables) - {RESTORE_VARIABLE, STOP_WAIT}):
        text = f"{name}={variables[name]}" if name == WORKERS_VARIABLE else str(name)
        given += ["--env", text]
    return shlex.join([*_module("trainer.submit"), *given, "--", *words])


def _module(module: str) -> list[str]:
    """A command that `python -m` runs, at another place."""
    return ["python", "-m", module] if is_checkout() else [MODULES[module]]


def _program(name: str) -> str:
    """An installed program: its name, or where it is if the shell would find another."""
    beside = str(Path(sys.executable).with_name(name))
    return name if _same(shutil.which(name), beside) else beside


def _python() -> str:
    on_path = _same(shutil.which("python"), sys.executable)
    return "python" if on_path else shown_path(sys.executable)


def shown_path(path: str | Path) -> str:
    """A path as a person would type it: ./relative where it lies below the working directory.

    A URL stays as it is. In a Ray job every path is whole: who reads its log is somewhere else.
    """
    if "://" in str(path):
        return str(path)
    if ray_job():
        return os.path.abspath(path)  # noqa: PTH100
    # Not resolved: the python of a virtual environment is a link out of it.
    path, here = Path(os.path.abspath(path)), Path.cwd()  # noqa: PTH100
    if path == here or not path.is_relative_to(here):
        return "." if path == here else str(path)
    return f"./{path.relative_to(here)}"


def _same(one: str | None, other: str) -> bool:
    return one is not None and os.path.abspath(one) == os.path.abspath(other)  # noqa: PTH100
