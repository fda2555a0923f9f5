"""Whatever a configuration file holds, the answer is a configuration or one readable error."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from trainer.checkpoints.safe_io.plain_values import flatten
from trainer.config.loading import apply_overrides, load_config
from trainer.config.schema import Config
from trainer.config.types import ConfigError

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers().map(lambda n: n * 10**60),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["linear", "L1", "latest", "resume", ".nan", "1e999", "../..", "s3://", "::"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=8) | scalars, inner, max_size=4),
    ),
    max_leaves=12,
)
specs = st.dictionaries(
    st.sampled_from(["type", "start", "end", "gamma", "step_size", "points", "warmup", "bump"]),
    values | st.sampled_from(["linear", "cosine", "exponential", "step", "piecewise"]),
    max_size=5,
)
keys = st.sampled_from(list(flatten(Config().to_dict()))).map(lambda key: key.split("."))


def check(make: Any) -> None:
    try:
        made = make()
    except ConfigError as error:
        message = str(error)
        assert message
        assert len(message) < 2_000
        assert message.isprintable()
    else:
        assert isinstance(made, Config)
        assert Config.from_dict(made.to_dict()) == made


@given(changes=st.lists(st.tuples(keys, values | specs), min_size=1, max_size=4))
def test_changed_values(changes: list[tuple[list[str], Any]]) -> None:
    document = copy.deepcopy(Config().to_dict())
    for path, value in changes:
        group: Any = document
        for name in path[:-1]:
            group = group.setdefault(name, {}) if isinstance(group, dict) else {}
        if isinstance(group, dict):
            group[path[-1]] = value
    check(lambda: Config.from_dict(document))


@given(document=values)
def test_any_document(document: Any) -> None:
    check(lambda: Config.from_dict(document))


@given(text=st.one_of(st.text(max_size=80), st.binary(max_size=80)), document=values)
def test_any_file(text: str | bytes, document: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        for content in (text, yaml.safe_dump(document)):
            data = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
            path.write_bytes(data)
            check(lambda: load_config(path))


@given(key=st.text(max_size=12) | keys.map(".".join), value=st.text(max_size=20))
def test_any_override(key: str, value: str) -> None:
    check(lambda: apply_overrides({}, [f"{key}={value}"]))
