"""Hides the credentials of URLs in texts that are shown or stored.

    s3://KEY:SECRET@bucket/prefix            s3://***@bucket/prefix
    postgresql://user:password@host/runs     postgresql://***@host/runs
    s3://bucket/x?secret_key=SECRET          s3://bucket/x?secret_key=***

The text may be a URL or anything around it: a command line, an error message of a library, a URL
that is percent-encoded inside another one, one that was cut off before its '@'. In doubt too much
is hidden: after '://' everything between a ':' and the last '@' before a space counts as a
password, also what looks like a port and a path. Not hidden: a secret that is a part of a path.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Mapping
from typing import Any

MARK = "***"
_LONGEST = 1024  # characters of a name; without a bound, hostile texts would take minutes
_GAP = 200  # characters between a password with a space in it and its '@'

# Each also percent-encoded, any number of times, and as JSON may write it.
_AT, _COLON, _SLASH = "(?:@|%(?:25)*+40)", "(?::|%(?:25)*+3a)", r"(?:\\?/|%(?:25)*+2f)"
_PATH = rf"(?:{_SLASH}|[?#]|%(?:25)*+(?:3f|23))"  # what ends the authority of a URL
_HEAD = rf"(?:{_COLON}{_SLASH}++|(?<![/\\])(?<!%2f)(?<!52f){_SLASH}{{2,}}+)"
_ONE_SLASH = rf"{_COLON}{_SLASH}"
_NESTED = rf"(?:=|%(?:25)*+3d)[\w+.-]{{1,32}}(?={_COLON}{_SLASH}{{2}})"  # ?to=s3://
_BARE = rf"(?:^|(?<=[='\"(,]))(?:(?!{_COLON}|{_AT}|{_PATH})[^='\"(,])++{_COLON}(?!{_SLASH})"

_INSIDE = r"[^\s\"<>\x00-\x1f]"  # what a URL in a text goes on with
_NAME = rf"(?:(?!{_PATH}|{_AT}|{_COLON}|=){_INSIDE})"  # before the first ':' or '@'
_PORT = rf"\d{{1,5}}(?![^\s/\\?#%\"'<>),.;:\]&])(?!{_AT})"
# A quotation mark ends a value only where no more of it follows.
_VALUE = r"(?:'[^'\n]+'|\"[^\"\n]+\"|(?:[^&\s\"'<>\x00-\x1f]|[\"'<>](?=[\w%+/.~!$*-]))++)"
_SECRET = "secret|token|passw|pwd|key|signature|credential|auth|access_?id"
_SECRET_WORD = r"(?:secret|token|passw(?:or)?d|access_key|api_key)[\w-]{0,64}+"

# In this order: what is found, and what stands there instead.
_RULES = (
    # ://name:password, the rest is missing or stands after a space
    (
        rf"(?P<head>{_HEAD})(?![\[*]){_NAME}{{1,{_LONGEST}}}+{_COLON}(?!{_PORT}){_VALUE}"
        rf"(?P<at>(?:(?!{_HEAD})[^\n@]){{0,{_GAP}}}@(?=\w))?",
        lambda found: f"{found['head']}{MARK}{'@' if found['at'] else ''}",
    ),
    # ?secret_key=..., &X-Amz-Signature=..., ?sig=...
    (
        rf"(?P<head>(?:[?&;]|%(?:25)*+(?:3f|26))(?:[\w.-]*(?:{_SECRET})[\w.-]*|[\w.-]*pass|pw|sig)"
        rf"(?:=|%(?:25)*+3d)){_VALUE}",
        rf"\g<head>{MARK}",
    ),
    # password=..., 'secret_key': '...', password: ..., --password ...
    (
        rf"(?P<head>{_SECRET_WORD}(?:=|\\?[\"']\s*:\s*\\?[\"'])){_VALUE}",
        rf"\g<head>{MARK}",
    ),
    (
        rf"(?P<head>{_SECRET_WORD}:\s+|--[\w-]{{0,64}}?{_SECRET_WORD}\s+(?!-)){_VALUE}",
        rf"\g<head>{MARK}",
    ),
)
_SIGNS = ("@", "=", "%", "//", ":/", ":\\", '":', "':", "secret", "token", "passw", "_key")


def redacted(text: str) -> str:
    """The text with every credential of every URL in it replaced by '***'."""
    if not any(sign in text.lower() for sign in _SIGNS):
        return text
    text = re.sub(r"\S+", lambda word: _without_names(word[0]), text)
    for pattern, replacement in _compiled():
        text = pattern.sub(replacement, text)
    return text


@functools.cache
def _compiled() -> list[tuple[re.Pattern[str], Any]]:
    """The rules, compiled at their first use: --help needs none."""
    return [(re.compile(pattern, re.IGNORECASE), shown) for pattern, shown in _RULES]


def _without_names(word: str) -> str:
    """A text without spaces, with '***@' for every 'name:password@' and every '://token@'."""
    ats = _spans(_AT, word)
    if not ats:
        return word
    last, end = ats[-1]
    colons = [span for span in _spans(_COLON, word) if span[1] <= last]
    shown, done = "", 0
    for head in re.finditer(_HEAD, word, re.IGNORECASE):
        start = head.end()
        if start > last:
            break
        if start < done:
            continue
        if _has_password(word, head, colons):
            return f"{shown}{word[done:start]}{MARK}@{word[end:]}"
        path = re.compile(_PATH, re.IGNORECASE).search(word, start)
        known = bisect.bisect_left(ats, (path.start() if path else len(word), 0))
        at = ats[known - 1] if known else (0, 0)
        if at[0] >= start and word[start : at[0]] != "anonymous":
            shown, done = f"{shown}{word[done:start]}{MARK}@", at[1]
    bare = re.search(_BARE, word, re.IGNORECASE)
    if bare is not None and bare.end() <= last:
        return f"{word[: bare.start()]}{MARK}@{word[end:]}"
    return shown + word[done:]


def _has_password(word: str, head: re.Match[str], colons: list[tuple[int, int]]) -> bool:
    """Whether what follows '://' goes up to the last '@': there is a ':' before that.

    The ':' of another URL in a query ('?to=s3://') is none; it has its own turn.
    """
    if re.fullmatch(_ONE_SLASH, head[0], re.IGNORECASE):
        return True  # no authority: the rest of 'KEY:/SEC/RET@'
    following = bisect.bisect_left(colons, (head.end(), 0))
    if following == len(colons):
        return False
    before = max(head.end(), colons[following][0] - 40)
    nested = re.compile(_NESTED, re.IGNORECASE).search(word, before)
    return nested is None or nested.end() != colons[following][0]


def _spans(pattern: str, text: str) -> list[tuple[int, int]]:
    return [found.span() for found in re.finditer(pattern, text, re.IGNORECASE)]


def redacted_values(values: Any) -> Any:
    """Nested values (mappings, lists) with `redacted` applied to every text."""
    if isinstance(values, str):
        return redacted(values)
    if isinstance(values, Mapping):
        return {key: redacted_values(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [redacted_values(value) for value in values]
    return values


def has_credentials(text: str) -> bool:
    """Whether a text holds something that `redacted` hides."""
    return redacted(text) != text


def is_redacted(value: Any) -> bool:
    """Whether the credentials of a value are hidden, so that it cannot be used."""
    return isinstance(value, str) and any(
        sign in value for sign in (f"{MARK}@", f"={MARK}", f"/{MARK}")
    )


def without_credentials(text: str) -> str:
    """The text with the credentials left out instead of marked, so that it can be typed again."""
    text = redacted(text).replace(f"{MARK}@", "")
    text = re.sub(rf"(?<=[?&])[^?&=\s]*={re.escape(MARK)}&?", "", text)
    return re.sub(r"[?&](?=$|[\s'\"])", "", text)
