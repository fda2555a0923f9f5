"""The commands and the Python of the documents run as they are printed, in a real shell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.documents import Block, documents
from tests.docs.shell import new_desk, python_for_shells, run_blocks
from tests.scripts.conftest import Desk, copy_of

FAST = ("README.md", "docs/checkpoints.md", "docs/own_game.md")
"""Run with the fast tests; the others are part of `make test-all`."""


@dataclass(frozen=True)
class Lesson:
    """Blocks that follow each other in one working folder."""

    document: str
    blocks: tuple[Block, ...]

    @property
    def begins_trained(self) -> bool:
        """Whether a run lies in the folder at the beginning."""
        return self.blocks[0].folder == "trained"


def lessons() -> Iterator[Lesson]:
    """All lessons in which something runs."""
    for document in documents():
        parts: list[list[Block]] = [[]]
        for block in document.blocks:
            if block.folder is not None:
                parts.append([])
            runs = block.language in ("bash", "python") and block.not_run is None
            if runs or block.is_output:
                parts[-1].append(block)
        yield from (Lesson(document.name, tuple(part)) for part in parts if part)


PARAMETERS = [
    pytest.param(
        lesson,
        marks=() if lesson.document in FAST else (pytest.mark.slow,),
        id=f"{lesson.document}:{lesson.blocks[0].line}",
    )
    for lesson in lessons()
]


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return python_for_shells(tmp_path_factory.mktemp("bin"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A folder with two of the ten checkpoints that 300 iterations leave, to be copied."""
    desk = new_desk(tmp_path_factory.mktemp("trained") / "desk")
    done = desk.run("main.py", "--quiet")
    assert done.returncode == 0, done.stderr
    assert desk.checkpoints() == ["checkpoint_000250", "checkpoint_000300"]
    return desk


@pytest.mark.parametrize("lesson", PARAMETERS)
def test_blocks_run(
    lesson: Lesson,
    variables: dict[str, str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    folder = tmp_path / "desk"
    if lesson.begins_trained:
        desk = copy_of(request.getfixturevalue("trained"), folder)
    else:
        desk = new_desk(folder)
    done = run_blocks(lesson.blocks, desk, variables)
    assert done.returncode == 0, f"{lesson.document}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    shown = [line for block in lesson.blocks if block.is_output for line in block.text.splitlines()]
    printed = done.stdout.splitlines()
    assert [line for line in shown if line != "..." and line not in printed] == [], done.stdout


def test_a_broken_example_fails(variables: dict[str, str], tmp_path: Path) -> None:
    commands = ("python list_checkpoints.py --nonsense", "python -m trainer.nothing", "tensorboar")
    for number, command in enumerate(commands):
        desk = new_desk(tmp_path / str(number))
        done = run_blocks([Block(7, "bash", f"{command}\ntrue\n")], desk, variables)
        assert done.returncode != 0
        assert "# line 7" in done.stderr
    desk = new_desk(tmp_path / "python")
    done = run_blocks([Block(9, "python", "assert 1 > 2\n")], desk, variables)
    assert done.returncode == 1
    assert "AssertionError" in done.stderr
