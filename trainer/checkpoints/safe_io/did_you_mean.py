"""The known word nearest to a mistyped one, and how error messages suggest it.

Standard library only; `difflib` is imported when something has been mistyped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import takewhile

ALIKE = 0.6
_LISTED = 15


def nearest(word: str, known: Iterable[str], alike: float = ALIKE) -> str | None:
    """The known word most like `word`, whatever its case; None if none is.

    Among equals the one that begins alike: vision_angel is vision_angle, not vision_range.

    Args:
        word: as it was typed.
        known: the valid words.
        alike: the least likeness that counts, 0 to 1.
    """
    from difflib import SequenceMatcher, get_close_matches

    folded = {name.lower(): name for name in known}
    word = word.lower()
    close = get_close_matches(word, folded, cutoff=alike)

    def likeness(name: str) -> tuple[float, int]:
        same = takewhile(lambda pair: pair[0] == pair[1], zip(name, word, strict=False))
        return SequenceMatcher(None, name, word).ratio(), len(list(same))

    return folded[max(close, key=likeness)] if close else None


def did_you_mean(
    word: str,
    known: Iterable[str],
    *,
    show: Callable[[str], object] = repr,
    otherwise: str | None = None,
) -> str:
    """The end of an error message: `; did you mean 'latest'?`.

    Args:
        word: as it was typed.
        known: the valid words.
        show: how the nearest one is written, for example as a whole path.
        otherwise: the text if none is near; None: the first known words, `; there is: a, b`,
            and how many more there are.
    """
    words = list(known)
    near = nearest(word, words)
    if near is not None:
        return f"; did you mean {show(near)}?"
    if otherwise is not None:
        return otherwise
    more = len(words) - _LISTED
    return f"; there is: {', '.join(words[:_LISTED])}" + f" and {more} more" * (more > 0)
