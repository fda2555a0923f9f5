"""What every command has in common: errors as one line and an exit code, and safe output."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence

from trainer.checkpoints.safe_io.safe_output import SafeOutput, safe_streams
from trainer.reporting.terminal import shows_color

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_NO_CHECKPOINT = 3
EXIT_INTERRUPTED = 130


def run_command(
    main: Callable[[Sequence[str]], int], argv: Sequence[str], *, needs_output: bool = False
) -> int:
    """Run `main(argv)` and turn what it raises into a message on stderr and an exit code.

    An error class says by an attribute `exit_code` which one; others mean 1. `--debug` among the
    arguments shows the traceback as well. With `needs_output` (a list, a report) the command ends
    when its standard output takes no more: with 0 if its reader had enough (`| head`), else with 1.
    """
    with safe_streams(required=needs_output, colored=shows_color) as out:
        try:
            code = _reported(main, argv, out)
            out.flush()
        except OSError:
            code = 0
        finally:
            lost = out.failure if needs_output else None
        if lost is not None and not isinstance(lost, BrokenPipeError):
            print(f"error: cannot write to standard output: {lost.strerror}", file=sys.stderr)
            code = EXIT_ERROR
        return code


def _reported(main: Callable[[Sequence[str]], int], argv: Sequence[str], out: SafeOutput) -> int:
    try:
        return main(argv)
    except KeyboardInterrupt:
        print("\nleft; nothing was saved", file=sys.stderr)
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
            print("error: the current directory has been deleted", file=sys.stderr)
            return EXIT_ERROR
        print(f"error: {text}", file=sys.stderr)
        code = exit_code(error)
        if not hasattr(error, "exit_code") and "--debug" not in argv:
            print("(--debug shows where)", file=sys.stderr)
        return code


def exit_code(error: BaseException) -> int:
    """The exit code of a command that ends with this error."""
    code = getattr(error, "exit_code", EXIT_ERROR)
    return code if isinstance(code, int) else EXIT_ERROR


def _is_somewhere() -> bool:
    """Whether the current directory still exists."""
    try:
        os.getcwd()  # noqa: PTH109
    except FileNotFoundError:
        return False
    return True
