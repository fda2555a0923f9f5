"""List the checkpoints of a training: `python list_checkpoints.py [DIR] [-d] [--json]`.

    --sort KEY       by a key of the metadata or size_bytes; KEY:desc for the highest first
    --best METRIC    which one is marked as the best; METRIC:min for the lowest
    --verify         read every file and compare it with the manifest
    --runs           an overview of all folders of checkpoints in DIR and up to two levels below

`python -m trainer.checkpoints --help` does more with them: verify, compare, prune, pin, name,
repair, export. Exit codes: 0 listed, 1 error or damaged (--verify), 2 usage, 3 no usable one.
"""

import sys

from trainer.commands.checkpoint_tools.list_checkpoints import main

if __name__ == "__main__":
    sys.exit(main())
