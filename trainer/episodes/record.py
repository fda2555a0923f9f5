"""The record of one sampled episode, as JSON: read from anywhere, believed nothing.

A record comes from a folder that others may write to. Its size, depth and number of values are
bounded before it is parsed, every value is checked after, nothing in it is ever executed, and its
texts are shown without control characters.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainer.checkpoints.safe_io import safe_json
from trainer.episodes.names import RecordName

FORMAT = "hide-and-seek session record"
VERSION = 1
GAME = "hide_and_seek"
"""What the project's own game is called in a record; another one by its own name."""
MAX_BYTES = 2 * 2**20
MAX_VALUES = 400_000
MAX_NUMBER = 3.4e38
"""About the largest float32, which games compute in; sums over any records stay finite."""

_Name = Annotated[str, Field(max_length=200)]
_Text = Annotated[str, Field(max_length=1000)]
_Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-MAX_NUMBER, le=MAX_NUMBER)]


class _Checked(BaseModel):
    # What a later writer adds is no error.
    model_config = ConfigDict(extra="ignore", frozen=True)


class RecordedStretch(_Checked):
    """What was played of the episode in one iteration; see `SampledEpisode`."""

    iteration: _Count
    steps: _Count
    policies: Annotated[dict[_Name, _Text], Field(max_length=32)] = {}
    opponents: Annotated[dict[_Name, _Count], Field(max_length=32)] = {}
    parameters: Annotated[dict[_Name, _Number], Field(max_length=64)] = {}


class Record(_Checked):
    """One episode. What is not known is None."""

    format: Literal["hide-and-seek session record"]
    version: _Count
    written: _Text
    """When, in ISO 8601 and UTC."""
    session: _Text
    run: _Text
    """Its name."""
    parent: Annotated[dict[_Name, Any], Field(max_length=32)] | None = None
    """What the run was resumed or warm started from."""
    worker: _Count
    """The env runner; 0: the training process itself."""
    episode: _Count
    """How many have been recorded of that worker in this session, with this one."""
    world: _Count
    """On the runner."""
    game: _Text
    level: _Text | None = None
    arena: _Count | None = None
    """Which of the level's."""
    seed: _Count
    """Of the run."""
    iteration: _Count
    """In which it began."""
    stretches: Annotated[list[RecordedStretch], Field(min_length=1, max_length=100_000)]
    statistics: Annotated[dict[_Name, _Number | None], Field(max_length=256)]
    rewards: Annotated[
        dict[_Name, Annotated[list[_Number | None], Field(max_length=64)]], Field(max_length=32)
    ]
    """By team and agent, the sum of what was paid in training."""
    versions: Annotated[dict[_Name, _Text], Field(max_length=64)] = {}
    git_commit: _Text | None = None
    settings: Annotated[dict[_Name, Any], Field(max_length=256)] = {}
    """Of the game, when it began."""
    trace: dict[str, Any] | None = None
    """See `trainer.episodes.trace`."""
    without: _Text = ""
    """Why there is no trace."""

    @property
    def name(self) -> RecordName:
        """As the record says; its file may be called otherwise."""
        return RecordName(self.session, self.episode, self.worker)

    @property
    def why_no_trace(self) -> str:
        """Why there is no trace, for messages; never empty."""
        return self.without or "none was written"


class NotARecord(ValueError):  # noqa: N818 - reads as the state it reports
    """What was read is no session record, or damaged; one line, safe to show."""


def parse(content: bytes) -> Record:
    """The record in a JSON text of unknown origin.

    Raises:
        NotARecord: it is none; the message names the first thing that is wrong.
    """
    try:
        if len(content) > MAX_BYTES:
            raise ValueError(f"{len(content)} bytes, more than {MAX_BYTES}")
        values = safe_json.decode(content, MAX_VALUES)
        version = values.get("version")
        if values.get("format") == FORMAT and type(version) is int and version > VERSION:
            raise ValueError(
                f"version {safe_json.shown(version)}, and this program reads up to {VERSION}: "
                "a later one has written it"
            )
        return Record.model_validate(values)
    except ValidationError as error:
        raise first_problem(error) from None
    except ValueError as error:  # also what is no UTF-8 or no JSON
        raise NotARecord(safe_json.first_line(error)) from None


def first_problem(error: ValidationError, *part: str) -> NotARecord:
    """The first thing that is wrong with a record, or with a part of it."""
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(map(str, (*part, *first["loc"]))) or "record"
    return NotARecord(safe_json.shown(f"{where}: {first['msg']}"))
