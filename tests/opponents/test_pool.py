"""The pool of earlier policies: who stays, who is drawn, what is saved."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.opponents.pool import Member, Pool, PoolState

SHAPES = {"actor.0.weight": (3, 2), "actor.0.bias": (3,)}


def member(iteration: int, **values: float) -> Member:
    weights = {name: np.full(shape, iteration, np.float32) for name, shape in SHAPES.items()}
    return Member(iteration, weights, **values)


def pool(size: int, *iterations: int) -> Pool:
    made = Pool(size)
    for iteration in iterations:
        made.add(member(iteration))
    return made


def iterations(pool: Pool) -> list[int]:
    return [member.iteration for member in pool.members]


@given(size=st.integers(1, 20), joined=st.integers(1, 200), every=st.integers(1, 30))
def test_the_newest_half_and_the_oldest_stay(size: int, joined: int, every: int) -> None:
    everyone = [every * number for number in range(joined)]
    kept = iterations(pool(size, *everyone))
    assert len(kept) == min(size, joined)
    assert kept == sorted(set(kept) & set(everyone))
    newest = min(joined, (size + 1) // 2)
    assert kept[-newest:] == everyone[-newest:]
    assert kept[0] == 0 or size == 1


@pytest.mark.parametrize("size", [6, 8, 16, 32])
def test_older_ones_stay_spread_over_the_whole_run(size: int) -> None:
    made = Pool(size)
    for number in range(600):
        made.add(member(10 * number))
        older = iterations(made)[: -((size + 1) // 2 - 1)]
        if number > 4 * size:
            gaps = [b - a for a, b in itertools.pairwise(older)]
            assert max(gaps) <= 2 * (older[-1] - older[0]) / len(gaps)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40, unique=True), st.integers(1, 12))
def test_who_stays_depends_only_on_who_joined(joined: list[int], size: int) -> None:
    joined.sort()
    straight = pool(size, *joined)
    again = Pool(size)
    for iteration in joined:  # saved and restored before each one joins
        values, weights = again.state()
        rows = weights if values else np.zeros((0, 9), np.float32)
        again = Pool.restored(size, PoolState(json.loads(json.dumps(values)), rows), SHAPES)
        again.add(member(iteration))
    assert iterations(again) == iterations(straight)


def test_a_smaller_pool_is_thinned_when_it_is_restored() -> None:
    big = pool(16, *range(0, 300, 10))
    small = Pool.restored(4, big.state(), SHAPES)
    assert len(small.members) == 4
    assert iterations(small)[0] == 0
    assert iterations(small)[-2:] == iterations(big)[-2:]


def test_a_state_brings_everything_back() -> None:
    made = Pool(3)
    made.add(member(0, mu=20.0, sigma=3.0))
    made.add(member(10))
    made.note(10, 8.0, 2.5)
    again = Pool.restored(3, made.state(), SHAPES)
    for old, new in zip(made.members, again.members, strict=True):
        assert {**vars(new), "weights": None} == {**vars(old), "weights": None}
        assert {name: array.tolist() for name, array in new.weights.items()} == {
            name: array.tolist() for name, array in old.weights.items()
        }


def test_weights_that_are_no_network_are_refused() -> None:
    state = pool(2, 0).state()
    with pytest.raises(ValueError, match=r"\(9,\) weights are not the 6 of the network"):
        Pool.restored(2, state, {"actor.0.weight": (3, 2)})


@pytest.mark.parametrize("iteration", [10, 9])
def test_only_newer_ones_join(iteration: int) -> None:
    with pytest.raises(ValueError, match=f"iteration {iteration} is not after 10"):
        pool(4, 0, 10).add(member(iteration))


def drawn(pool: Pool, how: str, count: int = 4000) -> dict[int, float]:
    """How often each member is drawn."""
    random = np.random.default_rng(3)
    found = [pool.draw(random, how).iteration for _ in range(count)]
    return {iteration: found.count(iteration) / count for iteration in iterations(pool)}


def test_uniform_draws_take_each_as_often() -> None:
    made = pool(4, 0, 10, 20, 30)
    made.note(0, 100.0, 100.0)
    assert drawn(made, "uniform") == pytest.approx(dict.fromkeys(iterations(made), 0.25), abs=0.03)


def test_hard_draws_prefer_those_that_win_and_forget_none() -> None:
    made = pool(3, 0, 10, 20)
    for iteration, wins in ((0, 0.0), (10, 98.0), (20, 49.0)):
        made.note(iteration, 98.0, wins)
    rates = {0: 0.1, 10: 0.99, 20: 0.5}
    expected = {iteration: rate / sum(rates.values()) for iteration, rate in rates.items()}
    assert drawn(made, "hard") == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("how", ["uniform", "hard"])
def test_a_draw_takes_one_number_of_the_stream(how: str) -> None:
    one, other = np.random.default_rng(0), np.random.default_rng(0)
    pool(8, *range(7)).draw(one, how)
    other.random()
    assert one.bit_generator.state == other.bit_generator.state


def test_nothing_is_drawn_from_an_empty_pool() -> None:
    with pytest.raises(ValueError, match="empty"):
        Pool(2).draw(np.random.default_rng(0), "uniform")


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 1)), max_size=20))
def test_old_games_fade(results: list[tuple[float, float]]) -> None:
    made = pool(1, 0)
    for games, rate in results:
        made.note(0, games, games * rate)
    (only,) = made.members
    assert 0.0 <= only.wins <= only.games * (1 + 1e-9)
    assert only.games <= 256.0 * (1 + 1e-9)
    assert 0.0 < only.win_rate < 1.0


def test_the_newest_games_decide_after_a_while() -> None:
    made = pool(2, 0, 10)
    assert math.isnan(made.win_rate())
    made.note(0, 10_000.0, 10_000.0)
    made.note(0, 10_000.0, 0.0)
    assert made.members[0].win_rate < 0.05
    assert made.win_rate() < 0.05
    made.note(20, 5.0, 5.0)  # has left meanwhile
    assert iterations(made) == [0, 10]
