"""The documents as their readers see them: blocks of code, links, headings, names in the text.

An HTML comment in front of a block, which no reader sees, may say how the block is to be run:

    <!-- not run: reason -->       this one block is not
    <!-- folder: empty -->         from here on in a new, empty folder (as at the top of a document)
    <!-- folder: trained -->       from here on in a new folder where a run of 300 iterations ended
    <!-- output: of what -->       lines that the commands above it print; ... leaves some out
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])

_FENCE = re.compile(r"^(```|~~~)(\w*)\s*$")
_COMMENT = re.compile(r"^<!-- (not run|folder|output): (.+) -->$")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_INLINE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.+)$")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        line: of its opening fence, from 1.
        language: as on the fence; "" if none.
        not_run: why it is not run, None if it is.
        folder: "empty" or "trained" where a new folder begins with it.
        is_output: whether it shows what the blocks above it print.
    """

    line: int
    language: str
    text: str
    not_run: str | None = None
    folder: str | None = None
    is_output: bool = False


@dataclass(frozen=True)
class Document:
    """A document in its parts; `prose` holds each line outside of blocks with its number."""

    name: str
    blocks: tuple[Block, ...]
    prose: tuple[tuple[int, str], ...]

    @classmethod
    def read(cls, path: Path) -> Document:
        """The document of a file."""
        blocks: list[Block] = []
        prose: list[tuple[int, str]] = []
        said: dict[str, str] = {}
        opened: tuple[int, str, str] | None = None
        inside: list[str] = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            fence = _FENCE.match(line)
            if opened is not None:
                if line.rstrip() != opened[2]:
                    inside.append(line)
                    continue
                text = "\n".join([*inside, ""])
                hints = (said.get("not run"), said.get("folder"), "output" in said)
                blocks.append(Block(opened[0], opened[1], text, *hints))
                opened, inside, said = None, [], {}
            elif fence:
                opened = (number, fence[2], fence[1])
            elif comment := _COMMENT.match(line):
                said[comment[1]] = comment[2]
            else:
                prose.append((number, line))
        assert opened is None, f"{path}: the block at line {opened} is not closed"
        return cls(str(path.relative_to(ROOT)), tuple(blocks), tuple(prose))

    def links(self) -> Iterator[tuple[int, str]]:
        """Every target of a link or picture."""
        for number, line in self.prose:
            for target in _LINK.findall(_INLINE.sub("", line)):
                yield number, target

    def inline(self) -> Iterator[tuple[int, str]]:
        """Every piece of inline code."""
        for number, line in self.prose:
            for code in _INLINE.findall(line):
                yield number, code

    def anchors(self) -> set[str]:
        """What a link may name after #, as GitHub makes it of the headings."""
        titles = [found[1] for _, line in self.prose if (found := _HEADING.match(line))]
        return {anchor(title) for title in titles}


def anchor(title: str) -> str:
    """GitHub's anchor of a heading: "From Python" -> "from-python"."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def documents() -> list[Document]:
    """All documents of the project."""
    return [Document.read(path) for path in DOCUMENTS]


def commands(block: Block) -> Iterator[str]:
    """The lines of a shell block, each in full, without prompts and comments."""
    for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line
