"""EPANET 2.2, moved by hand: a network is solved at a time, changed, and moved on.

EPANET itself is a library written in C that comes with wntr (extra `simulators`); one project holds
one network and one substance. What an input file cannot say (an orifice that opens at 10:07, a dosing
pump that stops) is set between two steps. Units are those of the input file.
"""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import sys
import tempfile
import weakref
from pathlib import Path
from typing import Any, Final

from lifeline.engine.errors import InvariantError, SpecError

# Codes of EPANET's toolkit (epanet2_enums.h): node properties, link properties, time parameters.
EMITTER: Final = 3
SOURCE: Final = 5
PRESSURE: Final = 11
QUALITY: Final = 12
HEAD: Final = 10
FLOW: Final = 8
STATUS: Final = 11
_HYDRAULIC_STEP: Final = 1
_QUALITY_STEP: Final = 2
# Codes below are warnings: negative pressures, an empty tank, a part without supply.
_FIRST_ERROR: Final = 100
LONGEST_STEP_S: Final = 900
_LONGEST_QUALITY_S: Final = 300


class Epanet:
    """One network in motion, from time 0. Closed when nobody holds it any more."""

    def __init__(self, network: str) -> None:
        """`network` is the text of an input file. Raises SpecError without wntr, InvariantError with
        EPANET's own code (its manual, appendix C) where it cannot read the network."""
        self._lib = _library()
        self._project = ctypes.c_uint64()
        self._value = ctypes.c_double()
        self._seconds = ctypes.c_long()
        self._longest_s = 0
        self._lib.EN_createproject(ctypes.byref(self._project))
        weakref.finalize(self, _close, self._lib, self._project)
        # EPANET reads the text once and keeps its two files open; nobody else needs them.
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            (folder / "network.inp").write_text(network, encoding="utf-8")
            names = (str(folder / name).encode() for name in ("network.inp", "report", "results"))
            self._call("open", *names)
        for name in ("openH", "openQ"):
            self._call(name)
        for name in ("initH", "initQ"):
            self._call(name, 0)

    def node(self, name: str) -> int:
        """The index of a junction, tank or reservoir."""
        return self._index("getnodeindex", name)

    def link(self, name: str) -> int:
        """The index of a pipe, pump or valve."""
        return self._index("getlinkindex", name)

    def pattern(self, name: str) -> int:
        """The index of a demand pattern."""
        return self._index("getpatternindex", name)

    def of_node(self, node: int, code: int) -> float:
        """PRESSURE, HEAD or QUALITY of a node as last solved."""
        self._call("getnodevalue", node, code, ctypes.byref(self._value))
        return self._value.value

    def of_link(self, link: int, code: int) -> float:
        """FLOW of a link as last solved, in its direction; or its STATUS."""
        self._call("getlinkvalue", link, code, ctypes.byref(self._value))
        return self._value.value

    def set_node(self, node: int, code: int, value: float) -> None:
        """From now: EMITTER coefficient (flow over the root of pressure) or SOURCE strength."""
        self._call("setnodevalue", node, code, ctypes.c_double(value))

    def set_link(self, link: int, code: int, value: float) -> None:
        """From now: STATUS, 0 or 1."""
        self._call("setlinkvalue", link, code, ctypes.c_double(value))

    def set_multiplier(self, pattern: int, value: float) -> None:
        """From now: what the demands of a pattern of one period are multiplied by."""
        self._call("setpatternvalue", pattern, 1, ctypes.c_double(value))

    def solve(self) -> int:
        """The hydraulics of this time, s since the beginning, which is returned; may be repeated
        after a change."""
        self._call("runH", ctypes.byref(self._seconds))
        return self._seconds.value

    def move(self, longest_s: int = LONGEST_STEP_S) -> int:
        """Go on by `longest_s` at most, less where a tank fills or empties before, and carry the
        substance along; returns the step, s, or 0 at the end of the input file's duration."""
        if longest_s != self._longest_s:
            # EPANET shortens the substance's step to the hydraulic one and leaves it so.
            self._call("settimeparam", _HYDRAULIC_STEP, ctypes.c_long(longest_s))
            quality_s = min(longest_s, _LONGEST_QUALITY_S)
            self._call("settimeparam", _QUALITY_STEP, ctypes.c_long(quality_s))
            self._longest_s = longest_s
        self._call("runQ", ctypes.byref(self._seconds))
        self._call("nextH", ctypes.byref(self._seconds))
        step = self._seconds.value
        self._call("nextQ", ctypes.byref(self._seconds))
        return step

    def _index(self, call: str, name: str) -> int:
        index = ctypes.c_int()
        self._call(call, name.encode(), ctypes.byref(index))
        return index.value

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._lib, "EN_" + name)(self._project, *arguments)
        if code >= _FIRST_ERROR:
            raise InvariantError(f"EPANET refused: error {code} in EN_{name}")


def _library() -> Any:
    """EPANET as wntr ships it. wntr itself is not imported: it brings pandas, networkx and
    matplotlib, which take seconds and are not needed here."""
    wntr = importlib.util.find_spec("wntr")
    if wntr is None or not wntr.submodule_search_locations:
        raise SpecError(
            "this site is solved by EPANET, which is not installed",
            found="no package wntr",
            expected="pip install 'lifeline-engine[simulators]'",
        )
    folder = Path(wntr.submodule_search_locations[0]) / "epanet" / "libepanet"
    return ctypes.cdll.LoadLibrary(str(folder / _file()))


def _file() -> str:
    if sys.platform == "win32":
        return "windows-x64/epanet22.dll"
    if sys.platform == "darwin":
        arm = platform.machine() == "arm64"
        return "darwin-arm/libepanet2.dylib" if arm else "darwin-x64/libepanet22.dylib"
    return "linux-x64/libepanet22.so"


def _close(lib: Any, project: ctypes.c_uint64) -> None:
    lib.EN_close(project)
    lib.EN_deleteproject(project)
