"""Processes that are measured: what they answer, and their end when somebody presses Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.project import PROJECT_ROOT

_GRACE_S = 10.0  # for an interrupted process to end what it has started


class ContenderFailed(RuntimeError):  # noqa: N818 - reads as the state it reports
    """A contender ended with an error; the message holds the end of what it said."""


def answer(
    words: Sequence[str], cwd: Path = PROJECT_ROOT, variables: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The JSON that a command prints as its last line.

    Raises:
        ContenderFailed: it has failed, or printed something else.
    """
    with running(words, cwd, variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, errors = process.communicate()
    try:
        if process.returncode == 0:
            return dict(json.loads(out.splitlines()[-1]))
    except (ValueError, TypeError, IndexError):
        errors += "\nits last line is no JSON"
    raise ContenderFailed(f"{' '.join(words[1:])} failed:\n{errors.strip()[-1500:]}")


@contextlib.contextmanager
def running(
    words: Sequence[str],
    cwd: Path = PROJECT_ROOT,
    variables: Mapping[str, str] | None = None,
    **streams: Any,
) -> Iterator[subprocess.Popen[str]]:
    """A process in a session of its own: Ctrl-C reaches it only from here, after which it is gone.

    Args:
        words: the command.
        cwd: where it runs.
        variables: of the environment, beside this process's own.
        streams: of `subprocess.Popen`.
    """
    env = {**os.environ, **(variables or {})}
    process = subprocess.Popen(
        words, cwd=cwd, env=env, text=True, start_new_session=True, **streams
    )
    try:
        yield process
    except BaseException:
        end(process)
        raise


def end(process: subprocess.Popen[str]) -> None:
    """Interrupts a process, and kills what is left of it and of its children after a while."""
    members = set(family(process.pid))
    process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + _GRACE_S
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    if process.returncode is None:
        members |= set(family(process.pid))
        process.kill()
    process.wait()
    children = members - {process.pid}
    while alive := [pid for pid in children if is_alive(pid)]:
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent to notice does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def family(root: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found, pending = [], [root]
    while pending:
        pid = pending.pop()
        found.append(pid)
        pending += children.get(pid, [])
    return found
