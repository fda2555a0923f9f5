"""Where the project's own files are: its root and the configuration that counts."""

from __future__ import annotations

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
CONFIG_NAME = "config.yaml"
DEFAULT_CHECKPOINT_DIR = "./checkpoints"


def find_config() -> Path | None:
    """`config.yaml` of the working directory, else the one beside the scripts, else None."""
    candidates = (Path(CONFIG_NAME), PROJECT_ROOT / CONFIG_NAME)
    return next((path for path in candidates if path.is_file()), None)


def configured_checkpoint_dir() -> str:
    """`ppo.checkpoint_dir` of that file, where training saves; "./checkpoints" if it has none."""
    path = find_config()
    if path is None:
        return DEFAULT_CHECKPOINT_DIR
    import yaml  # a fifth of a listing's start-up: only where there is something to read

    try:
        return str(yaml.safe_load(path.read_text(encoding="utf-8"))["ppo"]["checkpoint_dir"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return DEFAULT_CHECKPOINT_DIR
