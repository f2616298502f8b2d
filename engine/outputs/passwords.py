"""Mosquitto's password file, computed here so that no plain text ever reaches the disk.

A line is `user:$7$<iterations>$<salt>$<hash>`: PBKDF2-HMAC-SHA512 over a salt of 12 bytes, 64 bytes
long, both in base64. Mosquitto 2.0 and later read it; 1.6 does not.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from ..errors import SpecError

_ALGORITHM: Final = "7"
_SALT_BYTES: Final = 12  # what mosquitto_passwd writes; the broker refuses any other length
_HASH_BYTES: Final = 64
# The broker computes this in its only thread at every login, so 2,000 gateways that reconnect at
# once must not stop it: 10,000 take 5 ms. mosquitto_passwd's own 101 is enough for the random
# passwords that `new_password` makes, not for those that people choose.
ITERATIONS: Final = 10_000
_NOT_IN_NAMES: Final = frozenset(":/+#%\0\r\n\t")


def check_user(user: str) -> str:
    """The name if it can be a login and one topic level. Raises SpecError."""
    bad = not user or user != user.strip() or set(user) & _NOT_IN_NAMES or not user.isprintable()
    if bad or len(user.encode()) > 200:
        raise SpecError(
            "this cannot be a broker login",
            found=repr(user),
            expected="a name without : / + # % or blanks at its ends",
        )
    return user


def new_password() -> str:
    """A random password of 192 bits."""
    return secrets.token_urlsafe(24)


def password_hash(password: str, *, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """What stands behind the user's name in the file."""
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, _HASH_BYTES)
    parts = (_ALGORITHM, str(iterations), _base64(salt), _base64(digest))
    return "".join(f"${part}" for part in parts)


def verifies(password: str, hashed: str) -> bool:
    """Whether this is the password of a hash; False for any other format."""
    parts = hashed.split("$")
    if len(parts) != 5 or parts[1] != _ALGORITHM or not parts[2].isdigit():
        return False
    try:
        salt = base64.b64decode(parts[3], validate=True)
    except binascii.Error:
        return False
    again = password_hash(password, salt=salt, iterations=max(1, int(parts[2])))
    return hmac.compare_digest(again, hashed)


def read_password_file(text: str) -> dict[str, str]:
    """Hash by user. Raises SpecError for a line of plain text or another form."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, hashed = line.partition(":")
        if not colon or not hashed.startswith("$"):
            raise SpecError(
                "not a line of a hashed password file",
                where=f"line {number}",
                expected="user:$7$…, as `lifeline acl` and mosquitto_passwd write it",
            )
        found[user] = hashed
    return found


def password_file(hashes: Mapping[str, str]) -> str:
    """The file's text, users sorted."""
    return "".join(f"{check_user(user)}:{hashes[user]}\n" for user in sorted(hashes))


def completed(
    users: Iterable[str], existing: Mapping[str, str], given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Hashes for exactly these users, and the passwords that were made for new ones.

    A user with a `given` password gets it (its hash is kept if it already fits); one with a hash
    keeps it; any other gets a new random password, which is in the second mapping and nowhere else.
    """
    hashes, made = {}, {}
    for user in sorted(set(users)):
        check_user(user)
        if user in given:
            kept = existing.get(user, "")
            fits = verifies(given[user], kept)
            hashes[user] = kept if fits else password_hash(given[user])
        elif user in existing:
            hashes[user] = existing[user]
        else:
            made[user] = new_password()
            hashes[user] = password_hash(made[user])
    return hashes, made


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
