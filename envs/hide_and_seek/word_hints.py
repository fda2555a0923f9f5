"""The known word that an unknown one is most like, for error messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import takewhile


def nearest(word: str, known: list[str], alike: float = 0.0) -> str:
    """The known word most like `word`, for an error message.

    Words that are less than `alike` (0 to 1) do not count; "" if there is none.
    """
    folded = {name.lower(): name for name in known}
    word = word.lower()
    close = difflib.get_close_matches(word, list(folded), n=3, cutoff=alike)
    if not close:
        return ""

    def likeness(name: str) -> tuple[float, int]:
        """Among equals the one that begins alike: vision_angel is vision_angle, not _range."""
        ratio = difflib.SequenceMatcher(None, name, word).ratio()
        same = takewhile(lambda pair: pair[0] == pair[1], zip(name, word, strict=False))
        return ratio, len(list(same))

    return folded[max(close, key=likeness)]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown word."""
    words = list(known)
    return f"did you mean {nearest(word, words)!r}? (known: {', '.join(words)})"
