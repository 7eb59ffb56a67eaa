"""Records that can never be applied, as they go to ``mastery.dlq``: the bytes untouched, why and whence in headers."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import Reason
from .ports import Message, Topic

MAX_TEXT = 1024
_CLASS = "mastery_engine.errors.InvalidEvent"


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read: its place, bytes and headers, and its timestamp in milliseconds since 1970."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int


def dead_letter(
    record: Record, code: str, reasons: Sequence[Reason], *, group: str, event_id: str | None, correlation_id: str
) -> Message:
    """Return a record as a dead letter: key and value byte for byte, its own headers first, then ours.

    The headers are those that the tools of Kafka Connect (text) and of Spring (numbers as big-endian bytes) read, and
    our own. What an earlier round as a dead letter left is replaced, not repeated.
    """
    text = "; ".join(f"{field or 'record'}: {reason}" for field, reason in reasons)[:MAX_TEXT]
    ours: dict[str, bytes] = {
        "dlq-reason": code.encode(),
        "dlq-errors": text.encode(),
        "dlq-event-id": (event_id or "").encode(),
        "dlq-correlation-id": correlation_id.encode(),
        "dlq-schema-version": b"1",
        "__connect.errors.topic": Topic.EVENTS.encode(),
        "__connect.errors.partition": str(record.partition).encode(),
        "__connect.errors.offset": str(record.offset).encode(),
        "__connect.errors.connector.name": group.encode(),
        "__connect.errors.task.id": b"0",
        "__connect.errors.stage": b"VALUE_CONVERTER",
        "__connect.errors.class.name": _CLASS.encode(),
        "__connect.errors.exception.class.name": _CLASS.encode(),
        "__connect.errors.exception.message": text.encode(),
        "kafka_dlt-original-topic": Topic.EVENTS.encode(),
        "kafka_dlt-original-partition": struct.pack(">i", record.partition),
        "kafka_dlt-original-offset": struct.pack(">q", record.offset),
        "kafka_dlt-original-timestamp": struct.pack(">q", record.timestamp_ms),
        "kafka_dlt-original-timestamp-type": b"CreateTime",
        "kafka_dlt-original-consumer-group": group.encode(),
        "kafka_dlt-exception-fqcn": _CLASS.encode(),
        "kafka_dlt-exception-message": text.encode(),
    }
    kept = tuple((name, value) for name, value in record.headers if name not in ours)
    return Message(Topic.DEAD_LETTERS, record.key, record.value, kept + tuple(ours.items()))
