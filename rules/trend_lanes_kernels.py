"""The sums over the rows of a trend's ring, eight places at once.

A loop over rows with five sums in floating point is not vectorised by a compiler that may not change the order of
additions, and this one may not: equal logs must give equal records on every processor. So the order is written
down here: lane j of eight adds up what stands in place j of each block; the lanes are added as
((0 + 4) + (1 + 5)) + ((2 + 6) + (3 + 7)). On a processor without such vectors the same is done one by one, with the
same result.

A block is two cache lines: seven times (int64 ns) and one place that is no row's, then their values and one more. A
place that does not count adds zero: how many do is a surprise at every row, and a mispredicted branch costs more
than the arithmetic.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import Any, Final

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

LANES: Final = 8
OF_A_BLOCK: Final = LANES - 1  # rows
BLOCK: Final = 2 * LANES  # float64 places
_I1, _I32, _I64, _F64 = ir.IntType(1), ir.IntType(32), ir.IntType(64), ir.DoubleType()
_ROWS = ir.Constant(ir.VectorType(_I1, LANES), [1] * OF_A_BLOCK + [0])


def _same(number, kind=_F64):
    """A vector constant with `number` in each lane."""
    return ir.Constant(ir.VectorType(kind, LANES), [number] * LANES)


def _spread(builder, value):
    """A vector with `value` in each lane."""
    empty = ir.Constant(ir.VectorType(_I64, LANES), ir.Undefined)
    one = builder.insert_element(empty, value, _I32(0))
    return _picked(builder, one, empty, [0] * LANES)


def _picked(builder, a, b, places):
    """Lanes of a (0 … n - 1) and b (from n on), by place."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_I32, len(places)), places))


def _lane(builder, vector, place):
    return builder.extract_element(vector, _I32(place))


def _folded(builder, vector, combined):
    """[0 with 4, 1 with 5, 2 with 6, 3 with 7]."""
    low = _picked(builder, vector, vector, [0, 1, 2, 3])
    return combined(low, _picked(builder, vector, vector, [4, 5, 6, 7]))


def _added(builder, a, b, c, d):
    """The four sums over the lanes of four vectors, each ((0 + 4) + (1 + 5)) + ((2 + 6) + (3 + 7))."""
    folded = [_folded(builder, vector, builder.fadd) for vector in (a, b, c, d)]
    pairs = [
        builder.fadd(_picked(builder, x, y, [0, 4, 2, 6]), _picked(builder, x, y, [1, 5, 3, 7]))
        for x, y in (folded[:2], folded[2:])
    ]
    low, high = (
        _picked(builder, pairs[0], pairs[1], lanes) for lanes in ([0, 1, 4, 5], [2, 3, 6, 7])
    )
    four = builder.fadd(low, high)
    return [_lane(builder, four, place) for place in range(4)]


class _Block:
    """One block of a ring in registers, masked to the rows at or after `start`."""

    def __init__(self, context, builder, sig, args, number):
        self.builder = builder
        made = context.make_array(sig.args[0])(context, builder, args[0])
        base = builder.bitcast(made.data, _I64.as_pointer())
        self.address = builder.gep(base, [builder.add(args[1], _I64(BLOCK * number))])
        self.times = self._load(self.address, _I64)
        late = builder.icmp_signed(">=", self.times, _spread(builder, args[2]))
        self.counts = builder.and_(late, _ROWS)

    def _load(self, address, kind):
        line = ir.VectorType(kind, LANES).as_pointer()
        return self.builder.load(self.builder.bitcast(address, line), align=8)

    def values(self):
        """The values that count, zero elsewhere."""
        values = self._load(self.builder.gep(self.address, [_I64(LANES)]), _F64)
        return self.builder.select(self.counts, values, _same(0.0))

    def ages(self, t):
        """By how many ns each row that counts is before `t`, as negative numbers; zero elsewhere."""
        ages = self.builder.sub(self.times, _spread(self.builder, t))
        return self.builder.select(self.counts, ages, _same(0, _I64))

    def seconds(self, t):
        """The ages as seconds."""
        apart = self.builder.sitofp(self.ages(t), ir.VectorType(_F64, LANES))
        return self.builder.fmul(apart, _same(1e-9))

    def rows(self):
        """How many count."""
        bits = self.builder.bitcast(self.counts, ir.IntType(LANES))
        return self.builder.zext(self.builder.ctpop(bits), _I64)


def _together(builder, blocks, of_one, combined):
    """What `of_one` gives of each block, combined from the first on."""
    found = of_one(blocks[0])
    for block in blocks[1:]:
        found = combined(found, of_one(block))
    return found


def _sums(blocks):
    def row_sums(typingctx, array, ring, start, t):
        returned = types.Tuple((types.int64, *(types.float64,) * 4))

        def codegen(context, builder, sig, args):
            read = [_Block(context, builder, sig, args, number) for number in range(blocks)]
            known = {block: (block.seconds(args[3]), block.values()) for block in read}
            terms = (
                lambda block: known[block][0],
                lambda block: known[block][1],
                lambda block: builder.fmul(known[block][0], known[block][0]),
                lambda block: builder.fmul(known[block][0], known[block][1]),
            )
            four = [_together(builder, read, term, builder.fadd) for term in terms]
            n = _together(builder, read, _Block.rows, builder.add)
            found = [n, *_added(builder, *four)]
            return context.make_tuple(builder, sig.return_type, found)

        return returned(array, ring, start, t), codegen

    return intrinsic(row_sums)


def _squares(blocks):
    def square_sum(typingctx, array, ring, start):
        def codegen(context, builder, sig, args):
            read = [_Block(context, builder, sig, args, number) for number in range(blocks)]

            def squared(block):
                values = block.values()
                return builder.fmul(values, values)

            total = _together(builder, read, squared, builder.fadd)
            return _added(builder, *[total] * 4)[0]

        return types.float64(array, ring, start), codegen

    return intrinsic(square_sum)


def _span(blocks):
    def span(typingctx, array, ring, start, t):
        def codegen(context, builder, sig, args):
            read = [_Block(context, builder, sig, args, number) for number in range(blocks)]

            def lesser(a, b):
                return builder.select(builder.icmp_signed("<", a, b), a, b)

            ages = _together(builder, read, lambda block: block.ages(args[3]), lesser)
            four = _folded(builder, ages, lesser)
            for other in ([2, 3, 0, 1], [1, 0, 3, 2]):
                four = lesser(four, _picked(builder, four, four, other))
            return builder.sitofp(builder.neg(_lane(builder, four, 0)), _F64)

        return types.float64(array, ring, start, t), codegen

    return intrinsic(span)


#: (n, Σt, Σv, Σt², Σtv) of the rows at or after `start` in the block at `array[ring]`, or in that and the next; times in
#: seconds from `t`, which is not before any of them. `array` is C-contiguous float64, its times int64 in the same places.
sums_of_one: Any = _sums(1)
sums_of_two: Any = _sums(2)
#: Σv² of the same rows.
squares_of_one: Any = _squares(1)
squares_of_two: Any = _squares(2)
#: ns from the earliest of them to `t`, as a float64; 0 where there is none.
span_of_one: Any = _span(1)
span_of_two: Any = _span(2)
