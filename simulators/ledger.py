"""The publisher's ledger: every sample it was about to send, and what became of it.

A plain append-only file, so that a publisher that is killed leaves the truth behind:

    lifeline-ledger 1\\n
    one line of JSON: site, seed, sensors (id, unit, gain, zero)
    blocks: kind (1 byte), number of items (u32), CRC-32 of the body (u32), body

    S  samples, written before their messages are handed to MQTT: columns message i64,
       sensor i32, number i64, time i64, value f64, little-endian
    A  messages that were acknowledged (PUBACK), i64
    R  messages that were sent again after a lost connection, i64
    W  messages that were withdrawn: never handed to MQTT, i64

A torn last block is what a kill leaves; it is ignored, since its messages were never sent.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import numpy as np

from lifeline.engine.errors import LogError
from lifeline.engine.frame import Bool, Float64, Int32, Int64

from .batch import Batch
from .plant import Site

MAGIC: Final = b"lifeline-ledger 1\n"
HEAD: Final = struct.Struct("<cII")
COLUMNS: Final = ("<i8", "<i4", "<i8", "<i8", "<f8")


class LedgerSensor(msgspec.Struct, frozen=True):
    """One sensor of the ledger; the plant's value = canonical value x `gain` + `zero`."""

    id: str
    unit: str
    gain: float
    zero: float


class LedgerHead(msgspec.Struct, frozen=True):
    """What the ledger is about."""

    site: str
    seed: int
    sensors: tuple[LedgerSensor, ...]


class LedgerWriter:
    """Writes a new ledger at `path`; raises FileExistsError where one stands already."""

    def __init__(self, path: Path, site: Site, seed: int) -> None:
        self._file: BinaryIO = path.open("xb")
        sensors = tuple(LedgerSensor(p.id, p.unit, p.gain, p.zero) for p in site.points)
        head = msgspec.json.encode(LedgerHead(site.id, seed, sensors))
        self._file.write(MAGIC + head + b"\n")

    def record(self, message: Int64, batch: Batch) -> None:
        """Samples about to be sent, with the number of the message that carries each. They are
        with the operating system when this returns."""
        columns = (message, batch.sensor, batch.number, batch.time, batch.value)
        body = b"".join(
            np.ascontiguousarray(c, dtype).tobytes()
            for c, dtype in zip(columns, COLUMNS, strict=True)
        )
        self._block(b"S", len(batch), body)

    def acknowledged(self, numbers: list[int]) -> None:
        """Messages whose PUBACK came."""
        self._numbers(b"A", numbers)

    def resent(self, numbers: list[int]) -> None:
        """Messages that were sent again."""
        self._numbers(b"R", numbers)

    def withdrawn(self, numbers: list[int]) -> None:
        """Messages that were recorded and never handed to MQTT."""
        self._numbers(b"W", numbers)

    def close(self) -> None:
        """Write what is buffered and close."""
        self._file.close()

    def _numbers(self, kind: bytes, numbers: list[int]) -> None:
        if numbers:
            self._block(kind, len(numbers), np.array(numbers, "<i8").tobytes())

    def _block(self, kind: bytes, count: int, body: bytes) -> None:
        self._file.write(HEAD.pack(kind, count, zlib.crc32(body)) + body)
        self._file.flush()


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """A ledger that was read: one row per sample that was handed to MQTT, redeliveries included.

    message  int64    number of the message that carried it, from 0
    sensor   int32    index into `head.sensors`
    number   int64    the sample's own number, 1, 2, 3 … per sensor
    time     int64    event time as sent, ns
    value    float64  in the plant's unit; NaN for null
    acked    bool     whether its message was acknowledged
    """

    head: LedgerHead
    message: Int64
    sensor: Int32
    number: Int64
    time: Int64
    value: Float64
    acked: Bool
    resent: int

    def __len__(self) -> int:
        return len(self.sensor)

    @property
    def messages(self) -> int:
        """Messages that were handed to MQTT."""
        return len(np.unique(self.message))

    def counts(self) -> dict[str, int]:
        """Distinct samples per sensor id, sensors that sent nothing included."""
        counts = dict.fromkeys((s.id for s in self.head.sensors), 0)
        for index, sensor in enumerate(self.head.sensors):
            counts[sensor.id] = len(np.unique(self.number[self.sensor == index]))
        return counts

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """Read a ledger. Raises LogError where the file is not one, or is damaged before its end."""
        data = path.read_bytes()
        if not data.startswith(MAGIC):
            raise LogError(f"{path} is not a ledger of this version")
        line_end = data.find(b"\n", len(MAGIC))
        if line_end < 0:
            raise LogError(f"{path}: the head of the ledger is not whole")
        try:
            head = msgspec.json.decode(data[len(MAGIC) : line_end], type=LedgerHead)
        except msgspec.MsgspecError as error:
            raise LogError(f"{path}: the head of the ledger cannot be read: {error}") from error
        return cls._assembled(head, _blocks(path, data, line_end + 1))

    @classmethod
    def _assembled(cls, head: LedgerHead, blocks: dict[bytes, list[tuple[int, bytes]]]) -> Ledger:
        parts = [_columns(count, body) for count, body in blocks[b"S"]]
        empty = [np.empty(0, dtype) for dtype in COLUMNS]
        columns: list[Any] = [
            np.concatenate([empty[i], *(part[i] for part in parts)]) for i in range(len(COLUMNS))
        ]
        withdrawn, acked = _all_numbers(blocks[b"W"]), _all_numbers(blocks[b"A"])
        sent = ~np.isin(columns[0], withdrawn)
        message, sensor, number, time, value = (column[sent] for column in columns)
        resent = len(_all_numbers(blocks[b"R"]))
        taken = np.isin(message, acked)
        return cls(head, message, sensor, number, time, value, taken, resent)


def _blocks(path: Path, data: bytes, at: int) -> dict[bytes, list[tuple[int, bytes]]]:
    """The bodies of all whole blocks by kind."""
    blocks: dict[bytes, list[tuple[int, bytes]]] = {k: [] for k in (b"S", b"A", b"R", b"W")}
    row_bytes = sum(np.dtype(dtype).itemsize for dtype in COLUMNS)
    while at + HEAD.size <= len(data):
        kind, count, crc = HEAD.unpack_from(data, at)
        size = count * (row_bytes if kind == b"S" else 8)
        body = data[at + HEAD.size : at + HEAD.size + size]
        if kind not in blocks:
            raise LogError(f"{path}: unknown block at byte {at}")
        if len(body) < size:
            break
        if zlib.crc32(body) != crc:
            raise LogError(f"{path}: damaged block at byte {at}")
        blocks[kind].append((count, body))
        at += HEAD.size + size
    return blocks


def _columns(count: int, body: bytes) -> list[Any]:
    columns, at = [], 0
    for dtype in COLUMNS:
        columns.append(np.frombuffer(body, dtype, count, at))
        at += count * np.dtype(dtype).itemsize
    return columns


def _all_numbers(blocks: list[tuple[int, bytes]]) -> Int64:
    joined = b"".join(body for _, body in blocks)
    return np.frombuffer(joined, "<i8").astype(np.int64)
