"""What the workers of a cluster put aside, for a person to look at.

A record of the log's topic that is no entry cannot be judged by any worker; it lies in the topic of
dead letters with the place that it was found at. There is nothing to try again: whoever wrote it
into the topic has to say it as an entry.
"""

from __future__ import annotations

import asyncio

from ..limits import LOOK_RECORDS
from ..log import KeptLetter
from .plain_reader import PlainReader, Read
from .spec import ClusterSpec
from .topics import Topics

_MS_NS = 1_000_000


def worker_letters(spec: ClusterSpec) -> list[KeptLetter]:
    """The last LOOK_RECORDS letters of the topic, the oldest first; none where there is no topic.

    `topic` says `<log's topic>/<partition>|<offset>`. Raises SinkError and LogError where Kafka does
    not answer.
    """
    return asyncio.run(_letters(spec))


async def _letters(spec: ClusterSpec) -> list[KeptLetter]:
    topic = Topics(spec.prefix).deadletters
    found: list[KeptLetter] = []
    async with PlainReader(spec, "lifeline-letters") as reader:
        for partition in range(await reader.partitions(topic)):
            begin, end = await reader.bounds(topic, partition)
            async for each in reader.read(topic, partition, max(begin, end - LOOK_RECORDS), end):
                found.append(_letter(each))
    return sorted(found, key=lambda letter: letter.time)


def _letter(record: Read) -> KeptLetter:
    said = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    place = f"{said.get('topic', '')}/{(record.key or b'').decode('utf-8', 'replace')}"
    value = record.value or b""
    time = record.timestamp_ms * _MS_NS
    return KeptLetter(record.offset, time, place, said.get("reason", ""), len(value), value)
