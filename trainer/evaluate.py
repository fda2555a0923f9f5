"""The entry point of `python -m trainer.evaluate`: tables of players, and exploitability."""

from __future__ import annotations

import sys

from trainer.commands.evaluate.main import main

if __name__ == "__main__":
    sys.exit(main())
