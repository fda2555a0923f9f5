"""Pickles that ask for what they must not get: thousands of them, the same ones for a seed."""

from __future__ import annotations

import itertools
import pickle
import pickletools
import random
import struct
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.golden_checkpoint import GOLDEN
from trainer.run.saved_state.pickle_machine import ALLOWED_GLOBALS

STRANGERS = [
    *(
        ("os", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("copyreg", "_reconstructor"),
    ),
    *(
        ("numpy", "load"),
        ("numpy", "frombuffer"),
        ("numpy", "memmap"),
        ("numpy.core.multiarray", "empty"),
    ),
    *(("collections", "deque"), ("collections", "defaultdict"), ("numpy", "ndarray.tobytes")),
    *(("torch", "load"), ("builtins", "bytearray"), ("builtins", "object"), ("", "")),
]
NASTY: list[Any] = [
    *(None, True, 0, -1, 1, 3, 2**31, 2**63 - 1, -(2**31), 2**200, 1.5, float("nan"), 1e308),
    *(
        "",
        "f4",
        "O",
        "V8",
        "O8",
        "M8",
        "U99999999",
        "S2147483647",
        "f4,O",
        "<",
        "|",
        "C",
        "x" * 999,
    ),
    *(b"", b"b", b"\0" * 8, b"\xff" * 64, bytearray(8)),
    *(
        (),
        (0,),
        (2**31,),
        (2**62, 4),
        (-1,),
        (1.0,),
        ("a",),
        (True,),
        (8,),
        (2,),
        (1,) * 70,
        (0,) * 40,
    ),
    *((3, "<", None, None, None, -1, -1, 0), (3, "|", None, None, None, 2**30, 8, 0)),
    *(
        (4, "|", None, ("a",), {"a": ("O", 0)}, 8, 1, 63, {}),
        (3, ">", None, None, None, -1, -1, 63),
    ),
    *((3, "|", ("f4", (2**20,)), None, None, 2**22, 4, 0), (3, "<", None, None, None, 2**31, 1, 0)),
    *([], {}, [[]], {"a": []}, {1: 2}, [1] * 20),
]
STATES = [
    *(
        (1, (0,), "f4", False, b""),
        (1, (2**40,), None, False, b""),
        (1, (2,), None, True, b"\0" * 8),
    ),
    *({}, {"__class__": 1}, (None, {"dtype": "O"}), ((), {}), [1]),
]


# --- writing pickles by hand ----------------------------------------------------------------------


def literal(value: Any) -> bytes:
    """The operations that put a plain value on the stack."""
    body = pickle.dumps(value, 5)
    pieces = [(name.name, at) for name, _, at in pickletools.genops(body)]
    start = next(at for name, at in pieces if name not in ("PROTO", "FRAME"))
    return body[start:-1].replace(pickle.MEMOIZE, b"") if _is_flat(value) else body[start:-1]


def _is_flat(value: Any) -> bool:
    return not isinstance(value, (str, bytes, bytearray)) and b"\x94" not in repr(value).encode()


def text(value: str) -> bytes:
    data = value.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(data)) + data


def a_global(module: str, name: str) -> bytes:
    return text(module) + text(name) + pickle.STACK_GLOBAL


def group(*parts: bytes) -> bytes:
    return pickle.MARK + b"".join(parts) + pickle.TUPLE


def call(function: tuple[str, str], *arguments: bytes) -> bytes:
    return a_global(*function) + group(*arguments) + pickle.REDUCE


def program(body: bytes) -> bytes:
    return b"\x80\x05" + body + pickle.STOP


FLOAT = (
    call(("numpy", "dtype"), literal("f4"), pickle.NEWFALSE, pickle.NEWTRUE)
    + literal((3, "<", None, None, None, -1, -1, 0))
    + pickle.BUILD
)
RECONSTRUCT = ("numpy._core.multiarray", "_reconstruct")
FROM_BUFFER = ("numpy._core.numeric", "_frombuffer")
SCALAR = ("numpy._core.multiarray", "scalar")
ARRAY = call(FROM_BUFFER, literal(bytearray(16)), FLOAT, literal((4,)), text("C"))
EMPTY = call(RECONSTRUCT, a_global("numpy", "ndarray"), literal((0,)), literal(b"b"))


def known_attacks() -> Iterator[bytes]:
    """What has hurt an allow-list of globals."""
    # A dtype that an array uses already grows.
    grown = literal((3, "|", None, None, None, 2**20, 1, 0))
    dtype = FLOAT + pickle.MEMOIZE
    for later in (grown, literal((3, "<", None, None, None, -1, -1, 0))):
        array = call(FROM_BUFFER, literal(bytearray(16)), dtype, literal((4,)), text("C"))
        for number in range(8):
            yield program(array + pickle.BINGET + bytes([number]) + later + pickle.BUILD)
            yield program(
                pickle.MARK + array + pickle.BINGET + bytes([number]) + later + pickle.BUILD + b"l"
            )
    # Arrays that claim more than there is, without a byte to show for it.
    for shape in ((250_000_000,), (2**40,), (2**31, 2**31), (-1,)):
        yield program(call(("numpy", "ndarray"), literal(shape)))
        yield program(
            call(RECONSTRUCT, a_global("numpy", "ndarray"), literal(shape), literal(b"b"))
        )
        yield program(call(FROM_BUFFER, literal(b""), FLOAT, literal(shape), text("C")))
    # Objects from raw bytes.
    for kind in ("O", "V16", "f4,O", "M8[us]", "U4", "S16"):
        made = call(("numpy", "dtype"), text(kind), pickle.NEWFALSE, pickle.NEWTRUE)
        yield program(call(FROM_BUFFER, literal(bytearray(16)), made, literal((2,)), text("C")))
        yield program(call(SCALAR, made, literal(b"A" * 8)))
        state = literal((3, "|", None, None, None, 8, 1, 63))
        yield program(call(SCALAR, made + state + pickle.BUILD, literal(b"A" * 8)))
        yield program(
            EMPTY
            + group(literal(1), literal((1,)), made, pickle.NEWFALSE, literal(b"A" * 8))
            + pickle.BUILD
        )
    # Numbers of the memo and lengths that make an unpickler take memory.
    yield program(pickle.NONE + pickle.LONG_BINPUT + struct.pack("<I", 2**31 - 1))
    yield program(pickle.LONG_BINGET + struct.pack("<I", 2**32 - 1))
    for code in (pickle.BINBYTES8, pickle.BINUNICODE8, pickle.BYTEARRAY8):
        for size in (2**33, 2**62, 2**63, 2**64 - 1):
            yield program(code + struct.pack("<Q", size))
    yield program(pickle.LONG4 + struct.pack("<i", 2**31 - 1))
    yield program(pickle.LONG4 + struct.pack("<i", -1))
    yield program(b"\x95" + struct.pack("<Q", 2**63))
    yield program(b"I" + b"9" * 5000 + b"\n")
    yield program(b"L" + b"9" * 5000 + b"L\n")
    # Few bytes that mean very many values, and values inside themselves.
    for opening, closing in ((b"]", b"e"), (b"(", b"t")):
        chain = b"(" + pickle.NONE * 10 + b"t" + pickle.MEMOIZE
        for level in range(60):
            chain += (
                opening
                + b"(" * (opening == b"]")
                + (b"h" + bytes([level])) * 10
                + closing
                + pickle.MEMOIZE
            )
        yield program(chain)
    yield program(b"]" + pickle.MEMOIZE + b"h\x00a")
    yield program(b"}" + pickle.MEMOIZE + text("a") + b"h\x00s")
    yield program(b"]" * 50_000 + b"a" * 49_999)
    yield program(b"(" * 100_000 + b"t" * 100_000)
    yield program(b"]" + b"(" + b"N" * 150_000 + b"e")
    collide = b"".join(literal(k * (2**61 - 1)) + pickle.NONE for k in range(1, 3000))
    yield program(b"}(" + collide + b"u")
    big = call(
        FROM_BUFFER, literal(bytearray(2**16)) + pickle.MEMOIZE, FLOAT, literal((2**14,)), text("C")
    )
    yield program(
        b"]("
        + big
        + b"".join(
            call(FROM_BUFFER, b"h\x00", FLOAT, literal((2**14,)), text("C")) for _ in range(500)
        )
        + b"e"
    )
    # The real thing, for what it is worth.
    yield program(call(("os", "system"), text("true")))
    yield b"cos\nsystem\n(S'true'\ntR."


def systematic() -> Iterator[bytes]:
    """Every operation on top of everything, every allowed global with everything."""
    below = [b"", b"(", b"N", b"]", b"}", b")", FLOAT, ARRAY, EMPTY, a_global("numpy", "dtype"),
             a_global("collections", "OrderedDict") + b")R", literal(b"b"), text("f4")]  # fmt: skip
    for code, base, top in itertools.product(
        pickletools.opcodes, below, [b"", b"N", b")", b"NN", b"(NN"]
    ):
        for argument in _arguments(code):
            yield program(base + top + code.code.encode("latin-1") + argument)
    for function in [*ALLOWED_GLOBALS, *STRANGERS]:
        for values in itertools.chain(
            [()], itertools.product(NASTY, repeat=1), itertools.product(NASTY[::3], NASTY[1::3])
        ):
            made = call(function, *map(literal, values))
            yield program(made)
        for state in [*NASTY, *STATES]:
            yield program(a_global(*function) + literal(state) + pickle.BUILD)
            yield program(
                a_global(*function) + b")" + pickle.NEWOBJ + literal(state) + pickle.BUILD
            )
    for kind, order in itertools.product(NASTY, NASTY):
        made = call(("numpy", "dtype"), literal(kind), pickle.NEWFALSE, pickle.NEWTRUE)
        yield program(made + literal(order) + pickle.BUILD)
    for shape, data in itertools.product(NASTY, NASTY):
        for make in (FLOAT, literal("f4"), b"N", ARRAY):
            yield program(call(FROM_BUFFER, literal(data), make, literal(shape), text("F")))
            state = group(literal(1), literal(shape), make, pickle.NEWTRUE, literal(data))
            yield program(EMPTY + state + pickle.BUILD)
            yield program(call(SCALAR, make, literal(data)))


def _arguments(code: Any) -> list[bytes]:
    if code.arg is None:
        return [b""]
    return {
        pickletools.UP_TO_NEWLINE: [b"\n", b"numpy\ndtype\n", b"1\n"],
        pickletools.TAKEN_FROM_ARGUMENT1: [b"\0", b"\x01a", b"\xff"],
        pickletools.TAKEN_FROM_ARGUMENT4: [bytes(4), b"\x01\0\0\0a", b"\xff\xff\xff\x7f"],
        pickletools.TAKEN_FROM_ARGUMENT4U: [bytes(4), b"\x01\0\0\0a", b"\xff\xff\xff\xff"],
        pickletools.TAKEN_FROM_ARGUMENT8U: [bytes(8), b"\xff" * 8],
    }.get(code.arg.n, [bytes(code.arg.n), b"\xff" * code.arg.n] if code.arg.n > 0 else [b"\n"])


def mutated(seed: int) -> Iterator[bytes]:
    """RLlib's own states with something changed, and random programs of the operations they use."""
    rng = random.Random(seed)
    states = [p.read_bytes() for p in sorted(GOLDEN.rglob("*.pkl")) if "ctor" not in p.name]
    states += [pickle.dumps(value, protocol) for protocol in (2, 4, 5) for value in _values()]
    codes = [code.code.encode("latin-1") for code in pickletools.opcodes]
    pieces = [
        FLOAT,
        ARRAY,
        EMPTY,
        *(a_global(*g) for g in ALLOWED_GLOBALS),
        *map(literal, NASTY),
        *codes,
    ]
    while True:
        yield program(b"".join(rng.choices(pieces, k=rng.randint(1, 24))))
        state = bytearray(rng.choice(states))
        for _ in range(rng.choice((1, 1, 2, 8))):
            at, how = rng.randrange(len(state)), rng.randrange(5)
            if how == 0:
                state[at] = rng.randrange(256)
            elif how == 1:
                state[at : at + 1] = rng.choice(codes)
            elif how == 2:
                state[at:at] = rng.choice(pieces)
            elif how == 3 and len(state) > 8:
                del state[at : at + rng.randint(1, 40)]
            else:
                state[at : at + 4] = struct.pack(
                    "<I", rng.choice((0, 1, 2**16, 2**31 - 1, 2**32 - 1))
                )
            if not state:
                break
        yield bytes(state)


def _values() -> list[Any]:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    return [{"a": [1, 2.0, None]}, OrderedDict(w=array), [array.T, array[:, ::2]], np.float64(1.5)]
