"""Records that can never be applied, in ``mastery.dlq``: the bytes untouched, why and whence in headers."""

import logging
import re
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .errors import Reason
from .observability import Metrics, is_correlation_id
from .ports import DeadLetter, Message, Origin, Topic

MAX_TEXT = 1024
_MAX_ID = 128
_RECORD_BYTES, _HEADER_BYTES = 300, 150
_NO_FIELD = "record"
_STUDENT = re.compile(rb'"(?:student_id|subject)"\s*:\s*"([A-Za-z0-9._-]{1,64})"')
_STUDENT_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_NEXT_FIELD = re.compile(r"; (?=[\w.-]+: )", re.ASCII)
_log = logging.getLogger("mastery_engine.dead_letters")
_CLASS = "mastery_engine.errors.InvalidEvent"


class Record(NamedTuple):
    """A record as it was read: its place, bytes and headers, and its timestamp in milliseconds since 1970."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int

    @property
    def size(self) -> int:
        """Return about how many bytes of memory it takes."""
        size = len(self.key or b"") + len(self.value or b"") + _RECORD_BYTES
        for name, value in self.headers:
            size += len(name) + len(value or b"") + _HEADER_BYTES
        return size


def dead_letter(
    record: Record, code: str, reasons: Sequence[Reason], *, group: str, event_id: str | None, correlation_id: str
) -> Message:
    """Return a record as a dead letter: key and value byte for byte, its own headers first, then ours.

    The headers are those that the tools of Kafka Connect (text) and of Spring (numbers as big-endian bytes) read, and
    our own. What an earlier round as a dead letter left is replaced, not repeated. Where the id of the request
    could not be one over HTTP, it is left out of ours.
    """
    text = "; ".join(f"{field or _NO_FIELD}: {reason}" for field, reason in reasons)[:MAX_TEXT]
    ours: dict[str, bytes] = {
        "dlq-reason": code.encode(),
        "dlq-errors": text.encode(),
        "dlq-event-id": (event_id or "").encode(),
        "dlq-correlation-id": correlation_id.encode() if is_correlation_id(correlation_id) else b"",
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


def tell_buried(dead: Sequence[Message], metrics: Metrics) -> None:
    """Count dead letters that the broker has acknowledged, and log the first of each reason with how many there are."""
    first: dict[str | None, DeadLetter] = {}
    number = Counter[str | None]()
    for message in dead:
        told = read_back(message.headers, partition=0, offset=0, timestamp_ms=0)
        metrics.dead_letters.labels(told.reason).inc()
        first.setdefault(told.reason, told)
        number[told.reason] += 1
    for reason, told in first.items():
        fields = {
            "reason": reason,
            "records": number[reason],
            "partition": None if told.origin is None else told.origin.partition,
            "offset": None if told.origin is None else told.origin.offset,
            "correlation_id": told.correlation_id or "-",
        }
        _log.warning("DLQ record buried", extra=fields)


def students_in(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> frozenset[str]:
    """Return the ids in a record that can be recognised as those of students, even where it is not valid JSON."""
    named = [key or b"", *_STUDENT.findall(value or b"")]
    named += [text or b"" for name, text in headers if name.lower() == "ce_subject"]
    return frozenset(text.decode() for text in named if _STUDENT_ID.fullmatch(text))


def read_back(
    headers: Sequence[tuple[str, bytes | None]], *, partition: int, offset: int, timestamp_ms: int
) -> DeadLetter:
    """Return what the headers of a dead letter at a place tell; whoever wrote it, none of them has to be there."""
    given = dict(headers)
    text = _text(given, "dlq-errors") or _text(given, "__connect.errors.exception.message")
    return DeadLetter(
        partition=partition,
        offset=offset,
        timestamp_ms=timestamp_ms,
        reason=_text(given, "dlq-reason"),
        errors=tuple(_reason(part) for part in _NEXT_FIELD.split(text)) if text else (),
        event_id=_text(given, "dlq-event-id"),
        correlation_id=(_text(given, "dlq-correlation-id") or "")[:_MAX_ID] or None,
        origin=_origin(given),
    )


def _reason(text: str) -> Reason:
    field, separator, reason = text.partition(": ")
    if not separator:
        return Reason("", text)
    return Reason("" if field == _NO_FIELD else field, reason)


def _origin(given: Mapping[str, bytes | None]) -> Origin | None:
    topic = _text(given, "kafka_dlt-original-topic")
    partition = _number(given, "kafka_dlt-original-partition", ">i")
    offset = _number(given, "kafka_dlt-original-offset", ">q")
    if topic is None or partition is None or offset is None:
        return None
    return Origin(topic, partition, offset, _number(given, "kafka_dlt-original-timestamp", ">q"))


def _text(given: Mapping[str, bytes | None], name: str) -> str | None:
    """Return a header as text, None where it is missing or empty."""
    return (given.get(name) or b"").decode("utf-8", "replace")[:MAX_TEXT] or None


def _number(given: Mapping[str, bytes | None], name: str, form: str) -> int | None:
    value = given.get(name) or b""
    if len(value) != struct.calcsize(form):
        return None
    number: Any = struct.unpack(form, value)[0]
    return int(number)
