"""How kernels are compiled: to be cached, with IEEE arithmetic, and without counting references to arrays.

Whoever calls a kernel holds its arrays until it returns, so there is nothing to count; but numba counts at each
call of one kernel by another that is not inlined, by atomic additions: up and down for every array that is
handed on took 50 ns of the 100 of a trend's measure, at each row. A kernel that is compiled without can make no
array. The few that need one are `allocating`; they hand their room on to the others.
"""

from __future__ import annotations

from typing import Any, Final

from numba import njit

from . import compiled  # noqa: F401  names numba's cache before the first kernel

_njit: Any = njit  # whose types do not know `_nrt`

#: A kernel, called by Python or by another kernel. Makes no array; what it calls makes none either. Whether it is put into
#: its callers is LLVM's choice (or `outline`'s): not said, an `inlined` caller would hand its own order down to it.
kernel: Final[Any] = _njit(cache=True, error_model="numpy", forceinline=False, _nrt=False)
#: The same, always put into its callers: for what they do at each row, where handing over five arrays costs as
#: much as the work.
inlined: Final[Any] = _njit(cache=True, error_model="numpy", forceinline=True, _nrt=False)
#: A kernel that makes arrays: called once an entry, not at each row.
allocating: Final[Any] = _njit(cache=True, error_model="numpy")
