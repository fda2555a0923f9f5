"""Checks the state of a random stream from a checkpoint before it is used."""

from __future__ import annotations

from typing import Any

from trainer.checkpoints.safe_io.plain_values import mapping, whole
from trainer.checkpoints.safe_io.safe_json import shown

_GENERATOR_STATE = ("bit_generator", "state", "has_uint32", "uinteger")


def check_random(random: Any, name: str) -> None:
    """Checks a state of numpy's PCG64, by which everything in numpy is drawn (ValueError)."""
    mapping(random, name, _GENERATOR_STATE)
    if random["bit_generator"] != "PCG64":
        raise ValueError(f"{name} is of {shown(random['bit_generator'])}, not of PCG64")
    numbers = mapping(random["state"], name, ("state", "inc"))
    for key, value in numbers.items():
        whole(value, f"{name}: {key}", 0, 2**128 - 1)
    if numbers["inc"] % 2 == 0:
        raise ValueError(f"{name}: inc is even")
    whole(random["has_uint32"], f"{name}: has_uint32", 0, 1)
    whole(random["uinteger"], f"{name}: uinteger", 0, 2**32 - 1)
