"""What stands, asked of the topic of alerts where no sink keeps a copy of it."""

from __future__ import annotations

from ..errors import SinkError
from ..limits import LOOK_RECORDS, LOOK_WINDOW
from ..record import Record, decode_record
from .homes import home_of
from .plain_reader import PlainReader
from .spec import ClusterSpec
from .topics import Topics


async def last_record(spec: ClusterSpec, site: str, alarm: str) -> Record | None:
    """The record that left an alarm as it is, looked for from the end of its partition backward,
    among the last LOOK_RECORDS; None where there is none.

    Raises SinkError and LogError where Kafka does not answer.
    """
    topics = Topics(spec.prefix)
    async with PlainReader(spec, "lifeline-look") as reader:
        n, m = await reader.partitions(topics.log), await reader.partitions(topics.areas)
        if n == 0 or m == 0:
            raise SinkError(f"there is no topic {topics.log}: run lifeline cluster init")
        _, topic, partition = home_of(site, topics, n, m)
        begin, high = await reader.bounds(topic, partition)
        furthest = max(begin, high - LOOK_RECORDS)
        while high > furthest:
            low = max(furthest, high - LOOK_WINDOW)
            found: Record | None = None
            async for each in reader.read(topic, partition, low, high):
                if each.key == site.encode() and each.value is not None:
                    record = decode_record(each.value)
                    # By seq: what a worker says again after a crash lies behind what is newer.
                    if record.alarm == alarm and (found is None or record.seq > found.seq):
                        found = record
            if found is not None:
                return found
            high = low
    return None
