"""Links that answer a call: who, which call, until when, and a signature over these.

`<call>.<expiry>.<person>.<signature>`: expiry in seconds since 1970 as hex, person and signature in
base64url, the signature HMAC-SHA256 with a key that never leaves its file. A link names one person,
so that the answer has a name; whoever has it can answer, so it ends, and it answers once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

from ..errors import SpecError

KEY_BYTES: Final = 32
_CONTEXT: Final = b"lifeline call 1"
_SIGNATURE_BYTES: Final = 18  # 144 bits: nobody guesses it, and a link stays short
_TOKEN: Final = re.compile(r"[0-9a-f]{16}\.[0-9a-f]{1,12}\.[A-Za-z0-9_-]{1,300}\.[A-Za-z0-9_-]{24}")
_SECOND_NS: Final = 1_000_000_000

Fault = Literal["malformed", "signature", "expired"]


class Claim(NamedTuple):
    """What a link says: this person answers this call, until `expires` (s since 1970)."""

    call: str
    person: str
    expires: int


class Links:
    """Makes and reads links with one key. `url` is what persons reach the page by."""

    def __init__(self, key: bytes, url: str, expires_ns: int) -> None:
        self._key = key
        self._url = url
        self._expires_ns = expires_ns

    def link(self, call: str, person: str, since: int) -> str:
        """The link by which a person answers a call that was made at `since` (ns UTC)."""
        claim = Claim(call, person, (since + self._expires_ns) // _SECOND_NS)
        return f"{self._url}/{self.token(claim)}"

    def token(self, claim: Claim) -> str:
        """The claim, signed."""
        person = _text(claim.person.encode())
        return f"{claim.call}.{claim.expires:x}.{person}.{_text(self._signed(claim))}"

    def read(self, token: str, now: int) -> Claim | Fault:
        """The claim of a token whose signature holds and that has not expired by `now` (ns)."""
        if not _TOKEN.fullmatch(token):
            return "malformed"
        call, expires, person, signature = token.split(".")
        try:
            claim = Claim(call, _bytes(person).decode(), int(expires, 16))
            signed = _bytes(signature)
        except (ValueError, binascii.Error):
            return "malformed"
        if not hmac.compare_digest(signed, self._signed(claim)):
            return "signature"
        return claim if now // _SECOND_NS < claim.expires else "expired"

    def _signed(self, claim: Claim) -> bytes:
        said = "\0".join((claim.call, claim.person, str(claim.expires))).encode()
        digest = hmac.digest(self._key, _CONTEXT + b"\0" + said, hashlib.sha256)
        return digest[:_SIGNATURE_BYTES]


def key_of(path: Path, chance: Callable[[int], bytes] = secrets.token_bytes) -> bytes:
    """The key in a file that its owner alone can read; made where there is none.

    Raises SpecError for a file that others can read, or that is no key.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _kept(path)
        key = chance(KEY_BYTES)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SpecError(
            "the key of links cannot be used", where=str(path), found=str(error)
        ) from error
    return key


def _kept(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SpecError(
            "others can read the key of links",
            where=str(path),
            found=f"mode {mode:04o}",
            expected="chmod 600, or remove it: a new one is made, and links that are out end",
        )
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (ValueError, UnicodeDecodeError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SpecError(
            "not a key of links",
            where=str(path),
            expected=f"{KEY_BYTES} bytes as hex; remove it, and a new one is made",
        )
    return key


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
