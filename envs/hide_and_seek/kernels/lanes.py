"""Eight float32 numbers in one register, for loops that the compiler does not turn into vectors.

In Python `Lanes` are a numpy array [8] and these functions numpy's own; compiled, each is one
instruction or two. Left to itself, the compiler writes short loops out and keeps them scalar.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

LANES = 8
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_BITS = ir.VectorType(ir.IntType(1), LANES)


class LanesType(types.Type):
    """Eight numbers."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


class LaneBitsType(types.Type):
    """Eight truth values."""

    def __init__(self) -> None:
        super().__init__(name="LaneBits")


_lanes, _bits = LanesType(), LaneBitsType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLOATS)


@register_model(LaneBitsType)
class _LaneBitsModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _BITS)


def load(array: Any, at: Any) -> Any:
    """The eight numbers of array [n] from index `at` on."""
    return array[at : at + LANES]


def store(array: Any, at: Any, lanes: Any) -> None:
    """Puts eight numbers, or one eight times, into array [n] from index `at` on."""
    array[at : at + LANES] = lanes


def smaller(a: Any, b: Any) -> Any:
    """The minimum, lane by lane."""
    return np.minimum(a, b)


def larger(a: Any, b: Any) -> Any:
    """The maximum, lane by lane."""
    return np.maximum(a, b)


def choose(bits: Any, a: Any, b: Any) -> Any:
    """The lanes of a where the bit is set, else those of b."""
    return np.where(bits, a, b)


def any_lane(bits: Any) -> Any:
    """Whether some bit is set."""
    return np.any(bits)


def _wide(builder: Any, kind: Any, value: Any) -> Any:
    """The value in every lane, if it is one number."""
    if kind != types.float32:
        return value
    single = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), value, ir.IntType(32)(0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(single, single, everywhere)


def _address(context: Any, builder: Any, kinds: Any, args: Any) -> Any:
    """Where the lanes of array args[0] from index args[1] on are."""
    array = context.make_array(kinds[0])(context, builder, args[0])
    index = context.cast(builder, args[1], kinds[1], types.intp)
    place = cgutils.gep(builder, array.data, index)
    return builder.bitcast(place, _FLOATS.as_pointer())


def _is_row(kind: Any) -> bool:
    return isinstance(kind, types.Array) and (kind.dtype, kind.ndim, kind.layout) == (
        types.float32,
        1,
        "C",
    )


@intrinsic
def _load(_typing: Any, array: Any, at: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, signature.args, args), align=4)

    return _lanes(array, at), codegen


@intrinsic
def _store(_typing: Any, array: Any, at: Any, lanes: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _address(context, builder, signature.args, args)
        builder.store(_wide(builder, signature.args[2], args[2]), place, align=4)
        return context.get_dummy_value()

    return types.none(array, at, lanes), codegen


@overload(load, strict=False)
def _load_compiled(array: Any, at: Any) -> Any:
    return (lambda array, at: _load(array, at)) if _is_row(array) else None


@overload(store, strict=False)
def _store_compiled(array: Any, at: Any, lanes: Any) -> Any:
    return (lambda array, at, lanes: _store(array, at, lanes)) if _is_row(array) else None


@intrinsic
def _choose(_typing: Any, bits: Any, a: Any, b: Any) -> Any:
    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.select(*args)

    return _lanes(bits, a, b), codegen


@overload(choose, strict=False)
def _choose_compiled(bits: Any, a: Any, b: Any) -> Any:
    return lambda bits, a, b: _choose(bits, a, b)


@intrinsic
def _any_lane(_typing: Any, bits: Any) -> Any:
    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        packed = builder.bitcast(args[0], ir.IntType(LANES))
        return builder.icmp_unsigned("!=", packed, packed.type(0))

    return types.boolean(bits), codegen


@overload(any_lane, strict=False)
def _any_lane_compiled(bits: Any) -> Any:
    return lambda bits: _any_lane(bits)


def _compile_pairwise(
    function: Any, result: Any, instruction: Callable[[Any, Any, Any], Any], kinds: Any
) -> None:
    """Teaches the compiler a function of two lanes; one of them may be a single number."""

    @intrinsic
    def compiled(_typing: Any, a: Any, b: Any) -> Any:
        def codegen(_context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return instruction(builder, *map(partial(_wide, builder), signature.args, args))

        return result(a, b), codegen

    @overload(function, strict=False)
    def _pairwise_compiled(a: Any, b: Any) -> Any:
        fits = {a, b} & {_lanes, _bits} and {a, b} <= set(kinds)
        return (lambda a, b: compiled(a, b)) if fits else None


def _extreme(sign: str) -> Callable[[Any, Any, Any], Any]:
    return lambda builder, a, b: builder.select(builder.fcmp_ordered(sign, a, b), a, b)


def _compare(sign: str) -> Callable[[Any, Any, Any], Any]:
    return lambda builder, a, b: builder.fcmp_ordered(sign, a, b)


_NUMBERS = (_lanes, types.float32)
_compile_pairwise(operator.add, _lanes, lambda builder, a, b: builder.fadd(a, b), _NUMBERS)
_compile_pairwise(operator.sub, _lanes, lambda builder, a, b: builder.fsub(a, b), _NUMBERS)
_compile_pairwise(operator.mul, _lanes, lambda builder, a, b: builder.fmul(a, b), _NUMBERS)
_compile_pairwise(smaller, _lanes, _extreme("<"), _NUMBERS)
_compile_pairwise(larger, _lanes, _extreme(">"), _NUMBERS)
_compile_pairwise(operator.lt, _bits, _compare("<"), _NUMBERS)
_compile_pairwise(operator.gt, _bits, _compare(">"), _NUMBERS)
_compile_pairwise(operator.le, _bits, _compare("<="), _NUMBERS)
_compile_pairwise(operator.and_, _bits, lambda builder, a, b: builder.and_(a, b), (_bits,))
