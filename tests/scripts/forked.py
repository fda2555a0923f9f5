"""Scripts in processes of their own that need not import everything anew.

A server process imports torch and RLlib once and forks for each command: the child has its own
arguments, environment, working directory and output, takes signals and is killed like a process
started from a shell.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.scripts.preload"])


def run(
    words: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    timeout: float,
    stdout: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs `python WORDS`, for example `main.py --fresh`, with no standard input.

    `stdout` is where its output goes instead: a path, or "closed" for a closed descriptor.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        out.touch()
        arguments = (list(words), str(cwd), dict(environment), stdout or str(out), str(err))
        process = _CONTEXT.Process(target=_child, args=arguments)
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(words), timeout, out.read_text(), err.read_text())
        code = process.exitcode
        assert code is not None
        return subprocess.CompletedProcess(list(words), code, out.read_text(), err.read_text())


class Started:
    """A script that runs, with no standard input, under the interface of `subprocess.Popen`.

    Attributes:
        pid: of the process.
        stdout: what it prints, as it comes.
        stderr: its messages.
    """

    def __init__(self, words: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            out, err = (str(Path(folder) / name) for name in ("out", "err"))
            os.mkfifo(out)
            os.mkfifo(err)
            arguments = (list(words), str(cwd), dict(environment), out, err)
            self._process = _CONTEXT.Process(target=_child, args=arguments)
            self._process.start()
            # In the order in which the child opens them: each waits for the other end.
            self.stdout: IO[str] = Path(out).open(encoding="utf-8")  # noqa: SIM115
            self.stderr: IO[str] = Path(err).open(encoding="utf-8")  # noqa: SIM115
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def communicate(self, timeout: float) -> tuple[str, str]:
        """The rest of both outputs, once the process has ended."""
        with ThreadPoolExecutor(1) as reader, self.stdout, self.stderr:
            errors = reader.submit(self.stderr.read)
            output = self.stdout.read()
            self._process.join(timeout)
            if self._process.is_alive():
                self.kill()
                raise subprocess.TimeoutExpired("a script", timeout, output, errors.result())
            return output, errors.result()


def _child(words: list[str], cwd: str, environment: dict[str, str], out: str, err: str) -> None:
    for path, number in ((os.devnull, 0), (os.devnull if out == "closed" else out, 1), (err, 2)):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT
        os.dup2(os.open(path, flags, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, "rw"[n > 0]) for n in range(3))
    if out == "closed":
        sys.stdout.close()
        sys.stdout = None  # as the interpreter does it
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    tempfile.tempdir = None
    code: object = 1
    try:
        _run(words)
        code = 0
    except SystemExit as left:
        code = 0 if left.code is None else left.code
    except BaseException:
        traceback.print_exc()
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _run(words: list[str]) -> None:
    """`python WORDS`: `-m MODULE ...`, one of the project's scripts, or any other file."""
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [str(ROOT / words[0]) if (ROOT / words[0]).is_file() else words[0], *words[1:]]
        runpy.run_path(sys.argv[0], run_name="__main__")
