"""What `--set` of a sweep says: its values, its ranges, and the combinations of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.commands.sweep.axes import (
    check_spaces,
    grid,
    identity,
    parse_axes,
    samples,
    separated,
    value_of,
)
from trainer.commands.sweep.names import LONGEST, PATTERN, run_name, short_keys, varied
from trainer.errors import UsageError

WORDS = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Zs")), max_size=12)
NUMBERS = st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS: st.SearchStrategy[Any] = st.none() | st.booleans() | NUMBERS | WORDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(VALUES, min_size=1, max_size=4))
def test_every_value_that_json_can_write_comes_back(values: list[Any]) -> None:
    texts = [json.dumps(value) for value in values]
    parts = separated(",".join(texts))
    assert parts == texts
    assert [value_of(part) for part in parts] == values


@given(st.text(max_size=40))
def test_no_text_is_lost_or_breaks_anything(text: str) -> None:
    try:
        parts = separated(text)
    except ValueError:
        return
    assert ",".join(parts).replace(" ", "") == ",".join(
        part.strip() for part in [*_split_as(text, parts)]
    ).replace(" ", "")


def _split_as(text: str, parts: list[str]) -> list[str]:
    """The text cut at as many places as there are parts, at the commas between them."""
    found, rest = [], text
    for part in parts[:-1]:
        place = rest.index(",", rest.index(part) + len(part))
        found.append(rest[:place])
        rest = rest[place + 1 :]
    return [*found, rest]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0.0003,1e-3", ["0.0003", "1e-3"]),
        ("[64,64], [128, 128]", ["[64,64]", "[128, 128]"]),
        ("{type: linear, end: 0.1},null", ["{type: linear, end: 0.1}", "null"]),
        ("'a,b',it's", ["'a,b'", "it's"]),
        ("'it''s, ok',\"a\\\",b\"", ["'it''s, ok'", '"a\\",b"']),
        ("[ '],', {a: \"}\"} ],1", ["[ '],', {a: \"}\"} ]", "1"]),
    ],
)
def test_a_comma_outside_of_brackets_and_quotes_separates(text: str, parts: list[str]) -> None:
    assert separated(text) == parts


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("ppo.lr", "--set ppo.lr: expected KEY=VALUE,VALUE,..., as in ppo.lr=0.0003,0.001"),
        ("=3", "--set : expected KEY=VALUE"),
        ("ppo.lr=1,,2", "--set ppo.lr: an empty value; write null for none"),
        ("ppo.lr=", "--set ppo.lr: an empty value"),
        ("ppo.lr=0.001,1e-3", "--set ppo.lr: 0.001 and 1e-3 are the same value"),
        ("ppo.lr=1,1.0", "--set ppo.lr: 1 and 1.0 are the same value"),
        ("ppo.hiddens=[64", "--set ppo.hiddens: the value cannot be used: has a bracket that"),
        ("ppo.hiddens=64]", "has a ] that nothing opens"),
        ("ppo.lr=log:0:1", "--set ppo.lr: log:LOW:HIGH needs numbers above 0, found 0"),
        ("ppo.lr=log:3:1", "--set ppo.lr: log:LOW:HIGH needs two numbers, the lower one first"),
        ("ppo.lr=uniform:a:1", "--set ppo.lr: uniform:LOW:HIGH needs two numbers"),
    ],
)
def test_what_cannot_be_used_is_named(item: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_axes([item])
    assert str(raised.value).startswith(message) or message in str(raised.value)


def test_a_key_is_given_once() -> None:
    with pytest.raises(UsageError, match=r"--set ppo.lr: given twice; separate its values"):
        parse_axes(["ppo.lr=1", "ppo.lr=2"])


def test_true_is_not_one() -> None:
    assert len(parse_axes(["ppo.normalize_obs=true,1"])[0].values) == 2


def test_a_grid_has_every_combination_once() -> None:
    axes = parse_axes(["ppo.lr=0.1,0.2", "train.seed=0,1,2"])
    found = grid(axes)
    assert len({identity(choice) for choice in found}) == 6
    assert found[:2] == [{"ppo.lr": "0.1", "train.seed": s} for s in "01"]
    assert grid([]) == [{}]


def test_a_grid_needs_values_and_has_an_end() -> None:
    with pytest.raises(UsageError, match=r"--set ppo.lr: a range needs --samples K"):
        grid(parse_axes(["ppo.lr=log:1:2"]))
    many = ",".join(map(str, range(40)))
    with pytest.raises(UsageError, match=r"1600 runs are more than 1000.*--samples K"):
        grid(parse_axes([f"a={many}", f"b={many}"]))


def test_samples_have_every_seed_and_more_of_them_begin_alike() -> None:
    axes = parse_axes(["ppo.lr=log:1e-4:1e-2", "ppo.gamma=0.9,0.99", "train.seed=0,1"])
    few, more = samples(axes, 3), samples(axes, 5)
    assert [choice["train.seed"] for choice in few] == ["0", "1"] * 3
    assert more[:6] == few
    assert samples(axes, 3, seed=1) != few
    assert {choice["ppo.gamma"] for choice in samples(axes, 40)} == {"0.9", "0.99"}
    assert list(few[0]) == ["ppo.lr", "ppo.gamma", "train.seed"]


def test_samples_of_a_grid_are_different_and_no_more_than_there_are() -> None:
    axes = parse_axes(["a=1,2,3", "b=1,2"])
    every = {identity(choice) for choice in samples(axes, 6)}
    assert every == {identity(choice) for choice in grid(axes)}
    assert samples(axes, 4)[:2] == samples(axes, 2)
    with pytest.raises(UsageError) as raised:
        samples(axes, 7)
    told = (
        "--samples 7: the values given have 6 combinations; take at most so many, or name a range"
    )
    assert str(raised.value).startswith(told)


@pytest.mark.parametrize("items", [[], ["train.seed=0,1"]])
def test_samples_need_something_to_draw_from(items: list[str]) -> None:
    with pytest.raises(UsageError, match=r"--samples 5: nothing to draw from; name a range, as in"):
        samples(parse_axes(items), 5)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["L1", "--set", "ppo.lr=0.0003", "0.001", "--jobs", "2"], "ppo.lr=0.0003,0.001"),
        (["--set", "ppo.lr=1,", "2,", "3"], "ppo.lr=1,2,3"),
        (["--set", "ppo.hiddens=[64]", "[64,64]"], "'ppo.hiddens=[64],[64,64]'"),
    ],
)
def test_values_separated_by_spaces_are_told(words: list[str], meant: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_spaces(words)
    assert str(raised.value).endswith(f"separated by commas alone: --set {meant}")


@pytest.mark.parametrize("name", ["L1", "mine.yaml", "./2.yaml"])
def test_a_file_behind_the_values_is_none_of_them(name: str) -> None:
    check_spaces(["--set", "ppo.lr=1,2", name])
    check_spaces(["--set", "ppo.lr=1,2", "--jobs", "2"])


@given(st.floats(1e-6, 1e3), st.floats(1.001, 1e6), st.integers(1, 30))
def test_drawn_numbers_lie_within_their_range(low: float, factor: float, count: int) -> None:
    (axis,) = parse_axes([f"a=log:{low!r}:{low * factor!r}"])
    for choice in samples([axis], count):
        assert low * 0.9995 <= float(choice["a"]) <= low * factor * 1.0005


def test_a_logarithmic_range_favors_no_factor_and_whole_ends_give_whole_numbers() -> None:
    (axis,) = parse_axes(["a=log:1e-4:1e-2"])
    drawn = [float(choice["a"]) for choice in samples([axis], 400)]
    assert 0.4 < sum(value < 1e-3 for value in drawn) / 400 < 0.6
    (axis,) = parse_axes(["a=uniform:1:4"])
    assert {value_of(choice["a"]) for choice in samples([axis], 200)} == {1, 2, 3, 4}
    assert all(isinstance(value_of(choice["a"]), int) for choice in samples([axis], 20))


def test_names_tell_the_values_that_vary() -> None:
    axes = parse_axes(["ppo.lr=3e-4,0.001", "ppo.hiddens=[64,64],[32]", "train.seed=0"])
    keys = varied(axes)
    assert keys == ["ppo.lr", "ppo.hiddens"]
    assert [run_name(choice, keys) for choice in grid(axes)] == [
        *("lr=0.0003_hiddens=64x64", "lr=0.0003_hiddens=32"),
        *("lr=0.001_hiddens=64x64", "lr=0.001_hiddens=32"),
    ]
    assert run_name({}, []) == "run"


def test_keys_are_as_short_as_they_can_be_told_apart() -> None:
    assert short_keys(["ppo.lr", "ppo.seeker.lr", "train.seed"]) == {
        **{"ppo.lr": "ppo.lr", "ppo.seeker.lr": "seeker.lr"},
        "train.seed": "seed",
    }


@given(st.lists(VALUES, min_size=1, max_size=3), st.booleans())
def test_every_name_is_one_plain_folder_that_no_other_has(values: list[Any], same: bool) -> None:
    taken: set[str] = set()
    for value in [*values, *(values if same else [])]:
        name = run_name({"ppo.x": json.dumps(value)}, ["ppo.x"], taken)
        assert PATTERN.fullmatch(name)
        assert len(name) <= LONGEST + 3
        assert name not in taken
        taken.add(name)


def test_a_range_varies_and_one_value_does_not() -> None:
    assert varied(parse_axes(["a=log:1:2", "b=3"])) == ["a"]
