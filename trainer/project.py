"""The places of the project's own files.

A checkout has a configuration file and a cache; an installed package has neither: the defaults of
the schema are the same as the file's, and caches go to the user's cache folder.
"""

from __future__ import annotations

import argparse
import functools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROJECT_ROOT = Path(__file__).resolve().parent.parent
PROFILES = PROJECT_ROOT / "trainer" / "profiles"  # also in an installed package, as
SHIPPED = PROJECT_ROOT / "trainer" / "shipped"  # a folder of checkpoints: trained policies
NAME = "hide-and-seek-trainer"
VERSION = "0.1.0"
CONFIG_NAME = "config.yaml"
DEFAULT_CHECKPOINT_DIR = "./checkpoints"
DEFAULT_SESSIONS = "./sessions"


def find_config() -> Path | None:
    """`config.yaml` of the working directory, else the one beside the scripts, else None."""
    candidates = (Path(CONFIG_NAME), PROJECT_ROOT / CONFIG_NAME)
    return next((path for path in candidates if path.is_file()), None)


def profiles() -> dict[str, Path]:
    """The configuration files that come with the project, by name."""
    return {path.stem: path for path in sorted(PROFILES.glob("*.yaml"))}


def configured_checkpoint_dir() -> str:
    """`ppo.checkpoint_dir` of that file, where training saves; "./checkpoints" if it has none."""
    return _configured(("ppo", "checkpoint_dir"), DEFAULT_CHECKPOINT_DIR)


def configured_sessions() -> str:
    """`tracking.sessions.uri` of that file, where session records are; else "./sessions"."""
    return _configured(("tracking", "sessions", "uri"), DEFAULT_SESSIONS)


def _configured(keys: Sequence[str], otherwise: str) -> str:
    """The text of a key in the configuration file; without one, another."""
    path = find_config()
    if path is None:
        return otherwise
    from trainer.checkpoints.safe_io import safe_yaml

    try:
        value: Any = safe_yaml.read(path.resolve())
        for key in keys:
            value = value[key]
        return str(value)
    except (OSError, ValueError, KeyError, TypeError):
        return otherwise


@functools.cache
def cache_dir() -> Path:
    """The folder for caches; where it cannot be written, one of this process elsewhere."""
    from trainer.checkpoints.remote.location import cache_home

    home = cache_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="hide-and-seek-"))
    return home if os.access(home, os.W_OK) else Path(tempfile.mkdtemp(prefix="hide-and-seek-"))


def is_checkout() -> bool:
    """Whether the project runs from a checkout of its sources, not as an installed package."""
    return (PROJECT_ROOT / "pyproject.toml").is_file()


def add_version(parser: argparse.ArgumentParser) -> None:
    """Adds the option `--version`."""
    parser.add_argument("--version", action="version", version=f"{NAME} {VERSION}")
