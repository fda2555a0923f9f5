"""Settings that Ray and torch read at import: importing this module first sets them.

Variables that the user has set are kept.
"""

from __future__ import annotations

import os

from trainer.project import cache_dir

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # its C++ side writes warnings straight to the terminal
    "RAY_AUTH_MODE": "disabled",  # else Ray writes a token into ~/.ray
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Without it, waiting threads spin, and a busy machine slows training down to a tenth.
    "OMP_WAIT_POLICY": "passive",
    # Torch would look through all installed packages for devices that others have built.
    "TORCH_DEVICE_BACKEND_AUTOLOAD": "0",
}
"""Where the user has set nothing."""

# An import of torch's compiler alone makes this folder.
_CACHE = {"TORCHINDUCTOR_CACHE_DIR": str(cache_dir() / "torchinductor")}

for _name, _value in _CACHE.items():
    os.environ.setdefault(_name, _value)
QUIET = {_name: os.environ.setdefault(_name, _value) for _name, _value in _QUIET.items()}
"""What is in force, for Ray's actors as well: they have an environment of their own.

A cluster that asks for a token asks its actors too.
"""
