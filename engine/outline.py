"""A mark to the compiler: the kernel in which it stands is not put into its callers.

A loop over the rows of a Frame that is put into a caller of forty arrays keeps none of its own in registers: each
is fetched from the stack again at every row. A call costs a hundred stores, once for as many rows as the loop passes.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic


def _outlined(typingctx):
    """Does nothing when it runs."""

    def codegen(context, builder, sig, args):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), codegen


outlined: Any = intrinsic(_outlined)
