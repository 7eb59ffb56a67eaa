"""The ledger of erasures as a compacted topic: the key is a pseudonym, and the newest entry of each stays for ever."""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as ConsumedMessage

from ..domain.erasures import Erasure
from ..errors import BrokerUnavailable
from ..ports import Message, Publisher, Topic
from .erasure_entries import encoded, take
from .kafka_reader import READER

_TIMEOUT_S = 3.0
_DEADLINE_S = 30.0
_POLL_S = 0.2
_log = logging.getLogger("mastery_engine.kafka")


class KafkaErasures:
    """The port of the ledger over ``mastery.erasures``; it is read on from where the last call ended."""

    def __init__(self, settings: Mapping[str, str | int], *, publisher: Publisher) -> None:
        self._publisher = publisher
        self._consumer = Consumer({**settings, **READER}, logger=_log)
        self._position = 0
        self._found: dict[str, Erasure] = {}
        self._one_at_a_time = threading.Lock()

    async def read(self) -> Mapping[str, Erasure]:
        """Return the newest entry of each student, everything considered that was there before the call."""
        return await asyncio.to_thread(self._read)

    async def write(self, pseudonym: str, erasure: Erasure) -> None:
        """Return when the broker has acknowledged an entry."""
        message = Message(Topic.ERASURES, pseudonym.encode(), encoded(pseudonym, erasure))
        await self._publisher.publish([message])

    def close(self) -> None:
        """Close the connections."""
        with self._one_at_a_time:
            self._consumer.close()

    def _read(self) -> Mapping[str, Erasure]:
        with self._one_at_a_time:
            try:
                self._read_on()
            except KafkaException as error:
                raise _away(error.args[0]) from error
            return dict(self._found)

    def _read_on(self) -> None:
        """Read up to what is the end now; what was found before stays, whatever becomes of the topic."""
        place = TopicPartition(Topic.ERASURES, 0)
        first, end = self._consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
        if not first <= self._position <= end:
            self._position = first  # a topic made anew begins again
        if self._position < end:
            self._consumer.assign([TopicPartition(Topic.ERASURES, 0, self._position)])
            deadline_s = time.monotonic() + _DEADLINE_S
            while self._position < end and time.monotonic() < deadline_s:
                self._take(self._consumer.poll(_POLL_S), end)
            self._consumer.unassign()
        if self._position < end:
            detail = "Kafka does not answer in time."
            raise BrokerUnavailable(detail)

    def _take(self, message: ConsumedMessage | None, end: int) -> None:
        if message is None:
            return
        if (error := message.error()) is None:
            take([message.value() or b""], self._found)
            self._position = (message.offset() or 0) + 1
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # the name that the library gives it
            self._position = end  # not every offset has a record
        else:
            raise KafkaException(error)


def _away(error: KafkaError) -> BrokerUnavailable:
    return BrokerUnavailable(f"Kafka does not let the ledger of erasures be read ({error.name()}).")
