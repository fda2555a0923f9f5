from typing import Any

import pytest

from trainer.checkpoints.comparison import differing
from trainer.checkpoints.safe_io.plain_values import flatten


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({}, {}, {}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {}),
        ({"a": 1}, {"a": 1.0}, {}),
        ({"a": 1}, {"a": True}, {"a": (1, True)}),
        ({"a": 0}, {"a": None}, {"a": (0, None)}),
        ({"b": 1, "a": 2}, {"c": 3}, {"b": (1, None), "a": (2, None), "c": (None, 3)}),
        ({"a": [1, 2]}, {"a": [2, 1]}, {"a": ([1, 2], [2, 1])}),
    ],
)
def test_differing_values(
    first: dict[Any, Any], second: dict[Any, Any], expected: dict[Any, Any]
) -> None:
    found = differing(first, second)
    assert found == expected
    assert list(found) == list(expected)


def test_nested_mappings_become_dotted_keys() -> None:
    assert flatten({"a": {"b": {"c": 1}, "d": {}}, "e": [{"f": 2}], 3: None}) == {
        "a.b.c": 1,
        "e": [{"f": 2}],
        "3": None,
    }
