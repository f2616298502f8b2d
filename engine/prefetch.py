"""A hint to the processor: fetch the state of a sensor that a later row of the Frame will need.

Rows of a Frame visit sensors in any order, so their state is a cache miss each; the order is
known ahead, and the misses can overlap. A hint changes no result.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import Any, Final

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

AHEAD: Final = 12  # rows: far enough for a fetch from memory, near enough to stay in the cache
LINE: Final = 64


def _prefetch(typingctx, array, row, line):
    """Fetch the cache line `line` (0, 1, …) of `array[row]`; array is C-contiguous, 1-d or 2-d."""
    signature = types.void(array, types.int64, types.int64)

    def codegen(context, builder, sig, args):
        made = context.make_array(sig.args[0])(context, builder, args[0])
        strides = cgutils.unpack_tuple(builder, made.strides)
        offset = builder.add(
            builder.mul(args[1], strides[0]),
            builder.mul(args[2], ir.Constant(ir.IntType(64), LINE)),
        )
        base = builder.ptrtoint(made.data, ir.IntType(64))
        pointer = builder.inttoptr(builder.add(base, offset), ir.IntType(8).as_pointer())
        kind = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), kind, kind, kind]),
            "llvm.prefetch.p0",
        )
        builder.call(function, [pointer, kind(1), kind(3), kind(1)])
        return context.get_dummy_value()

    return signature, codegen


prefetch: Any = intrinsic(_prefetch)
