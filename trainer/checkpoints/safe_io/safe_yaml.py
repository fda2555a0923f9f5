"""Reads untrusted YAML, bounded in size, depth and expansion of aliases.

Scalars are those of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema): 1e-3 is a number, and
yes, on and 1:30 are strings. Merge keys, tags and duplicate keys are refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from trainer.checkpoints.safe_io import safe_json

MAX_BYTES = 2**16  # YAML is slow to read, and a configuration has some thousand
MAX_EVENTS = 10_000  # and some hundred
MAX_DEPTH = 32
MAX_VALUES = 20_000
_MAX_DIGITS = 400

_TAG = "tag:yaml.org,2002:"
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE, _FALSE = re.compile(r"true|True|TRUE"), re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INF, _NAN = re.compile(r"[-+]?\.(inf|Inf|INF)"), re.compile(r"\.(nan|NaN|NAN)")


class YamlError(ValueError):
    """A text that is not YAML of this kind.

    Attributes:
        line: where it fails, from 1; None: unknown.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


def dump(values: Any) -> str:
    """The YAML text of values, which `parse` and any reader of YAML 1.1 read back unchanged."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes the strings that only YAML 1.2 takes for numbers, such as 1e3."""

    def text(dumper: Dumper, value: str) -> Any:
        quote = "'" if is_number(value) else None
        return dumper.represent_scalar(f"{_TAG}str", value, style=quote)

    Dumper.add_representer(str, text)
    return str(yaml.dump(values, Dumper=Dumper, sort_keys=False, allow_unicode=True))


def is_number(text: str) -> bool:
    """Whether a word without quotes is a number in YAML 1.2."""
    return any(form.fullmatch(text) for form in (_INT, _FLOAT, _INF, _NAN))


def read(path: Path) -> Any:
    """The value in a YAML file.

    Raises:
        OSError: the file is absent or not readable.
        ValueError: it is no plain file, or not valid.
    """
    try:
        return parse(safe_json.read_bytes(path, MAX_BYTES))
    except YamlError as error:
        where = f" line {error.line}" if error.line else ""
        raise ValueError(f"{path.name}:{where} {error}") from None


def parse(text: str | bytes) -> Any:
    """The value in a YAML text; None if it is empty.

    Raises:
        YamlError: it is not valid.
    """
    import yaml  # a fifth of a listing's start-up: only where there is something to read

    class Loader(yaml.BaseLoader):
        """Stops at a text that is longer or deeper than any configuration."""

        left = MAX_EVENTS

        def get_event(self) -> Any:
            self.left -= 1
            if self.left < 0:
                raise YamlError(f"has more than {MAX_EVENTS} words and signs")
            return super().get_event()

        def fetch_flow_collection_start(self, token: Any) -> None:
            if self.flow_level >= MAX_DEPTH:  # each level more makes every word slower to read
                raise YamlError("nested too deeply")
            super().fetch_flow_collection_start(token)

    if len(text) > MAX_BYTES:
        raise YamlError(f"{len(text)} bytes are more than {MAX_BYTES}")
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        node = yaml.compose(text, Loader=Loader)
    except UnicodeDecodeError as error:
        raise YamlError(f"not UTF-8: {error.reason}") from None
    except RecursionError:
        raise YamlError("nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or safe_json.first_line(error)
        raise YamlError(f"not valid YAML: {problem}", mark.line + 1 if mark else None) from None
    return None if node is None else _Builder().value(node, 1)


class _Builder:
    """Builds values from the nodes of a document."""

    def __init__(self) -> None:
        self.left = MAX_VALUES

    def value(self, node: Any, depth: int) -> Any:
        line = node.start_mark.line + 1
        # Counted wherever it is used again: a few aliases of aliases can mean more than any memory.
        self.left -= 1
        if self.left < 0:
            raise YamlError(f"means more than {MAX_VALUES} values", line)
        if depth > MAX_DEPTH:
            raise YamlError("nested too deeply", line)
        if not node.tag.startswith(_TAG) or node.tag[len(_TAG) :] not in ("str", "seq", "map"):
            raise YamlError(f"has the tag {safe_json.shown(node.tag)}", line)
        if node.id == "sequence":
            return [self.value(item, depth + 1) for item in node.value]
        if node.id == "mapping":
            return self._mapping(node, depth)
        return node.value if node.style else _scalar(node.value, line)

    def _mapping(self, node: Any, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self.value(key_node, depth + 1)
            if isinstance(key, list | dict):
                raise YamlError("has a key that is no single word", line)
            if key == "<<" and not key_node.style:
                raise YamlError("has a merge key (<<); write the values out", line)
            if key in found:
                raise YamlError(f"key '{safe_json.shown(key)}' is given twice", line)
            found[key] = self.value(value_node, depth + 1)
        return found


def _scalar(text: str, line: int) -> Any:
    """The value of a word without quotes in YAML 1.2."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if _NAN.fullmatch(text) or _INF.fullmatch(text):
        return float(text.replace(".", "", 1))
    is_int = _INT.fullmatch(text) is not None
    if (is_int or _FLOAT.fullmatch(text)) and len(text) > _MAX_DIGITS:
        raise YamlError(f"a number of {len(text)} digits", line)
    if is_int:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
