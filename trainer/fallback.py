"""Falling back, loudly, to an older checkpoint where the one that is asked for is damaged."""

from __future__ import annotations

import sys
from pathlib import Path

from trainer.checkpoints.errors import CheckpointsInUse
from trainer.checkpoints.manager import CheckpointManager
from trainer.checkpoints.selectors import KEYWORDS
from trainer.project import shown_path


def newest_whole(manager: CheckpointManager, selector: str) -> Path:
    """The verified checkpoint for a selector, or the newest valid older one beside it.

    Damaged ones are moved aside and told of on stderr. In a folder that may only be read, or in
    which another run is at work, nothing is moved: what is damaged is refused when it is loaded.

    Raises:
        NoUsableCheckpoint: nothing matches, or nothing valid is left.
        CheckpointsInUse: another run is at work in the manager's own folder.
    """
    home = _home_of(selector, manager.directory)
    if not home.is_dir():
        return manager.resolve(selector)
    try:
        with CheckpointManager(home).writer_lock():
            found, aside = manager.resolve_valid(selector)
    except CheckpointsInUse:
        if home == manager.directory:
            raise
        return manager.resolve(selector)
    except OSError:
        return manager.resolve(selector)
    for item in aside:
        print(f"warning: {item}", file=sys.stderr)
    if aside:
        print(f"warning: going on from {shown_path(found)} instead", file=sys.stderr)
    return found


def _home_of(selector: str, directory: Path) -> Path:
    """The folder in which the checkpoint for a selector lies."""
    text = selector.strip()
    path = Path(text).expanduser()
    inside = text in KEYWORDS or text.isdecimal() or (len(path.parts) == 1 and not path.exists())
    return directory if inside else path.absolute().parent
