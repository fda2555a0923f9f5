"""The detailed table: everything about each checkpoint, within a given width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.metadata import EVALUATION, SCORE
from trainer.checkpoints.safe_io import safe_json
from trainer.commands.checkpoint_tools.metadata_text import count, date, fixed, labels, percent
from trainer.commands.tables import Column, aligned, wrapped
from trainer.reporting import formatting
from trainer.reporting.formatting import UNKNOWN
from trainer.reporting.terminal import Style

_INDENT = " " * 6
_REWARD = "_reward"
_HIDE_AND_SEEK = ("seeker", "hider")
_RULE = 80  # as wide as those above and below, if there is room


def detailed_rows(
    shown: Sequence[CheckpointInfo],
    top: CheckpointInfo | None,
    style: Style,
    now: datetime,
    marks: Mapping[int, str],
    width: int,
) -> list[str]:
    """A line for each checkpoint if `width` is enough for all, else a few.

    `top` is the best one; `marks` are words behind the rows, by iteration.
    """
    said = [labels(i, i.tags, best=i is top, mark=marks.get(i.iteration, "")) for i in shown]
    tails = [[f"[{word}]" for word in words] for words in said]
    lines = aligned(_all_columns(now, _teams(shown)), shown)
    longest = max((len(" ".join(tail)) for tail in tails), default=0)
    one_line = len(lines[0]) + 1 + longest <= width
    if not one_line:
        lines = aligned(_first_columns(now), shown)
    rule = "-" * min(width, max(_RULE, len(lines[0])))
    result = [lines[0].rstrip(), rule]
    for info, line, tail in zip(shown, lines[1:], tails, strict=True):
        head = style.paint(line.rstrip(), "32" if info is top else "")
        if one_line:
            result.append(" ".join([head, *(style.paint(word, "36") for word in tail)]))
        else:
            where = [info.name, *_saved(info), *tail]
            result += [head, *_below(where, width)]
        note = info.label.note if info.label else ""
        for text in (note, *info.warnings):
            result += _below(safe_json.shown_line(text).split(), width)
    return [*result, rule]


def _below(words: Sequence[str], width: int) -> list[str]:
    return [_INDENT + line for line in wrapped(words, width - len(_INDENT))]


def _teams(shown: Sequence[CheckpointInfo]) -> tuple[str, ...]:
    """The teams of all checkpoints; hide and seek's are in every metadata, if only as unknown."""
    found: dict[str, None] = {}
    for info in shown:
        keys = [key for key in info.metadata if key.endswith(_REWARD) and "/" not in key]
        own = [team for key in keys if (team := key.removesuffix(_REWARD)) not in _HIDE_AND_SEEK]
        found |= dict.fromkeys(own or _HIDE_AND_SEEK)
    return tuple(found)


def _all_columns(now: datetime, teams: Sequence[str]) -> list[Column[CheckpointInfo]]:
    first, last = _first_columns(now), Column[CheckpointInfo]("Path", lambda i: i.name, text=True)
    date = Column[CheckpointInfo]("Date", lambda i: _saved(i)[0], text=True)
    time = Column[CheckpointInfo]("Time", lambda i: _saved(i)[1], text=True)
    sealed = Column[CheckpointInfo](
        "Sealed", lambda i: percent(i.metadata.get("sealed")), optional=True
    )
    by_team = _of_both("By team", f"{EVALUATION}{{}}", 2)
    ratings = _of_both("Ratings", f"{EVALUATION}{{}}_rating", 1)
    rewards = [_number(safe_json.shown_line(team).capitalize(), team + _REWARD) for team in teams]
    seen, score, rest = first[3:5], first[5], first[6:]
    evaluated = [score, by_team, ratings]
    return [first[0], date, time, *first[1:3], *rewards, *seen, sealed, *evaluated, *rest, last]


def _first_columns(now: datetime) -> list[Column[CheckpointInfo]]:
    """The columns that fit into 80 characters."""

    def age(info: CheckpointInfo) -> str:
        return formatting.age(now.timestamp() - info.number("timestamp_unix"))

    return [
        Column("Iter", lambda i: str(i.iteration)),
        Column("Age", age),
        _number("Reward", "reward_mean"),
        Column("Seen", lambda i: fixed(i.metadata.get("seen_fraction"), 3), optional=True),
        Column("Hidden", lambda i: percent(i.metadata.get("perfect_hide")), optional=True),
        Column("Score", lambda i: fixed(i.metadata.get(SCORE), 3), optional=True),
        _number("Ep.len", "episode_len_mean"),
        _count("Episodes", "episodes_completed"),
        _count("Env steps", "env_steps"),
        Column("Size", lambda i: formatting.size(i.size_bytes)),
    ]


def _saved(info: CheckpointInfo) -> tuple[str, str]:
    return date(info.metadata.get("timestamp"))


def _of_both(head: str, key: str, digits: int) -> Column[CheckpointInfo]:
    """A number of the evaluation for both teams, the seekers' first."""

    def cell(info: CheckpointInfo) -> str:
        texts = [fixed(info.metadata.get(key.format(team)), digits) for team in _HIDE_AND_SEEK]
        return UNKNOWN if UNKNOWN in texts else "/".join(texts)

    return Column(head, cell, optional=True)


def _number(head: str, key: str) -> Column[CheckpointInfo]:
    return Column(head, lambda info: fixed(info.number(key)))


def _count(head: str, key: str) -> Column[CheckpointInfo]:
    return Column(head, lambda info: count(info.metadata.get(key)))
