"""The sums over the twelve rows of a trend's ring, four rows at once.

A loop over rows with six sums in floating point is not vectorised by a compiler that may not change the order of
additions, and this one may not: equal logs must give equal records on every processor. So the order is written
down here: lane j of four adds up the rows j, j + 4, j + 8; a sum is (lane 0 + lane 1) + (lane 2 + lane 3).
On a processor without such vectors the same is done one by one, with the same result.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import Any, Final

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from lifeline.engine.limits import PANES

LANES: Final = 4
_I32, _I64, _F64 = ir.IntType(32), ir.IntType(64), ir.DoubleType()
_TIMES, _VALUES = ir.VectorType(_I64, LANES), ir.VectorType(_F64, LANES)


def _same(value):
    """A vector constant with `value` in each lane."""
    return ir.Constant(_VALUES, [value] * LANES)


def _spread(builder, value, kind):
    """A vector with `value` in each lane."""
    empty = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(empty, value, _I32(0))
    return _picked(builder, one, empty, [0] * LANES)


def _picked(builder, a, b, places):
    """Lanes of a (0 … n − 1) and b (from n on), by place."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_I32, len(places)), places))


def _of_pairs(builder, a, b):
    """[a0 + a1, b0 + b1, a2 + a3, b2 + b3]."""
    return builder.fadd(_picked(builder, a, b, [0, 4, 2, 6]), _picked(builder, a, b, [1, 5, 3, 7]))


def _halves(builder, a, b):
    """[a0 + a2, a1 + a3, b0 + b2, b1 + b3]."""
    return builder.fadd(_picked(builder, a, b, [0, 1, 4, 5]), _picked(builder, a, b, [2, 3, 6, 7]))


def _lesser(builder, a, b):
    """Lane by lane."""
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def _of_four(builder, address, start, latest):
    """What four rows at `address` add to each sum, and how far they lie from `latest`, ns."""
    pairs = ir.VectorType(_I64, 2 * LANES).as_pointer()
    both = builder.load(builder.bitcast(address, pairs), align=8)
    times = _picked(builder, both, both, [0, 2, 4, 6])
    values = builder.bitcast(_picked(builder, both, both, [1, 3, 5, 7]), _VALUES)
    counts, zero = builder.icmp_signed(">=", times, start), _same(0.0)
    age = builder.sub(builder.select(counts, times, latest), latest)
    apart = builder.sitofp(age, _VALUES)
    x, y = builder.fmul(apart, _same(1e-9)), builder.select(counts, values, zero)
    products = [builder.fmul(a, b) for a, b in ((x, x), (x, y), (y, y))]
    return [x, y, *products, builder.select(counts, _same(1.0), zero)], apart


def _row_sums(typingctx, array, ring, start, t):
    """(n, span, Σt, Σv, Σt², Σtv, Σv²) of the rows at or after `start` among the twelve (time, value)
    that begin at `array[ring]`; times in seconds from `t`, which is not before any of them; `span` from the
    earliest to `t` in ns, as a float64.

    `array` is C-contiguous float64, whose times are int64 in the same places.
    """
    signature = types.UniTuple(types.float64, 7)(array, types.int64, types.int64, types.int64)

    def codegen(context, builder, sig, args):
        made = context.make_array(sig.args[0])(context, builder, args[0])
        base = builder.bitcast(made.data, _I64.as_pointer())
        start, latest = _spread(builder, args[2], _TIMES), _spread(builder, args[3], _TIMES)
        sums, earliest = [_same(0.0)] * 6, _same(0.0)
        for group in range(PANES // LANES):
            address = builder.gep(base, [builder.add(args[1], _I64(2 * LANES * group))])
            terms, apart = _of_four(builder, address, start, latest)
            sums = (
                [builder.fadd(a, b) for a, b in zip(sums, terms, strict=True)] if group else terms
            )
            earliest = _lesser(builder, apart, earliest)
        st, sv, stt, stv, svv, n = sums
        halves = (
            _of_pairs(builder, st, sv),
            _of_pairs(builder, stt, stv),
            _of_pairs(builder, svv, n),
        )
        four, two = _halves(builder, *halves[:2]), _halves(builder, halves[2], halves[2])
        for other in ([2, 3, 0, 1], [1, 0, 3, 2]):
            earliest = _lesser(builder, earliest, _picked(builder, earliest, earliest, other))

        def lane(vector, place):
            return builder.extract_element(vector, _I32(place))

        span = builder.fsub(_F64(0.0), lane(earliest, 0))
        found = [lane(two, 1), span, *(lane(four, place) for place in range(4)), lane(two, 0)]
        return cgutils.pack_array(builder, found)

    return signature, codegen


row_sums: Any = intrinsic(_row_sums)
