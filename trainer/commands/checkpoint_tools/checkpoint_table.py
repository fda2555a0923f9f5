"""The table of checkpoints as text: pure functions from a listing to lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from trainer.checkpoints import layout, metadata, ranking
from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.index import Listing
from trainer.checkpoints.metadata import BestBy
from trainer.checkpoints.safe_io.safe_json import shown_line
from trainer.commands.checkpoint_tools.detailed_table import detailed_rows
from trainer.commands.checkpoint_tools.metadata_text import date, fixed, labels, whole
from trainer.commands.tables import Column, aligned
from trainer.reporting.formatting import UNKNOWN, size
from trainer.reporting.terminal import Style

WIDTH = 80
NO_MARKS: Mapping[int, str] = {}
_SHORT_TAGS = (layout.FINAL_TAG, layout.PINNED_TAG)


def render(
    listing: Listing,
    directory: Path | str,
    *,
    detailed: bool = False,
    style: Style | None = None,
    now: datetime | None = None,
    updated: str | None = None,
    set_aside: Sequence[Path] = (),
    order: Sequence[CheckpointInfo] | None = None,
    best_by: BestBy | None = None,
    marks: Mapping[int, str] = NO_MARKS,
    width: int = WIDTH,
) -> list[str]:
    """The lines of the list of a checkpoint directory that holds at least one checkpoint.

    Args:
        listing: the checkpoints.
        directory: the folder or URL, for the title.
        detailed: whether to show the detailed table instead of the short one.
        style: emoji and colors.
        now: the time that ages are relative to.
        updated: when the index was; None: there is none, so the time of the last save is shown.
        set_aside: the folders of branches, and the quarantined checkpoints.
        order: the checkpoints in another order than by iteration.
        best_by: the metric of the best one, as in `ranking`.
        marks: words behind the rows, by iteration.
        width: the characters of a line of the terminal.

    Raises:
        ValueError: no checkpoint has the metric `best_by`.
    """
    style = style or Style()
    by = best_by or ranking.best_by(listing.checkpoints)
    top = ranking.best(listing.checkpoints, by)
    shown = listing.checkpoints if order is None else order
    if detailed:
        table = detailed_rows(shown, top, style, now or datetime.now(), marks, width)
    else:
        table = plain_rows(shown, top, style, marks, width)
    summary = _summary(listing, style)
    summary.append(_best_line(top, by))
    summary += [f"   Set aside: {path.name}" for path in set_aside]
    return [*_header(listing, directory, updated, style, width), "", *table, "", *summary]


def plain_rows(
    shown: Sequence[CheckpointInfo],
    top: CheckpointInfo | None,
    style: Style,
    marks: Mapping[int, str],
    width: int,
) -> list[str]:
    """The short table: iteration, date, reward, episodes, folder."""
    rule = "-" * min(WIDTH, width)
    head, *rows = aligned(_short_columns(), shown, gap=" ")
    lines = [head.rstrip(), rule]
    for info, row in zip(shown, rows, strict=True):
        tags = (tag for tag in _SHORT_TAGS if tag in info.tags)
        words = labels(info, tags, best=info is top, mark=marks.get(info.iteration, ""))
        behind = "".join(style.paint(f" [{word}]", "36") for word in words)
        lines.append(style.paint(row.rstrip(), "32" if info is top else "") + behind)
    return [*lines, rule]


def _header(
    listing: Listing, directory: Path | str, updated: str | None, style: Style, width: int
) -> list[str]:
    rule = "=" * min(WIDTH, width)
    title = f"{style.icon('📂')}CHECKPOINT DIRECTORY: {shown_line(str(directory))}"
    return [
        rule,
        style.paint(title, "1"),
        rule,
        f"Total checkpoints: {len(listing.checkpoints)}",
        f"Index last updated: {shown_line(updated or listing.last_updated or UNKNOWN)}",
        rule,
    ]


def _summary(listing: Listing, style: Style) -> list[str]:
    used = size(sum(info.size_bytes for info in listing.checkpoints))
    latest = listing.iterations[-1] if listing.checkpoints else UNKNOWN
    return [
        style.paint(f"{style.icon('📊')}Summary:", "1"),
        f"   Total checkpoints: {len(listing.checkpoints)}",
        f"   Total disk usage: {used}",
        f"   Latest iteration: {latest}",
    ]


def _best_line(top: CheckpointInfo | None, by: BestBy) -> str:
    if by == BestBy() and top is not None:
        return f"   Best iteration: {top.iteration}"
    name = "reward" if by.metric == "reward_mean" else shown_line(by.metric)
    best = "Best (lowest)" if by.mode == "min" else "Best"
    if top is None:
        return f"   {best} {name}: {UNKNOWN}"
    return f"   {best} {name}: {_decimal(top, by.metric)} (iteration {top.iteration})"


def _decimal(info: CheckpointInfo, key: str) -> str:
    """A reward with two decimals, any other metric with six digits."""
    digits = ".2f" if key in metadata.REWARD_KEYS else ".6g"
    return f"{info.number(key):{digits}}"


def _short_columns() -> list[Column[CheckpointInfo]]:
    """The columns of the short table, as wide as in the user's guide."""

    def day(info: CheckpointInfo) -> str:
        return date(info.metadata.get("timestamp"))[0]

    def reward(info: CheckpointInfo) -> str:
        return fixed(info.number("reward_mean"))

    def episodes(info: CheckpointInfo) -> str:
        return whole(info.metadata.get("episodes_completed"))

    return [
        Column("Iter", lambda info: str(info.iteration), text=True, least=8),
        Column("Date", day, text=True, least=12),
        Column("Reward", reward, text=True, least=10),
        Column("Episodes", episodes, text=True, least=10),
        Column("Path", lambda info: info.name, text=True),
    ]
