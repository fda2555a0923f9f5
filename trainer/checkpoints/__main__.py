"""The entry point of `python -m trainer.checkpoints`: the tools for checkpoints."""

from __future__ import annotations

import sys

from trainer.commands.checkpoint_tools.main import main

if __name__ == "__main__":
    sys.exit(main())
