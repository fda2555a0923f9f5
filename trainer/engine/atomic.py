"""Reading and changing a number that other threads change too: single instructions, no lock.

Everything a thread has written before one of these is seen by the thread that reads its result
(sequential consistency).
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

_ORDER = "seq_cst"


def _place(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """A pointer to `array[index]`, the first two arguments."""
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.gep(array.data, [args[1]])


@intrinsic
def load(_typing: Any, array: Any, index: Any) -> Any:
    """`array[index]` of an int64 array."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_place(context, builder, signature, args), _ORDER, align=8)

    return types.int64(array, types.intp), codegen


@intrinsic
def store(_typing: Any, array: Any, index: Any, value: Any) -> Any:
    """`array[index] = value`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature, args)
        builder.store_atomic(args[2], place, _ORDER, align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), codegen


@intrinsic
def add(_typing: Any, array: Any, index: Any, value: Any) -> Any:
    """`array[index] += value`; returns what was there before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature, args)
        return builder.atomic_rmw("add", place, args[2], _ORDER)

    return types.int64(array, types.intp, types.int64), codegen


@intrinsic
def swap_if(_typing: Any, array: Any, index: Any, expected: Any, value: Any) -> Any:
    """Puts `value` to `array[index]` if `expected` is there; whether it was."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature, args)
        pair = builder.cmpxchg(place, args[2], args[3], _ORDER)
        return builder.extract_value(pair, 1)

    return types.boolean(array, types.intp, types.int64, types.int64), codegen
