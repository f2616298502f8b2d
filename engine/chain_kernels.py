"""Links of the records' chains, many at once: what `record.chain` gives, without a Python object for each.

BLAKE2b with a digest of 16 bytes and no key (RFC 7693), for texts of one block (128 bytes at most), which a link is.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import Final

import numpy as np

from .kernel import inlined, kernel
from .layout import NUMBERS
from .prefetch import prefetch
from .record import CHAINED

DIGEST: Final = 16
_AHEAD: Final = 4  # records: a hash takes as long as a fetch from memory
BLOCK: Final = 16  # words
_WORDS: Final = ("seq", "episode", "onset", "time", "value", "limit", "until")
_ROUNDS: Final = 12
_IV: Final = np.array(
    [
        0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
        0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    ],
    np.uint64,
)  # fmt: skip
# In which order a round takes the words of the block (RFC 7693, 2.7); the rounds 10 and 11 are 0 and 1 again.
_SIGMA: Final = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    ],
    np.uint8,
)
# Digest length, no key, fan-out and depth 1 (RFC 7693, 2.5).
_PARAMETERS: Final = np.uint64(0x01010000 ^ DIGEST)
_LAST: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
# What every text begins with, three bytes: all that follows lies across the words of the block.
_FRONT: Final = np.uint64(int.from_bytes(CHAINED, "little"))
#: NUMBERS as words, floating point as its bits; the bytes at its end as two numbers.
WHOLE: Final = np.dtype(
    [
        *((name, "<u8") for name in _WORDS),
        ("last4", "<u4"),
        ("last2", "<u2"),
    ]
)
_TEXT: Final = len(CHAINED) + 3 * DIGEST + NUMBERS.itemsize


@inlined
def _turned(x, bits):
    """x rotated to the right."""
    return (x >> np.uint64(bits)) | (x << np.uint64(64 - bits))


@inlined
def _mixed(a, b, c, d, x, y):
    """The function G (RFC 7693, 3.1)."""
    a = a + b + x
    d = _turned(d ^ a, 32)
    c = c + d
    b = _turned(b ^ c, 24)
    a = a + b + y
    d = _turned(d ^ a, 16)
    c = c + d
    b = _turned(b ^ c, 63)
    return a, b, c, d


@kernel
def _digest(words, size):
    """The first two words of the hash of a text of `size` bytes; `words` are its block, zeros behind the text."""
    h0, h1 = _IV[0] ^ _PARAMETERS, _IV[1]
    v0, v1, v2, v3, v4, v5, v6, v7 = h0, h1, _IV[2], _IV[3], _IV[4], _IV[5], _IV[6], _IV[7]
    v8, v9, v10, v11 = _IV[0], _IV[1], _IV[2], _IV[3]
    v12, v13, v14, v15 = _IV[4] ^ np.uint64(size), _IV[5], _IV[6] ^ _LAST, _IV[7]
    for number in range(_ROUNDS):
        s = _SIGMA[number]
        v0, v4, v8, v12 = _mixed(v0, v4, v8, v12, words[s[0]], words[s[1]])
        v1, v5, v9, v13 = _mixed(v1, v5, v9, v13, words[s[2]], words[s[3]])
        v2, v6, v10, v14 = _mixed(v2, v6, v10, v14, words[s[4]], words[s[5]])
        v3, v7, v11, v15 = _mixed(v3, v7, v11, v15, words[s[6]], words[s[7]])
        v0, v5, v10, v15 = _mixed(v0, v5, v10, v15, words[s[8]], words[s[9]])
        v1, v6, v11, v12 = _mixed(v1, v6, v11, v12, words[s[10]], words[s[11]])
        v2, v7, v8, v13 = _mixed(v2, v7, v8, v13, words[s[12]], words[s[13]])
        v3, v4, v9, v14 = _mixed(v3, v4, v9, v14, words[s[14]], words[s[15]])
    return h0 ^ v0 ^ v8, h1 ^ v1 ^ v9


@kernel
def chain_all(out, numbers, identities, about, heads, links, words):
    """Ordered emissions become links: `links` (n, 2, 2) gets of each the head before it and its own, as two words;
    `heads` (sites, 2) moves on.

    `numbers` are the records' NUMBERS read as WHOLE; `identities` (instances, 2) and `about` (n, 2), or (1, 2)
    where all say the same, are digests; `words` is room for a block of 16 words.
    """
    several = about.shape[0] > 1
    for i in range(out.size):
        if i + _AHEAD < out.size:
            prefetch(heads, out[np.uintp(i + _AHEAD)].site, 0)
            prefetch(identities, out[np.uintp(i + _AHEAD)].instance, 0)
        site, instance, said = out[i].site, out[i].instance, i if several else 0
        first, second = heads[site, 0], heads[site, 1]
        links[i, 0, 0], links[i, 0, 1] = first, second
        rest = _put(words, 0, first, _FRONT)
        rest = _put(words, 1, second, rest)
        rest = _put(words, 2, identities[instance, 0], rest)
        rest = _put(words, 3, identities[instance, 1], rest)
        rest = _put(words, 4, about[said, 0], rest)
        rest = _put(words, 5, about[said, 1], rest)
        r = numbers[i]
        rest = _put(words, 6, r.seq, rest)
        rest = _put(words, 7, r.episode, rest)
        rest = _put(words, 8, r.onset, rest)
        rest = _put(words, 9, r.time, rest)
        rest = _put(words, 10, r.value, rest)
        rest = _put(words, 11, r.limit, rest)
        rest = _put(words, 12, r.until, rest)
        last = np.uint64(r.last4) | np.uint64(r.last2) << np.uint64(32)
        words[14] = _put(words, 13, last, rest)
        words[15] = np.uint64(0)
        first, second = _digest(words, _TEXT)
        heads[site, 0], heads[site, 1] = first, second
        links[i, 1, 0], links[i, 1, 1] = first, second


@inlined
def _put(words, place, whole, rest):
    """Eight more bytes of the text, behind the three of `rest`; the three that are left over."""
    words[np.uintp(place)] = rest | whole << np.uint64(24)
    return whole >> np.uint64(40)
