"""Runs a command: errors become one line and an exit code, and output is safe to show."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from trainer.checkpoints.safe_io.safe_output import SafeOutput, safe_streams
from trainer.cluster.ray_job import in_ray_job
from trainer.errors import EXIT_ERROR, EXIT_INTERRUPTED
from trainer.project import PROJECT_ROOT
from trainer.reporting.terminal import shows_color
from trainer.shown_commands import shown_path, with_commands

Command = Callable[[Sequence[str]], int]


def run_command(
    command: Command, argv: Sequence[str] | None = None, *, needs_output: bool = False
) -> int:
    """Runs `command(argv)`; what it raises becomes a message on stderr.

    Args:
        command: takes the arguments and returns the exit code.
        argv: the arguments; None: those that the process was started with. With `--debug` among
            them the traceback of an error is shown as well.
        needs_output: whether the command is for its output (a list, a report) and so ends when
            its standard output takes no more: with 0 if the reader had enough (`| head`), else 1.

    Returns:
        The exit code. Of an error it is the attribute `exit_code` of its class; without one, 1.
    """
    argv = sys.argv[1:] if argv is None else argv
    with safe_streams(required=needs_output, colored=shows_color) as out:
        try:
            code = _reported(
                command, argv, out, "left" if needs_output else "left; nothing was saved"
            )
            out.flush()
        except OSError:
            code = 0
        finally:
            lost = out.failure if needs_output else None
        if lost is not None and not isinstance(lost, BrokenPipeError):
            print(f"error: cannot write to standard output: {lost.strerror}", file=sys.stderr)
            code = EXIT_ERROR
        return code


def _reported(command: Command, argv: Sequence[str], out: SafeOutput, on_interrupt: str) -> int:
    try:
        return command(argv)
    except KeyboardInterrupt:
        print(f"\n{on_interrupt}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as raised:
        if raised is out.failure:
            raise
        if "--debug" in argv:
            traceback.print_exc()
        # What an actor raised comes wrapped into an error whose text is the actor's traceback.
        cause = getattr(raised, "cause", None)
        error = cause if isinstance(cause, Exception) else raised
        text = str(error).strip() or type(error).__name__
        if isinstance(error, FileNotFoundError) and not _is_somewhere():
            print(f"error: the current directory has been deleted{_by_ray()}", file=sys.stderr)
            return EXIT_ERROR
        if isinstance(error, ModuleNotFoundError) and (missing := _missing(error)):
            print(f"error: {missing}", file=sys.stderr)
            return EXIT_ERROR
        print(f"error: {with_commands(text)}", file=sys.stderr)
        code = exit_code(error)
        if not hasattr(error, "exit_code") and "--debug" not in argv:
            print("(--debug shows where)", file=sys.stderr)
        return code


def exit_code(error: BaseException) -> int:
    """The exit code of a command that ends with this error."""
    code = getattr(error, "exit_code", EXIT_ERROR)
    return code if isinstance(code, int) else EXIT_ERROR


def _missing(error: ModuleNotFoundError) -> str:
    """What to do about a library that this Python lacks; empty if it is a part of the project."""
    library = (error.name or "").partition(".")[0]
    if library in ("", "trainer", "envs"):
        return ""
    python = shlex.quote(sys.executable)
    told = f"{python} lacks {library}, which the project needs"
    requirements, own = PROJECT_ROOT / "requirements.txt", PROJECT_ROOT / ".venv" / "bin" / "python"
    if not requirements.is_file():  # an installed package
        return f"{told}: install the package again, with its dependencies"
    install = f"{python} -m pip install -r {shlex.quote(shown_path(requirements))}"
    if own.exists() and own != Path(sys.executable):
        return f"{told}: start it with {shown_path(own)} instead, or run {install}"
    return f"{told}: run {install}, or make train, which does that and trains"


def _by_ray() -> str:
    """Who deletes the copy of the project in which a Ray job runs; empty outside of one."""
    if not in_ray_job():
        return ""
    return (
        ": a node of the cluster unpacks a job's code again when it joins on the same machine with "
        "the same temporary folder; give each `ray start` on one machine its own --temp-dir"
    )


def _is_somewhere() -> bool:
    """Whether the current directory still exists."""
    try:
        os.getcwd()  # noqa: PTH109
    except FileNotFoundError:
        return False
    return True
