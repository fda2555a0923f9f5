"""The entry point of `python -m trainer.sweep`: a configuration with several values and seeds."""

from __future__ import annotations

import sys

from trainer.commands.sweep.main import main

if __name__ == "__main__":
    sys.exit(main())
