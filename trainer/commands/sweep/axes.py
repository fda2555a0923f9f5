"""What a sweep varies: `--set KEY=VALUE,VALUE,...`, and `KEY=log:LOW:HIGH` for random samples.

Values are YAML. A comma outside of brackets, braces and quotes separates two of them.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product, takewhile
from shlex import quote
from typing import Any

from trainer.checkpoints.safe_io import safe_yaml
from trainer.checkpoints.safe_io.safe_json import shown
from trainer.errors import UsageError

SEED = "train.seed"
MOST = 1000  # runs of one sweep
_RANGE = re.compile(r"(log|uniform):([^:,\[\]{}]+):([^:,\[\]{}]+)")
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_OPENING, _CLOSING = "[{", "]}"

_DRAW = "name a range, as in --set ppo.lr=log:0.0001:0.003"

Choice = Mapping[str, str]
"""One value for each key that a sweep varies, as text in YAML."""


@dataclass(frozen=True)
class Range:
    """Numbers to draw from, evenly or evenly in their logarithm.

    Attributes:
        low, high: the ends, both included.
        log: whether each factor counts the same, as 1 to 10 and 10 to 100.
        whole: whether only whole numbers are drawn, as both ends are.
    """

    low: float
    high: float
    log: bool
    whole: bool

    def at(self, share: float) -> str:
        """The number at a share, 0 to 1, of the way from one end to the other."""
        if self.log:
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + (self.high - self.low) * share
        value = min(max(value, self.low), self.high)
        return str(round(value)) if self.whole else f"{float(f'{value:.4g}'):g}"


@dataclass(frozen=True)
class Axis:
    """One `--set`: its key and the values that it takes, as text, or the range they come from."""

    key: str
    values: tuple[str, ...] = ()
    range: Range | None = None


def parse_axes(items: Sequence[str]) -> list[Axis]:
    """What `--set` gives, in this order.

    Raises:
        UsageError: naming the `--set` at fault.
    """
    axes = [_parse(item) for item in items]
    keys = [axis.key for axis in axes]
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"--set {key}: given twice; separate its values by commas")
    return axes


def check_spaces(words: Sequence[str]) -> None:
    """Checks that no value of a `--set` stands as a word of its own behind it.

    Raises:
        UsageError: with the `--set` that was meant.
    """
    for option, item, *more in (words[place:] for place in range(len(words) - 2)):
        values = [*takewhile(_is_value, more)]
        if option == "--set" and "=" in item and values:
            meant = ",".join(word.strip(",") for word in (item, *values))
            raise UsageError(
                f"--set {item} {values[0]}: a space in it; the values of a key are separated by "
                f"commas alone: --set {quote(shown(meant))}"
            )


def _is_value(word: str) -> bool:
    """Whether a word can only be a value: a number, a list or the like, and no name of a file."""
    try:
        return not isinstance(value_of(word.strip(",")), str | None)
    except ValueError:
        return False


def separated(text: str) -> list[str]:
    """The parts of a text between its commas outside of brackets, braces and quotes.

    Raises:
        ValueError: a bracket or a quote is not closed.
    """
    parts, depth, rest = [""], 0, text
    while rest:
        before = parts[-1].rstrip()
        begins = not before or (depth > 0 and before[-1] in ",:" + _OPENING)
        if begins and rest[0] in "'\"":  # elsewhere it is a sign like any other
            quoted = _QUOTED.match(rest)
            if quoted is None:
                raise ValueError(f"has a {rest[0]} that nothing closes")
            sign = quoted[0]
        else:
            sign = rest[0]
        rest = rest[len(sign) :]
        if sign == "," and depth == 0:
            parts.append("")
            continue
        depth += (sign in _OPENING) - (sign in _CLOSING)
        if depth < 0:
            raise ValueError(f"has a {sign} that nothing opens")
        parts[-1] += sign
    if depth:
        raise ValueError("has a bracket that nothing closes")
    return [part.strip() for part in parts]


def identity(choice: Choice) -> str:
    """A text that two choices of equal values have in common, however they are written."""
    return json.dumps({key: _plain(value_of(text)) for key, text in choice.items()}, sort_keys=True)


def value_of(text: str) -> Any:
    """The value of a text in YAML."""
    return safe_yaml.parse(text)


def grid(axes: Sequence[Axis]) -> list[Choice]:
    """Every combination of the values, the last key varying fastest.

    Raises:
        UsageError: there are too many, or a range has no end of values.
    """
    for axis in axes:
        if axis.range is not None:
            raise UsageError(f"--set {axis.key}: a range needs --samples K, values drawn from it")
    number = math.prod(len(axis.values) for axis in axes)
    if number > MOST:
        raise UsageError(
            f"{number} runs are more than {MOST}; name fewer values, or draw some: --samples K"
        )
    return _combined(axes)


def samples(axes: Sequence[Axis], number: int, seed: int = 0) -> list[Choice]:
    """So many random combinations, each with every value of `train.seed`.

    More of them begin with the same ones. Of a grid none comes twice.

    Raises:
        UsageError: there are too many, or there is nothing to draw so many from.
    """
    drawn = [axis for axis in axes if axis.key != SEED]
    seeds = [axis for axis in axes if axis.key == SEED]
    runs = number * math.prod(len(axis.values) for axis in seeds)
    if any(axis.range is not None for axis in seeds):
        raise UsageError(f"--set {SEED}: name the seeds, as in {SEED}=0,1,2")
    if runs > MOST:
        raise UsageError(f"{runs} runs are more than {MOST}; take fewer samples or seeds")
    if not drawn:
        raise UsageError(f"--samples {number}: nothing to draw from; {_DRAW}")
    found = _drawn(drawn, number, seed)
    if len(found) < number and all(axis.range is None for axis in drawn):
        told = f"--samples {number}: the values given have {len(found)} combinations"
        raise UsageError(f"{told}; take at most so many, or {_DRAW}")
    order = [axis.key for axis in axes]
    each = [{**choice, **more} for choice in found for more in _combined(seeds)]
    return [{key: choice[key] for key in order} for choice in each]


def _drawn(axes: Sequence[Axis], number: int, seed: int) -> list[Choice]:
    size = math.prod(len(axis.values) for axis in axes)
    if all(axis.range is None for axis in axes) and size <= 10**6:
        order = list(range(size))
        random.Random(seed).shuffle(order)
        return [_place(axes, place) for place in order[:number]]
    found: list[Choice] = []
    for k in range(number):
        chance = random.Random(f"{seed}/{k}")
        found.append(
            {
                axis.key: axis.range.at(chance.random())
                if axis.range is not None
                else axis.values[chance.randrange(len(axis.values))]
                for axis in axes
            }
        )
    return list({identity(choice): choice for choice in found}.values())


def _place(axes: Sequence[Axis], place: int) -> Choice:
    """The combination of a grid at a place in its order."""
    choice = {}
    for axis in reversed(axes):
        place, k = divmod(place, len(axis.values))
        choice[axis.key] = axis.values[k]
    return {axis.key: choice[axis.key] for axis in axes}


def _combined(axes: Sequence[Axis]) -> list[Choice]:
    keys = [axis.key for axis in axes]
    return [dict(zip(keys, v, strict=True)) for v in product(*(axis.values for axis in axes))]


def _parse(item: str) -> Axis:
    key, equals, text = item.partition("=")
    key = shown(key.strip())
    if not equals or not key:
        raise UsageError(f"--set {key}: expected KEY=VALUE,VALUE,..., as in ppo.lr=0.0003,0.001")
    if found := _RANGE.fullmatch(text.strip()):
        return Axis(key, range=_range(key, *found.groups()))
    try:
        parts = separated(text)
        for part in parts:
            safe_yaml.parse(part)
    except ValueError as error:
        raise UsageError(f"--set {key}: the value cannot be used: {error}") from None
    if "" in parts:
        raise UsageError(f"--set {key}: an empty value; write null for none, '' for no text")
    first: dict[str, str] = {}
    for part in parts:
        same = first.setdefault(identity({key: part}), part)
        if same is not part:
            raise UsageError(f"--set {key}: {shown(same)} and {shown(part)} are the same value")
    return Axis(key, tuple(parts))


def _range(key: str, kind: str, low_text: str, high_text: str) -> Range:
    texts = (low_text, high_text)
    ends = [value_of(text) if safe_yaml.is_number(text.strip()) else None for text in texts]
    low, high = (float(end) if isinstance(end, int | float) else math.nan for end in ends)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"--set {key}: {kind}:LOW:HIGH needs two numbers, the lower one first")
    if kind == "log" and low <= 0:
        raise UsageError(f"--set {key}: log:LOW:HIGH needs numbers above 0, found {low:g}")
    return Range(low, high, kind == "log", all(isinstance(end, int) for end in ends))


def _plain(value: Any) -> Any:
    """A value as JSON writes it, 1.0 as 1."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value
