"""Output of the tools for `--json`."""

from __future__ import annotations

import json
from typing import Any


def print_json(document: Any) -> None:
    """Prints one strict JSON document."""
    print(json.dumps(document, indent=2, allow_nan=False))
