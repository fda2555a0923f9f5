"""What every command has in common: errors as one line and an exit code, and no traceback."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_NO_CHECKPOINT = 3
EXIT_INTERRUPTED = 130


def run_command(main: Callable[[Sequence[str]], int], argv: Sequence[str]) -> int:
    """Run `main(argv)` and turn what it raises into a message on stderr and an exit code.

    `--debug` among the arguments shows the traceback as well.
    """
    try:
        return main(argv)
    except KeyboardInterrupt:
        print("\nleft; nothing was saved", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as raised:
        if "--debug" in argv:
            traceback.print_exc()
        # What an actor raised comes wrapped into an error whose text is the actor's traceback.
        cause = getattr(raised, "cause", None)
        error = cause if isinstance(cause, Exception) else raised
        text = str(error).strip() or type(error).__name__
        print(f"error: {text}", file=sys.stderr)
        code = _exit_code(error)
        if code == EXIT_ERROR and "--debug" not in argv:
            print("(--debug shows where)", file=sys.stderr)
        return code


def _exit_code(error: Exception) -> int:
    # By name and late, so that a command which never got as far imports nothing for its error.
    from trainer.checkpoints.errors import CheckpointCorrupted, NoUsableCheckpoint
    from trainer.errors import UsageError

    no_checkpoint = (NoUsableCheckpoint, CheckpointCorrupted)
    if isinstance(error, no_checkpoint) or type(error).__name__ == "UnsafePickle":
        return EXIT_NO_CHECKPOINT
    if isinstance(error, UsageError) or type(error).__name__ == "ConfigError":
        return EXIT_USAGE
    return EXIT_ERROR
