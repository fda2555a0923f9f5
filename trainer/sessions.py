"""The entry point of `python -m trainer.sessions`: records of sampled episodes."""

from __future__ import annotations

import sys

from trainer.commands.sessions.main import main

if __name__ == "__main__":
    sys.exit(main())
