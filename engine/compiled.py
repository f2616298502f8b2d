"""Where compiled kernels are kept: in a folder of the user, outside the tree, named by what they are.

numba notices a change in the file of a function, but neither in the functions that it calls in
other files nor in the constants that were compiled into it. So the folder's name is a hash over all
of these sources: changed code never meets what was compiled from other code.

Importing this module sets NUMBA_CACHE_DIR; every module with kernels imports it, before its first
`@njit` runs. A NUMBA_CACHE_DIR that is set already is left alone.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
from importlib.metadata import entry_points, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from .kinds import GROUP
from .limits import KERNEL_FOLDERS_KEPT

VARIABLE: Final = "NUMBA_CACHE_DIR"
# Modules whose constants and functions the kernels take in; a test compares them with the imports.
TAKEN_IN: Final = (
    "alarm_table", "group_layout", "kernel", "layout", "level", "limits", "outline", "prefetch", "promotion", "quality", "record",
)  # fmt: skip
_OTHERS_MAY_WRITE: Final = 0o022


def kernel_sources() -> list[Path]:
    """Every file whose change must not meet what was compiled before it, sorted."""
    engine = Path(__file__).parent
    found = {*engine.glob("*_kernels.py"), *(engine / f"{name}.py" for name in TAKEN_IN)}
    for folder in _kind_folders():
        found.update(folder.glob("*_kernels.py"))
    return sorted(found)


def _kind_folders() -> set[Path]:
    """Folders of the installed rule kinds; none of the kinds is imported."""
    modules = (point.module for point in entry_points(group=GROUP))
    specs = (find_spec(module) for module in modules)
    return {Path(spec.origin).parent for spec in specs if spec is not None and spec.origin}


def fingerprint() -> str:
    """16 hex digits over the sources, the compiler's versions and the processor."""
    from llvmlite import binding  # type: ignore[import-untyped]

    digest = hashlib.blake2b(digest_size=8)
    names = [version(name) for name in ("numba", "llvmlite", "numpy")]
    for text in (*names, binding.get_host_cpu_name(), sys.version):
        digest.update(text.encode() + b"\0")
    for path in kernel_sources():
        digest.update(path.name.encode() + b"\0" + hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()


def keep_outside() -> Path:
    """Names the folder to numba, made if need be; called once by importing this module.

    Where the user has no folder that can be written and that nobody else can write (what lies
    in it is run), a temporary one serves this process alone.
    """
    home = _home()
    named = os.environ.get(VARIABLE, "")
    if named and Path(named).parent != home:
        return Path(named)
    # A folder of ours may have come from a parent process, which may run other code.
    folder = home / fingerprint()
    if not _usable(folder):
        folder = Path(tempfile.mkdtemp(prefix="lifeline-kernels-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[VARIABLE] = str(folder)
    if "numba" in sys.modules:  # it read the environment before we came
        from numba.core import config

        config.reload_config()  # type: ignore[no-untyped-call]
    return folder


def _home() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    cache = Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~/.cache"))
    return cache / "lifeline" / "kernels"


def _usable(folder: Path) -> bool:
    """Whether we can write it and nobody else can; makes it, and lets the oldest others go."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for place in (folder.parent, folder):
            state = place.stat()
            if state.st_uid != os.getuid() or state.st_mode & _OTHERS_MAY_WRITE:
                return False
        with tempfile.TemporaryFile(dir=folder):
            os.utime(folder)
        others = sorted(
            (x for x in folder.parent.iterdir() if x != folder), key=lambda x: x.stat().st_mtime
        )
        for old in others[: -(KERNEL_FOLDERS_KEPT - 1)]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError:
        return False
    return True


FOLDER: Final = keep_outside()
