"""Taking turns, and ratios within a round."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.children import ContenderFailed
from benchmarks.rounds import Contender, Runs, rates, ratios, spread, summary, take_turns
from benchmarks.sections.training import STOCK_CHOICES, best_of_stock


def test_ratios_are_of_pairs() -> None:
    assert ratios([10.0, 40.0], [5.0, 10.0]) == [2.0, 4.0]
    assert ratios([10.0, None, 30.0], [5.0, 10.0, None]) == [2.0]
    assert ratios([10.0, 40.0], [5.0]) == [2.0]  # the second round was interrupted
    assert ratios([], [5.0]) == []


def test_spread_is_of_what_is_there() -> None:
    assert spread([3.0, None, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0}
    assert spread([None]) is None
    assert summary({"a": [1.0], "b": []}) == {"a": {"median": 1.0, "min": 1.0, "max": 1.0}}


def test_rates_keep_the_rounds_of_failures() -> None:
    runs: Runs = {"a": [{"agent_steps": 6, "seconds": 2.0}, None]}
    assert rates(runs, "a") == [3.0, None]
    assert rates(runs, "b") == []


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the contenders in the order in which they run; "bad" ones fail."""
    order: list[str] = []

    def run(self: Contender) -> dict[str, Any]:
        order.append(self.name)
        if self.name == "bad":
            raise ContenderFailed("it did not work")
        return {"number": len(order)}

    monkeypatch.setattr(Contender, "run", run)
    return order


def test_contenders_take_turns(played: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    runs: Runs = {}
    take_turns([Contender(name, name, ()) for name in ("one", "bad", "two")], 2, runs)
    assert played == ["one", "bad", "two"] * 2
    assert runs["one"] == [{"number": 1}, {"number": 4}]
    assert runs["bad"] == [None, None]
    said = capsys.readouterr().err
    assert "round 2 of 2: two" in said
    assert "it did not work" in said


def test_no_round_is_begun_that_would_take_too_long(played: list[str]) -> None:
    runs: Runs = {}
    take_turns([Contender("one", "one", ())], 3, runs, limit_s=0.0)
    assert runs == {"one": [{"number": 1}]}


def test_stock_rllib_is_measured_at_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(self: Contender) -> dict[str, Any]:
        if self.name == "0x16":
            raise ContenderFailed("it did not work")
        return {"agent_steps": 9 if self.name == "2x16" else 5, "seconds": 1.0}

    monkeypatch.setattr(Contender, "run", run)
    results: dict[str, Any] = {}
    assert best_of_stock(results) == (2, 16)
    assert len(results["stock_choices"]) == len(STOCK_CHOICES)
    monkeypatch.setattr(Contender, "run", lambda self: {"agent_steps": 0, "seconds": 1.0})
    assert best_of_stock({}) in STOCK_CHOICES
