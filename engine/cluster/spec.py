"""How the cluster is reached: the names of `lifeline.engine.config.cluster`, and its secrets."""

from __future__ import annotations

import os
from pathlib import Path

from ..config.cluster import ClusterSpec, Mechanism, SaslSpec, Security, WorkerSpec
from ..errors import SpecError
from ..source import TlsSpec

__all__ = [
    "ClusterSpec",
    "Mechanism",
    "SaslSpec",
    "Security",
    "TlsSpec",
    "WorkerSpec",
    "password",
]


def password(sasl: SaslSpec) -> str:
    """The password from its file (first line) or environment variable, read now.

    Raises SpecError, which names the file or variable and never what stands in it.
    """
    if sasl.password_env:
        found = os.environ.get(sasl.password_env, "")
        if not found:
            raise SpecError(
                "the password of the cluster is not set",
                found=f"no environment variable {sasl.password_env}",
                expected="the variable that cluster.sasl.password_env names",
            )
        return found
    try:
        lines = Path(sasl.password_file).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            "the password file of the cluster cannot be read",
            where=sasl.password_file,
            found=str(error),
        ) from error
    if not lines or not lines[0]:
        raise SpecError("the password file of the cluster is empty", where=sasl.password_file)
    return lines[0]
