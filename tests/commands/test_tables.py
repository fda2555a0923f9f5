"""The one table renderer of the commands."""

from __future__ import annotations

import pytest

from trainer.commands.tables import Column, aligned, print_table, wrapped

Pair = tuple[str, str]
NAME = Column[Pair]("Name", lambda row: row[0], text=True)
SIZE = Column[Pair]("Size", lambda row: row[1])
ROWS = [("one", "1000"), ("twenty-two", "5")]


def test_words_stand_left_and_numbers_right() -> None:
    assert aligned([NAME, SIZE], ROWS) == [
        "Name        Size",
        "one         1000",
        "twenty-two     5",
    ]
    assert aligned([NAME], []) == ["Name"]


def test_a_gap_a_rule_and_a_least_width() -> None:
    wide = Column[Pair]("Name", lambda row: row[0], text=True, least=12)
    assert aligned([wide, SIZE], ROWS[:1], gap="|", rule="=") == [
        "Name        |Size",
        "=================",
        "one         |1000",
    ]


def test_an_optional_column_goes_where_nothing_is_known() -> None:
    seen = Column[Pair]("Seen", lambda row: "-" if row[0] == "one" else "0.2", optional=True)
    assert aligned([NAME, seen], ROWS[:1]) == ["Name", "one "]
    assert aligned([NAME, seen], ROWS)[0] == "Name        Seen"


def test_what_is_too_wide_is_folded_within_its_column() -> None:
    long = ("key", "word " * 20 + "x" * 30)
    lines = aligned([NAME, Column[Pair]("Value", lambda row: row[1], text=True)], [long], width=30)
    assert max(map(len, lines)) == 30
    assert "".join(lines).count("word") == 20
    assert "".join(lines).count("x") == 30
    assert [line[:4] for line in lines[1:3]] == ["key ", "    "]


def test_narrow_columns_keep_their_width() -> None:
    columns = [Column[str](text, str, text=True) for text in ("a" * 5, "b" * 50, "c" * 50)]
    head = aligned(columns, [], width=65)[0]
    assert [len(part) for part in head.split()] == [5, 28, 28]


def test_print_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("Name", "Files"), [("a\x1b[2J", 12)], numbers=("Files",))
    assert capsys.readouterr().out.splitlines() == ["Name   Files", "------------", "a?[2J     12"]


def test_words_are_wrapped_at_blanks_only() -> None:
    assert wrapped(["one", "two", "three", "x" * 12], 8) == ["one two", "three", "x" * 12]
    assert wrapped([], 8) == []
