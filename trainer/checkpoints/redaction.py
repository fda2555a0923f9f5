"""What may be shown or stored of a text that holds URLs: everything but the credentials.

    s3://KEY:SECRET@bucket/prefix            s3://***@bucket/prefix
    postgresql://user:password@host/runs     postgresql://***@host/runs
    s3://bucket/x?secret_key=SECRET          s3://bucket/x?secret_key=***

The text may be a URL or anything around it: a command line, an error message of a library, a URL
that is percent-encoded inside another one, one that was cut off before its '@'. In doubt too much
is hidden, never too little.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

MARK = "***"
_LONGEST = 1024  # characters of a password; without a bound, hostile texts would take minutes

_AT, _COLON, _SLASH = "(?:@|%40)", "(?::|%3a)", "(?:/|%2f)"
_INSIDE = r"[^\s\"<>\x00-\x1f]"  # what a URL in a text goes on with
_NAME = rf"(?:(?!{_SLASH}|{_AT}|{_COLON}|[?#=]|%3f|%23){_INSIDE})"  # before the first ':' or '@'
_HEAD = rf"(?P<head>{_COLON}{_SLASH}++|(?<!/){_SLASH}{{2,}}+)"
_PORT = rf"\d{{1,5}}(?![^\s/?#%\"'<>),.;:\]&])(?!{_AT})"
_SECRET = "secret|token|passw|pwd|key|signature|credential|auth"

# In this order: what is found, and what stands there instead.
_RULES = (
    # ://name:password@, the password with any characters, up to the last '@'
    (
        rf"{_HEAD}(?!\[){_NAME}{{0,{_LONGEST}}}{_COLON}(?!{_PORT})"
        rf"{_INSIDE}{{0,{_LONGEST}}}{_AT}",
        rf"\g<head>{MARK}@",
    ),
    # ://token@
    (
        rf"{_HEAD}(?!anonymous@)(?:(?!{_SLASH}|[?#]|%3f|%23){_INSIDE}){{1,{_LONGEST}}}{_AT}",
        rf"\g<head>{MARK}@",
    ),
    # ://name:password, the rest is missing
    (
        rf"{_HEAD}(?![\[*]){_NAME}{{1,{_LONGEST}}}{_COLON}(?!{_PORT}){_INSIDE}+",
        rf"\g<head>{MARK}",
    ),
    # name:password@host without a scheme
    (
        rf"(?P<head>^|[\s='\"(,]|%3d){_NAME}{{1,{_LONGEST}}}:"
        rf"(?:(?![/:@]){_INSIDE}){{1,{_LONGEST}}}@(?=\w)",
        rf"\g<head>{MARK}@",
    ),
    # ?secret_key=..., &X-Amz-Signature=...
    (
        rf"(?P<head>(?:[?&;]|%3f|%26)[\w.-]*(?:{_SECRET})[\w.-]*(?:=|%3d))[^&\s\"'<>\x00-\x1f]+",
        rf"\g<head>{MARK}",
    ),
    # password=..., 'secret_key': '...'
    (
        r"(?P<head>\b[\w.-]*(?:secret|token|passw(?:or)?d|access_key|api_key)[\w-]*"
        r"(?:=|[\"']\s*:\s*[\"']))[^\s&\"'<>\x00-\x1f]+",
        rf"\g<head>{MARK}",
    ),
)


def redacted(text: str) -> str:
    """The text with every credential of every URL in it replaced by '***'."""
    if not any(sign in text for sign in ("@", "=", "%", "//", ":/", '":', "':")):
        return text
    for pattern, replacement in _compiled():
        text = pattern.sub(replacement, text)
    return text


@functools.cache
def _compiled() -> list[tuple[re.Pattern[str], str]]:
    """The rules, for whoever meets a text that may need them: --help does not."""
    return [(re.compile(pattern, re.IGNORECASE), shown) for pattern, shown in _RULES]


def redacted_values(values: Any) -> Any:
    """The same for every text in nested values (mappings, lists)."""
    if isinstance(values, str):
        return redacted(values)
    if isinstance(values, Mapping):
        return {key: redacted_values(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [redacted_values(value) for value in values]
    return values


def has_credentials(text: str) -> bool:
    """Whether there is something in a text that `redacted` hides."""
    return redacted(text) != text


def is_redacted(value: Any) -> bool:
    """Whether a value has lost its credentials: it cannot be used in place of the real one."""
    return isinstance(value, str) and any(
        sign in value for sign in (f"{MARK}@", f"={MARK}", f"//{MARK}")
    )


def without_credentials(text: str) -> str:
    """The text with the credentials left out instead of marked, as it may be typed again."""
    text = redacted(text).replace(f"{MARK}@", "")
    text = re.sub(rf"(?<=[?&])[^?&=\s]*={re.escape(MARK)}&?", "", text)
    return re.sub(r"[?&](?=$|[\s'\"])", "", text)
