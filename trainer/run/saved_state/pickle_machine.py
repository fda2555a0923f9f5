"""An unpickler that makes nothing but plain values; see `safe_pickle.py`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from trainer.checkpoints.safe_io import safe_json
from trainer.errors import InvalidState
from trainer.run.saved_state.plain_arrays import plain_array, plain_dtype

_MAX_KEYS = 10_000
_MAX_INTEGER = 2**64
_SHARED_TUPLE = 16  # only small values may be shared, so that a state is never larger
_SHARED_BYTES = 32  # than its file

ALLOWED_GLOBALS = {
    ("collections", "OrderedDict"): "OrderedDict",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("numpy.core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy._core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy.core.multiarray", "scalar"): "scalar",
    ("numpy._core.multiarray", "scalar"): "scalar",
    ("numpy.core.numeric", "_frombuffer"): "frombuffer",
    ("numpy._core.numeric", "_frombuffer"): "frombuffer",
}


class UnsafePickle(InvalidState):
    """A pickle that asks for more than arrays of numbers and plain containers."""


class _Global:
    """Stands for an allowed global; it can be called by name only."""

    def __init__(self, name: str) -> None:
        self.name = name


class _DType:
    """Stands for a dtype: the kind it was called with, and its byte order once it is complete."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.order: str | None = None

    def complete(self) -> np.dtype[Any]:
        if self.order is None:
            raise UnsafePickle("uses a dtype that is not complete")
        return plain_dtype(self.order, self.kind)


class _EmptyArray:
    """Stands for the array that `_reconstruct` returns and BUILD fills."""


class _Mark:
    """Stands for the beginning of a group of values on the stack."""


_MARK = _Mark()
ATOMS = (type(None), bool, int, float, str)


class Machine:
    """The stack and the memo of an unpickler that makes nothing but plain values."""

    def __init__(self, size: int) -> None:
        self.stack: list[Any] = []
        self.memo: list[Any] = []
        self.budget = size  # bytes of arrays that the file can still account for

    def run(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _LITERALS:
            self.stack.append(_literal(argument))
        elif name in _OPERATIONS:
            _OPERATIONS[name](self, argument)
        else:
            raise UnsafePickle(f"uses the operation {name}")

    def result(self) -> Any:
        if len(self.stack) != 1:
            raise UnsafePickle("does not end with one value")
        return self.stack[0]

    # --- the stack --------------------------------------------------------------------------------

    def pop(self, *kinds: type) -> Any:
        value = self.stack.pop() if self.stack else _MARK
        if value is _MARK or (kinds and type(value) not in kinds):
            raise UnsafePickle(f"lacks a value where one is used (found {kind_of(value)})")
        return value

    def top(self, *kinds: type) -> Any:
        value = self.pop(*kinds)
        self.stack.append(value)
        return value

    def pop_to_mark(self) -> list[Any]:
        values: list[Any] = []
        while self.stack:
            value = self.stack.pop()
            if value is _MARK:
                return values[::-1]
            values.append(value)
        raise UnsafePickle("closes a group that was never opened")

    def mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def nothing(self, _: Any) -> None:
        """Ignores an operation that only helps readers of streams."""

    # --- the memo ---------------------------------------------------------------------------------

    def memoize(self, _: Any) -> None:
        self.memo.append(self.top())

    def get(self, index: int) -> None:
        """A value that was named before: strings, globals, dtypes and small values.

        Never a list or a dictionary, so that a state is a tree and no larger than its file.
        """
        if index >= len(self.memo):
            raise UnsafePickle("refers to a value that does not exist")
        value = self.memo[index]
        small = (
            isinstance(value, (*ATOMS, _Global, _DType))
            or (type(value) is bytes and len(value) <= _SHARED_BYTES)
            or (
                type(value) is tuple
                and len(value) <= _SHARED_TUPLE
                and all(isinstance(item, ATOMS) for item in value)
            )
        )
        if not small:
            raise UnsafePickle(f"uses the same {kind_of(value)} twice")
        self.stack.append(value)

    # --- containers -------------------------------------------------------------------------------

    def tuple_of(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.stack.append(tuple(values[::-1]))

    def append(self, _: Any) -> None:
        value = self.pop()
        self.top(list).append(value)

    def appends(self, _: Any) -> None:
        values = self.pop_to_mark()
        self.top(list).extend(values)

    def set_item(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        self._set_items([key, value])

    def set_items(self, _: Any) -> None:
        self._set_items(self.pop_to_mark())

    def _set_items(self, pairs: list[Any]) -> None:
        target = self.top(dict, OrderedDict)
        if len(pairs) % 2:
            raise UnsafePickle("has a key without a value")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            # Other keys could be made to collide, or to be equal to many.
            if type(key) is not str and not (type(key) is int and 0 <= key < 2**20):
                raise UnsafePickle(f"uses a {kind_of(key)} as a key")
            if key in target:
                raise UnsafePickle(f"has the key {safe_json.shown(key)} twice")
            target[key] = value
        if len(target) > _MAX_KEYS:
            raise UnsafePickle("has a dictionary of more keys than any state")

    # --- objects ----------------------------------------------------------------------------------

    def text_global(self, argument: str) -> None:
        self.stack += argument.split(" ", 1)
        self.stack_global(None)

    def stack_global(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        texts = type(name) is type(module) is str
        if not texts or (module, name) not in ALLOWED_GLOBALS:
            raise UnsafePickle(f"asks for {safe_json.shown(module)}.{safe_json.shown(name)}")
        self.stack.append(_Global(ALLOWED_GLOBALS[module, name]))

    def reduce(self, _: Any) -> None:
        arguments, function = self.pop(tuple), self.pop(_Global)
        known: dict[tuple[str, int], Callable[..., Any]] = {
            ("OrderedDict", 0): OrderedDict,
            ("dtype", 3): _new_dtype,
            ("reconstruct", 3): _new_array,
            ("frombuffer", 4): self._from_buffer,
            ("scalar", 2): self._scalar,
        }
        make = known.get((function.name, len(arguments)))
        if make is None:
            raise UnsafePickle(f"calls {function.name} with {len(arguments)} arguments")
        self.stack.append(make(*arguments))

    def build(self, _: Any) -> None:
        state, target = self.pop(tuple), self.pop(_DType, _EmptyArray)
        if isinstance(target, _DType):
            _complete(target, state)
            self.stack.append(target)
            return
        if len(state) != 5 or state[0] != 1 or type(state[3]) is not bool:
            raise UnsafePickle("gives an array another state than numpy does")
        _, shape, dtype, fortran, data = state
        self.stack.append(self._array(data, dtype, shape, fortran))

    def _from_buffer(self, data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
        if order not in ("C", "F"):
            raise UnsafePickle(f"has an array in the order {safe_json.shown(order)}")
        return self._array(data, dtype, shape, order == "F")

    def _array(self, data: Any, dtype: Any, shape: Any, fortran: bool) -> np.ndarray:
        if type(data) not in (bytes, bytearray) or type(shape) is not tuple:
            raise UnsafePickle(f"makes an array of {kind_of(data)} and {kind_of(shape)}")
        if type(dtype) is not _DType:
            raise UnsafePickle(f"makes an array of type {kind_of(dtype)}")
        self.budget -= len(data)
        if self.budget < 0:
            raise UnsafePickle("has more bytes in its arrays than in its file")
        return plain_array(data, dtype.complete(), shape, fortran=fortran)

    def _scalar(self, dtype: Any, data: Any) -> Any:
        return self._array(data, dtype, (), False).flat[0]


def _literal(value: Any) -> Any:
    if type(value) is int and abs(value) > _MAX_INTEGER:
        raise UnsafePickle("holds a huge integer")
    return value


def _new_dtype(kind: Any, align: Any, copy: Any) -> _DType:
    if type(kind) is not str or (align, copy) != (False, True):
        raise UnsafePickle("makes a dtype in another way than numpy does")
    return _DType(kind)


def _new_array(kind: Any, shape: Any, code: Any) -> _EmptyArray:
    if getattr(kind, "name", "") != "ndarray" or (shape, code) != ((0,), b"b"):
        raise UnsafePickle("makes an array in another way than numpy does")
    return _EmptyArray()


def _complete(dtype: _DType, state: tuple[Any, ...]) -> None:
    """Takes the byte order from the state that numpy gives a dtype of plain numbers; once."""
    canonical = len(state) == 8 and (state[0], *state[2:]) == (3, None, None, None, -1, -1, 0)
    if dtype.order is not None or not canonical or type(state[1]) is not str:
        raise UnsafePickle("gives a dtype another state than numpy gives plain numbers")
    plain_dtype(state[1], dtype.kind)
    dtype.order = state[1]


def kind_of(value: Any) -> str:
    return type(value).__name__.strip("_").lower()


_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = frozenset(
    (
        *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("SHORT_BINUNICODE", "BINUNICODE"),
        *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    )
)
_OPERATIONS: dict[str, Callable[[Machine, Any], None]] = {
    "PROTO": Machine.nothing,
    "FRAME": Machine.nothing,
    "MARK": Machine.mark,
    "MEMOIZE": Machine.memoize,
    "BINGET": Machine.get,
    "LONG_BINGET": Machine.get,
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "EMPTY_TUPLE": lambda machine, _: machine.tuple_of(0),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.pop_to_mark())),
    "APPEND": Machine.append,
    "APPENDS": Machine.appends,
    "SETITEM": Machine.set_item,
    "SETITEMS": Machine.set_items,
    "GLOBAL": Machine.text_global,
    "STACK_GLOBAL": Machine.stack_global,
    "REDUCE": Machine.reduce,
    "BUILD": Machine.build,
}
