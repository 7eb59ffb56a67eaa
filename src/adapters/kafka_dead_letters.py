"""Reading ``mastery.dlq`` backwards, newest first; nothing is ever written, committed or subscribed."""

import asyncio
import heapq
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ..dead_letters import read_back, students_in
from ..errors import BrokerUnavailable
from ..ports import DeadLetter, DeadLetterPage, DeadLetterRecord, Topic
from .kafka_reader import READER
from .kafka_topics import QUIET

_T = TypeVar("_T")

CHUNK = 500
"""How many records are read at once, forwards, before the next step back."""
MAX_LOOKED_AT = 10_000
"""How many records are looked at for one page, whether they are wanted or not."""
ENOUGH_S = 5.0
"""After this time a page ends where it is."""
DEADLINE_S = 30.0
_TIMEOUT_S = 3.0
_POLL_S = 0.2


class KafkaDeadLetters:
    """The port of the log; every call has a consumer of its own, so that calls do not share a position."""

    def __init__(self, settings: Mapping[str, str | int], *, looks_at: int = MAX_LOOKED_AT) -> None:
        self._settings = {**settings, **READER, **QUIET}
        self._looks_at = looks_at

    async def newest(self, before: Mapping[int, int], *, limit: int, reason: str | None) -> DeadLetterPage:
        """Return the newest of one reason or of all, of each partition those before an offset."""
        return await asyncio.to_thread(self._newest, before, limit, reason)

    async def find(self, partition: int, offset: int) -> DeadLetterRecord | None:
        """Return one, None where there is none."""
        return await asyncio.to_thread(self._find, partition, offset)

    def _newest(self, before: Mapping[int, int], limit: int, reason: str | None) -> DeadLetterPage:
        with self._open() as topic:
            bounds = topic.bounds()
            left = {number: min(end, before.get(number, end)) for number, (_, end) in bounds.items()}
            walks = [topic.backwards(number, bounds[number][0], left[number]) for number in sorted(bounds)]
            letters: list[DeadLetter] = []
            merged = heapq.merge(*walks, key=lambda letter: letter.timestamp_ms, reverse=True)
            for looked_at, letter in enumerate(merged, 1):
                left[letter.partition] = letter.offset
                if reason is None or letter.reason == reason:
                    letters.append(letter)
                if len(letters) == limit or looked_at == self._looks_at or topic.is_enough():
                    more = any(end > bounds[number][0] for number, end in left.items())
                    return DeadLetterPage(tuple(letters), left if more else None)
        return DeadLetterPage(tuple(letters), None)

    def _find(self, partition: int, offset: int) -> DeadLetterRecord | None:
        with self._open() as topic:
            first, end = topic.bounds().get(partition, (0, 0))
            if not first <= offset < end:
                return None
            found = topic.forwards(partition, offset, offset + 1, _whole)
        return found[0] if found else None

    @contextmanager
    def _open(self) -> Iterator["_Reading"]:
        consumer = Consumer(self._settings)
        try:
            yield _Reading(consumer)
        except KafkaException as error:
            raise _away(error.args[0]) from error
        finally:
            consumer.close()


class _Reading:
    """The topic, as one call reads it until its deadline."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._started_s = time.monotonic()

    def is_enough(self) -> bool:
        """Tell whether the reading has taken long enough for a page."""
        return time.monotonic() - self._started_s > ENOUGH_S

    def bounds(self) -> dict[int, tuple[int, int]]:
        """Return the first offset and the end of each partition."""
        topic = self._consumer.list_topics(Topic.DEAD_LETTERS, timeout=_TIMEOUT_S).topics[Topic.DEAD_LETTERS]
        if topic.error is not None:
            raise _away(topic.error)
        places = {number: TopicPartition(Topic.DEAD_LETTERS, number) for number in topic.partitions}
        return {
            number: self._consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S) for number, place in places.items()
        }

    def backwards(self, partition: int, first: int, end: int) -> Iterator[DeadLetter]:
        """Yield what is before an offset, newest first."""
        while end > first:
            start = max(first, end - CHUNK)
            yield from reversed(self.forwards(partition, start, end, _told))
            end = start

    def forwards(self, partition: int, start: int, end: int, take: Callable[[Message], _T]) -> list[_T]:
        """Return what is taken of each record from one offset up to another; not every offset has one."""
        self._consumer.assign([TopicPartition(Topic.DEAD_LETTERS, partition, start)])
        found: list[_T] = []
        while (message := self._next()) is not None and (offset := message.offset() or 0) < end:
            found.append(take(message))
            if offset == end - 1:
                break
        return found

    def _next(self) -> Message | None:
        """Return the next message, None at the end of the partition."""
        while time.monotonic() - self._started_s < DEADLINE_S:
            message = self._consumer.poll(_POLL_S)
            if message is None:
                continue
            error = message.error()
            if error is None:
                return message
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # the name that the library gives it
                return None
            raise _away(error)
        detail = "Kafka does not answer in time."
        raise BrokerUnavailable(detail)


def _told(message: Message) -> DeadLetter:
    """Return what a dead letter tells, without what it holds: a page of them has to be small."""
    place, (_, timestamp_ms) = (message.partition() or 0, message.offset() or 0), message.timestamp()
    headers = _headers(message)
    told = read_back(headers, partition=place[0], offset=place[1], timestamp_ms=timestamp_ms)
    return replace(told, students=students_in(_raw(message.key()), _raw(message.value()), headers))


def _whole(message: Message) -> DeadLetterRecord:
    return DeadLetterRecord(_told(message), _raw(message.key()), _raw(message.value()), _headers(message))


def _headers(message: Message) -> tuple[tuple[str, bytes | None], ...]:
    return tuple((str(header[0]), _raw(header[1])) for header in message.headers() or [])


def _raw(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _away(error: KafkaError) -> BrokerUnavailable:
    return BrokerUnavailable(f"Kafka does not let the dead letters be read ({error.name()}).")
