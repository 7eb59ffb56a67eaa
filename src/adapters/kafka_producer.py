"""Sending to Kafka: nothing counts as sent before the broker has acknowledged it."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Delivery

from ..errors import BrokerUnavailable
from ..ports import Message
from ..tracing import Headers

DELIVERY_S = 30
MAX_BYTES = 2_097_152
"""Room for a record of the size that a topic takes by default, with the headers of a dead letter."""

_LOOK_S = 0.001

_log = logging.getLogger("mastery_engine.kafka")


class KafkaPublisher:
    """Sends records and waits for the report on every one."""

    def __init__(self, settings: Mapping[str, str | int], *, trace_headers: Callable[[], Headers] = tuple) -> None:
        self._trace_headers = trace_headers
        self._producer = Producer(
            {
                **settings,
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "lz4",
                "message.max.bytes": MAX_BYTES,
                "delivery.timeout.ms": DELIVERY_S * 1000,
            },
            logger=_log,
        )

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return when the broker has acknowledged every one; raises ``BrokerUnavailable``."""
        reports = self._begin(messages)
        while reports.awaited:
            # The loop may have other work, which is not to wait for this.
            if not self._producer.poll(0):
                await asyncio.sleep(_LOOK_S)
        reports.check()

    def send(self, messages: Sequence[Message]) -> None:
        """Do the same for callers that are not asynchronous; any thread may."""
        reports = self._begin(messages)
        while reports.awaited:
            self._producer.poll(0.05)
        reports.check()

    def close(self) -> None:
        """Give up what is not delivered; who waited for it was told."""
        self._producer.purge()
        self._producer.flush(1)

    def _begin(self, messages: Sequence[Message]) -> "_Reports":
        reports, traced = _Reports(len(messages)), self._trace_headers()
        for message in messages:
            self._produce(message, traced, reports.take)
        reports.deadline_s = time.monotonic() + DELIVERY_S + 1
        return reports

    def _produce(
        self, message: Message, traced: Headers, report: Callable[[KafkaError | None, Delivery], None]
    ) -> None:
        headers: list[tuple[str, str | bytes | None]] = [*message.headers, *traced]
        while True:
            try:
                self._producer.produce(message.topic, message.value, message.key, headers=headers, on_delivery=report)
            except BufferError:  # the queue is full: give it time to empty
                self._producer.poll(0.05)
            except KafkaException as error:
                detail = "Kafka does not take a record."
                raise BrokerUnavailable(detail) from error
            else:
                return


class KafkaQueue:
    """Sends records from an event loop that has other things to do meanwhile."""

    def __init__(self, publisher: KafkaPublisher) -> None:
        self._publisher = publisher

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return when the broker has acknowledged every one; raises ``BrokerUnavailable``."""
        await asyncio.to_thread(self._publisher.send, messages)


class _Reports:
    """The delivery reports of one call."""

    def __init__(self, expected: int) -> None:
        self.missing = expected
        self.error: KafkaError | None = None
        self.deadline_s = 0.0

    @property
    def awaited(self) -> bool:
        """Tell whether one is missing that may still come."""
        return self.missing > 0 and time.monotonic() < self.deadline_s

    def check(self) -> None:
        """Raise ``BrokerUnavailable`` unless every record was acknowledged."""
        if self.missing or self.error is not None:
            detail = "Kafka did not acknowledge every record."
            raise BrokerUnavailable(detail)

    def take(self, error: KafkaError | None, delivery: Delivery) -> None:
        del delivery
        self.missing -= 1
        if error is not None:
            self.error = error
            _log.warning("KAFKA a record was not delivered", extra={"reason": error.name()})
