"""Numba's njit with a cache on disk that notices every change."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numba
from numba.core.ccallback import CFunc

from envs import compile_turn


class NoKernelCache(RuntimeError):  # noqa: N818
    """Compiled kernels can be kept nowhere."""

    exit_code = 1


def digest_of(sources: Iterable[Path]) -> str:
    """The hash of the files' contents."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources))).hexdigest()


def compiler(sources: Iterable[Path], **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator that compiles functions at their first call and keeps the machine code on disk.

    Numba checks only a function's own file for changes, so it would go on using a stale copy of a
    helper or constant of another file. The stamp of all `sources` closes that gap.

    Args:
        sources: every file that the functions are made of.
        options: of `numba.njit`.

    Raises:
        NoKernelCache: by the decorator.
    """
    digest = digest_of(sources)

    def compiled(function: Callable[..., Any]) -> Any:
        with _cache_folder():
            dispatcher = numba.njit(cache=True, error_model="numpy", **options)(function)
        _stamp(dispatcher, digest)
        return dispatcher

    return compiled


def callback(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    returns: Any,
    sources: Iterable[Path],
    **options: Any,
) -> CFunc:
    """`function` compiled so that other compiled functions can be given it as an argument.

    Args:
        function: what to compile, at once.
        arguments: numba's types of what it takes.
        returns: and of what it returns.
        sources: as for `compiler`.
        options: of `numba.cfunc`.

    Raises:
        NoKernelCache: see there.
    """
    options = {"error_model": "numpy", **options}
    made = CFunc(function, (arguments, returns), locals={}, options=options)
    with _cache_folder():
        made.enable_caching()
    _stamp(made, digest_of(sources))
    made.compile()
    return made


@contextlib.contextmanager
def _cache_folder() -> Iterator[None]:
    """Where numba looks for a folder for its files."""
    try:
        yield
    except RuntimeError as error:  # it has tried folders, and written into them
        raise NoKernelCache(
            "compiled kernels can be kept neither beside their sources nor in the user's cache "
            "folder: set the environment variable NUMBA_CACHE_DIR to a folder that can be "
            "written"
        ) from error


def _keep_by_content(index: Any, digest: str) -> None:
    """Has a function kept below $NUMBA_CACHE_DIR by what its sources hold.

    Numba goes by where they lie, which differs between an image and code that was sent to it.
    """
    named = Path(index._cache_path)
    folder = named.with_name(f"{named.name.rpartition('_')[0]}_{digest[:40]}")
    with contextlib.suppress(OSError):  # it then fails where numba writes, which is told of there
        folder.mkdir(parents=True, exist_ok=True)
    index._cache_path = str(folder)
    index._index_path = str(folder / index._index_name)


class _Stamp(tuple[Any, ...]):
    """Numba's stamp of a function's file and the digest of its sources; only that is compared.

    The file's time of change is another one wherever the project was copied to with its kernels,
    as to the machines of a cluster; kept on disk, a stamp is a plain tuple.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple) and other[-1:] == tuple(self)[-1:]

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)


def _stamp(made: Any, digest: str) -> None:
    """Has a cached function compiled anew where the digest differs or its files are damaged."""
    cache = getattr(made, "_cache", None)
    index = getattr(cache, "_cache_file", None)
    if cache is None or index is None:  # there is no cache when numba is switched off
        return
    index._source_stamp = _Stamp((index._source_stamp, digest))
    if numba.config.CACHE_DIR:
        _keep_by_content(index, digest)
    _compile_in_turn(made, Path(index._cache_path))


def _compile_in_turn(made: Any, folder: Path) -> None:
    """Has only one process of a machine compile a function that is kept in `folder`."""
    cache, compile_, load = made._cache, made.compile, made._cache.load_overload

    def load_if_whole(signature: Any, context: Any) -> Any:
        try:
            return load(signature, context)
        except Exception:  # unpickling half a file can raise anything
            with contextlib.suppress(OSError):
                cache.flush()
            return None

    def load_or_take_turn(signature: Any, context: Any) -> Any:
        found = load_if_whole(signature, context)
        if found is None and compile_turn.take(folder):
            return load_if_whole(signature, context)
        return found

    def compile_in_turn(*arguments: Any) -> Any:
        with compile_turn.compiling():
            return compile_(*arguments)

    cache.load_overload, made.compile = load_or_take_turn, compile_in_turn
