"""The picture in docs/architecture.md shows the rooms and the imports that there are."""

from __future__ import annotations

import re

from tests.docs.documents import ROOT, Document
from tests.test_architecture import EXCEPTION, LAYERS, MODULES, SCRIPTS, imports, modules, room_of

_NODE = re.compile(r'^\s*(\w+)\["(.+)"\]$')
_ARROW = re.compile(r"^\s*(\w+) --> (\w+)$")


def picture() -> tuple[set[str], set[tuple[str, str]]]:
    """The rooms that are drawn, and the arrows between them."""
    document = Document.read(ROOT / "docs/architecture.md")
    (block,) = [block for block in document.blocks if block.language == "mermaid"]
    lines = block.text.splitlines()
    boxes = {
        found[1]: re.findall(r"<b>(.+?)</b>", found[2])
        for line in lines
        if (found := _NODE.match(line))
    }
    arrows = {
        (tail, head)
        for line in lines
        if (found := _ARROW.match(line))
        for tail in boxes[found[1]]
        for head in boxes[found[2]]
    }
    return {room for rooms in boxes.values() for room in rooms}, arrows


def reachable(start: str, arrows: set[tuple[str, str]]) -> set[str]:
    """Every room that the arrows lead to."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        room = waiting.pop()
        heads = {head for tail, head in arrows if tail == room} - found
        found |= heads
        waiting += heads
    return found


def drawn_name(room: str) -> str:
    """A room as the picture calls it."""
    return "scripts" if room in (*SCRIPTS, *MODULES) else room.replace(".", "/")


def real_arrows() -> set[tuple[str, str]]:
    """Which room imports which."""
    return {
        (drawn_name(tail), drawn_name(head))
        for module, path in modules()
        if module != EXCEPTION[0] and (tail := room_of(module)) is not None
        for name in imports(path)
        if (head := room_of(name)) is not None and drawn_name(tail) != drawn_name(head)
    }


def test_every_room_is_drawn() -> None:
    assert picture()[0] == {drawn_name(room) for floor in LAYERS for room in floor}


def test_every_import_has_a_way_in_the_picture() -> None:
    arrows = picture()[1]
    ways = {room: reachable(room, arrows) for room in picture()[0]}
    assert [(tail, head) for tail, head in real_arrows() if head not in ways[tail]] == []


def test_every_arrow_is_an_import() -> None:
    rooms_drawn_together = {"trainer/errors", "trainer/project"}
    drawn = picture()[1]
    assert [
        arrow for arrow in sorted(drawn - real_arrows()) if not rooms_drawn_together & set(arrow)
    ] == []
