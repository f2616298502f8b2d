"""Hashes by which every stored row shows that it is what was written.

An entry's hash also covers the hash before it, so that the hash at one position stands for the
whole log up to there; the row keeps both, so that it can be judged alone.
"""

from __future__ import annotations

import hashlib
from typing import Final

GENESIS: Final = bytes(16)
HASH_BYTES: Final = 16


def entry_hash(previous: bytes, position: int, appended: int, data: bytes) -> bytes:
    """blake2b-16 over the hash before, the position, the time of the append and the bytes."""
    digest = hashlib.blake2b(previous, digest_size=HASH_BYTES, person=b"lifeline-entry")
    digest.update(position.to_bytes(8, "little") + appended.to_bytes(8, "little", signed=True))
    digest.update(data)
    return digest.digest()


def row_hash(table: str, *fields: bytes | str | int) -> bytes:
    """blake2b-16 over a row of `table`; every field is preceded by its length."""
    digest = hashlib.blake2b(digest_size=HASH_BYTES, person=table.encode())
    for field in fields:
        if isinstance(field, int):
            part = field.to_bytes(16, "little", signed=True)
        else:
            part = field.encode() if isinstance(field, str) else field
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()
