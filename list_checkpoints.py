"""List the checkpoints of a training: `python list_checkpoints.py [DIR] [-d] [--json]`.

    --sort KEY       by a key of the metadata or size_bytes; KEY:desc for the highest first
    --best METRIC    which one is marked as the best; METRIC:min for the lowest
    --verify         read every file and compare it with the manifest
    --runs           an overview of all folders of checkpoints in DIR and up to two levels below

`python -m trainer.checkpoints --help` does more with them: verify, compare, prune, pin, name,
repair, export. Exit codes: 0 listed, 1 error or damaged (--verify), 2 usage, 3 no usable one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from trainer.commands.checkpoint_tools.list_checkpoints import run
from trainer.commands.command import run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Print the list and return the exit code."""
    return run_command(run, sys.argv[1:] if argv is None else argv, needs_output=True)


def cli() -> int:
    """The script, with the arguments that it was called with."""
    return main()


if __name__ == "__main__":
    sys.exit(cli())
