"""The names of session records: ray_training_{time}/worker_{id}/episode_{num}_checkpoint.json.

A session is what one process has recorded, from its start to its end; a resume begins another one.
`id` is the number of the env runner, 0 where the training process samples itself; `num` counts the
episodes that were recorded of it, from 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

_SESSION = r"ray_training_[0-9]{8}_[0-9]{6}(?:_[0-9]{1,6})?"
_RECORD = re.compile(
    rf"(?P<session>{_SESSION})/worker_(?P<worker>[0-9]{{1,6}})"
    r"/episode_(?P<episode>[0-9]{1,12})_checkpoint\.json"
)


@dataclass(frozen=True, order=True)
class RecordName:
    """Which record it is; later ones are greater.

    Attributes:
        session: the folder of the session.
        episode: its number.
        worker: whose episode it is.
    """

    session: str
    episode: int
    worker: int

    @property
    def path(self) -> str:
        """Relative to the folder of all sessions."""
        return f"{self.session}/worker_{self.worker}/episode_{self.episode:06d}_checkpoint.json"

    @classmethod
    def of(cls, path: str) -> RecordName | None:
        """The record of that relative path; None: it is none."""
        found = _RECORD.fullmatch(path)
        if found is None:
            return None
        name = cls(found["session"], int(found["episode"]), int(found["worker"]))
        return name if name.path == path else None


def session_name(now: datetime, attempt: int = 1) -> str:
    """The folder of a session that begins now; another `attempt`, another name."""
    return f"ray_training_{now:%Y%m%d_%H%M%S}" + (f"_{attempt}" if attempt > 1 else "")


def is_session(name: str) -> bool:
    """Whether a folder of that name is one of a session."""
    return re.fullmatch(_SESSION, name) is not None
