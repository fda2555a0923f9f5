"""The origins of the checkpoints of a folder as a tree: runs, their resumes and warm starts.

A segment is the checkpoints of one training process. Its `parent` names the checkpoint it began
with by the hash of that one's manifest, which stays true when folders are moved or renamed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.checkpoints import branches, index, manifest
from trainer.checkpoints.checkpoint_info import CheckpointInfo
from trainer.checkpoints.safe_io import safe_json

_UNLIMITED = 10**6  # characters of a line


@dataclass(frozen=True)
class Member:
    """One checkpoint of a segment; `aside` names the branch folder it was moved to, if it was."""

    iteration: int
    digest: str
    aside: str
    final: bool
    name: str = ""


@dataclass
class Segment:
    """The checkpoints of one training process, by iteration, and what they began with."""

    origin: Mapping[str, Any] | None
    members: list[Member] = field(default_factory=list)

    @property
    def sources(self) -> dict[str, Mapping[str, Any]]:
        """The checkpoints it began with: by policy for a warm start, under "" for a resume."""
        if self.origin is None:
            return {}
        policies = self.origin.get("policies")
        if isinstance(policies, dict):
            return {key: value for key, value in policies.items() if isinstance(value, dict)}
        return {"": self.origin}


def draw(directory: Path, *, in_unicode: bool = True) -> list[str]:
    """The tree of everything in a checkpoint folder and its branch folders, in lines of text."""
    segments = find_segments(directory)
    labels = [f"{_beginning(item)}: {', '.join(_spans(item.members))}" for item in segments]
    return draw_tree(directory.name, labels, _parents(segments), in_unicode=in_unicode)


def draw_tree(
    root: str, labels: Sequence[str], parents: Sequence[int | None], *, in_unicode: bool = True
) -> list[str]:
    """A tree in lines of text, each node below its parent; depths of thousands are no problem.

    Args:
        root: the first line.
        labels: of the nodes.
        parents: of each node the place of its parent among those before it; None: the root.
        in_unicode: whether the output has line-drawing characters; otherwise ASCII.
    """
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(safe_json.shown_line(root)))
    nodes: list[Tree] = []
    for label, parent in zip(labels, parents, strict=True):
        above = tree if parent is None else nodes[parent]
        nodes.append(above.add(Text(safe_json.shown_line(label))))
    console = Console(width=_UNLIMITED, color_system=None)
    options = console.options
    options.encoding = "utf-8" if in_unicode else "ascii"
    lines = console.render_lines(tree, options, pad=False)
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


def _parents(segments: Sequence[Segment]) -> list[int | None]:
    """The place of the segment each one began with; None if it is not among them."""
    home = {member.digest: k for k, segment in enumerate(segments) for member in segment.members}
    found: list[int | None] = []
    for k, segment in enumerate(segments):
        places = {home.get(str(source.get("sha256"))) for source in segment.sources.values()}
        parent = places.pop() if len(places) == 1 else None
        # A parent that comes later in the list could only be a forgery; it must not make a loop.
        found.append(parent if parent is not None and parent < k else None)
    return found


def find_segments(directory: Path) -> list[Segment]:
    """The segments of a folder and its branch folders, parents before children."""
    entries: list[tuple[float, str, Member, Mapping[str, Any] | None]] = []
    for folder in (directory, *branches.branch_folders(directory)):
        aside = "" if folder == directory else folder.name
        for info in index.load(folder).checkpoints:
            try:
                digest = manifest.digest(folder / info.name)
            except OSError:
                continue  # deleted by someone else just now
            name = info.label.name if info.label else ""
            member = Member(info.iteration, digest, aside, "final" in info.tags, name)
            origin = info.metadata.get("parent")
            origin = origin if isinstance(origin, dict) else None
            entries.append((info.number("timestamp_unix"), _key(info, origin), member, origin))
    segments: dict[str, Segment] = {}
    for _, key, member, origin in sorted(entries, key=lambda entry: entry[0]):
        segments.setdefault(key, Segment(origin)).members.append(member)
    return list(segments.values())


def _key(info: CheckpointInfo, origin: Mapping[str, Any] | None) -> str:
    own = info.metadata.get("segment")
    # Without one, checkpoints with the same name and origin count as one process's.
    return own if isinstance(own, str) else json.dumps([info.metadata.get("run_name"), origin])


def _beginning(segment: Segment) -> str:
    sources = segment.sources
    if not sources:
        return "fresh"
    if "" in sources:
        return f"resumed from {_name(sources[''])}"
    names = {policy.removesuffix("_policy"): _name(source) for policy, source in sources.items()}
    if len(set(names.values())) == 1:
        teams = "" if len(names) > 1 else f" ({next(iter(names))} only)"
        return f"warm start from {next(iter(names.values()))}{teams}"
    return "warm start from " + ", ".join(f"{name} ({team})" for team, name in names.items())


def _name(source: Mapping[str, Any]) -> str:
    path = Path(str(source.get("path", "unknown")))
    return f"{path.parent.name}/{path.name}" if path.parent.name else path.name


def _spans(members: Sequence[Member]) -> Iterator[str]:
    """Iterations as text, those in one folder together: "10-50 (5) [good = 30], 60 [FINAL]"."""
    groups: dict[str, list[Member]] = {}
    for member in members:
        groups.setdefault(member.aside, []).append(member)
    for aside, group in groups.items():
        first, last = group[0].iteration, group[-1].iteration
        text = str(first) if len(group) == 1 else f"{first}-{last} ({len(group)})"
        text += " [FINAL]" if group[-1].final else ""
        text += "".join(f" [{item.name} = {item.iteration}]" for item in group if item.name)
        yield f"{text} in {aside}" if aside else text
