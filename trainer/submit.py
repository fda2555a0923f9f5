"""The entry point of `python -m trainer.submit`: training as a job of a Ray cluster."""

from __future__ import annotations

import sys

from trainer.commands.submit.main import main

if __name__ == "__main__":
    sys.exit(main())
