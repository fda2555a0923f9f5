"""What the tools print for `--json`."""

from __future__ import annotations

import json
from typing import Any


def print_json(document: Any) -> None:
    """One strict JSON document on standard output."""
    print(json.dumps(document, indent=2, allow_nan=False))
