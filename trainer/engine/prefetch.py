"""Asking for memory before it is needed."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from trainer.engine.jit import bare

CACHE_LINE = 16  # floats
_READ, _INTO_SECOND_LEVEL, _DATA = 0, 2, 1


@intrinsic
def _prefetch(_typing: Any, array: Any, row: Any, column: Any) -> Any:
    """Has the cache line of `array[row, column]` fetched; no effect but on time."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = context.make_array(signature.args[0])(context, builder, args[0])
        shape, strides = cgutils.unpack_tuple(builder, made.shape), made.strides
        place = cgutils.get_item_pointer2(
            *(context, builder, made.data, shape, cgutils.unpack_tuple(builder, strides)),
            *(signature.args[0].layout, args[1:]),
        )
        number = ir.IntType(32)
        pointer = ir.IntType(8).as_pointer()
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [pointer, number, number, number]),
            "llvm.prefetch.p0i8",
        )
        flags = [ir.Constant(number, flag) for flag in (_READ, _INTO_SECOND_LEVEL, _DATA)]
        builder.call(function, [builder.bitcast(place, pointer), *flags])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), codegen


@bare
def prefetch_rows(array, rows):
    """Has `array[rows]` [n, W] fetched while the caller goes on."""
    for r in range(rows.shape[0]):
        for column in range(0, array.shape[1], CACHE_LINE):
            _prefetch(array, rows[r], column)
