"""Kafka as the tests see it: sending, reading a whole topic back, and how far the group has come."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka import Message as Delivery
from confluent_kafka.admin import AdminClient

from src.adapters.kafka_topics import GROUP

from .generator import Sending

EVENTS, DEAD_LETTERS, RESULTS = "mastery.events", "mastery.dlq", "mastery.results"
ERASURES = "mastery.erasures"
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as Kafka has it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int


class Sender:
    """Sends records and counts what Kafka has acknowledged."""

    def __init__(self, bootstrap: str, **settings: str | int) -> None:
        self.acknowledged = 0
        self.refused: list[KafkaError] = []
        usual: dict[str, str | int] = {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": 5,
            "message.max.bytes": 2_097_152,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
        self.producer = Producer(usual | settings)

    def send(self, records: Iterable[Sending], *, topic: str = EVENTS) -> None:
        """Hand records over to be sent."""
        for record in records:
            while True:
                try:
                    self.producer.produce(
                        topic,
                        record.value,
                        record.key,
                        headers=list(record.headers),
                        on_delivery=self._delivered,
                        partition=-1 if record.partition is None else record.partition,
                    )
                except BufferError:
                    self.producer.poll(0.1)
                else:
                    break
            self.producer.poll(0)

    def settle(self) -> None:
        """Wait until Kafka has acknowledged everything; raises where it has refused something."""
        left = self.producer.flush(120)
        assert not left, f"{left} records were not sent"
        assert not self.refused, self.refused

    def _delivered(self, error: KafkaError | None, delivery: Delivery) -> None:
        del delivery
        if error is None:
            self.acknowledged += 1
        else:
            self.refused.append(error)


def send(bootstrap: str, records: Iterable[Sending]) -> None:
    """Send records and wait for the acknowledgement of each."""
    sender = Sender(bootstrap)
    sender.send(records)
    sender.settle()


def read_topic(bootstrap: str, topic: str) -> list[Stored]:
    """Return a topic from its beginning to its end, in the order of partition and offset."""
    return sorted(stream_topic(bootstrap, topic), key=lambda record: (record.partition, record.offset))


def stream_topic(bootstrap: str, topic: str) -> Iterator[Stored]:
    """Read a topic from its beginning to its end, the records of each partition in their order."""
    consumer = _consumer(bootstrap, {"enable.partition.eof": True, "auto.offset.reset": "earliest"})
    try:
        left = set(consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in left])
        while left:
            for message in consumer.consume(1000, 0.2):
                error = message.error()
                if error is None:
                    yield _stored(message)
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # the name that the library gives it
                    left.discard(message.partition() or 0)
    finally:
        consumer.close()


def ends(bootstrap: str) -> dict[int, int]:
    """Return the end of the log of events by partition."""
    consumer = _consumer(bootstrap)
    try:
        numbers = consumer.list_topics(EVENTS, timeout=TIMEOUT_S).topics[EVENTS].partitions
        places = {number: TopicPartition(EVENTS, number) for number in numbers}
        return {number: consumer.get_watermark_offsets(place, TIMEOUT_S)[1] for number, place in places.items()}
    finally:
        consumer.close()


def committed(bootstrap: str) -> dict[int, int]:
    """Return the committed offset of the group by partition, 0 where there is none."""
    consumer = _consumer(bootstrap)
    try:
        numbers = consumer.list_topics(EVENTS, timeout=TIMEOUT_S).topics[EVENTS].partitions
        places = consumer.committed([TopicPartition(EVENTS, number) for number in numbers], timeout=TIMEOUT_S)
        return {place.partition: max(0, place.offset) for place in places}
    finally:
        consumer.close()


def commit(bootstrap: str, offsets: dict[int, int]) -> None:
    """Set the group's offsets, as an operator does while the group has no member."""
    consumer = _consumer(bootstrap)
    try:
        places = [TopicPartition(EVENTS, number, offset) for number, offset in offsets.items()]
        consumer.commit(offsets=places, asynchronous=False)
    finally:
        consumer.close()


def delete_records(bootstrap: str, before: dict[int, int]) -> None:
    """Delete what lies before an offset of each partition, as retention does."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    places = [TopicPartition(EVENTS, number, offset) for number, offset in before.items()]
    for deleted in admin.delete_records(places).values():
        deleted.result()


def _consumer(bootstrap: str, settings: dict[str, str | bool] | None = None) -> Consumer:
    usual: dict[str, str | bool | int] = {
        "bootstrap.servers": bootstrap,
        "group.id": GROUP,
        "enable.auto.commit": False,
        "reconnect.backoff.max.ms": 500,
        "log_level": 0,
    }
    return Consumer(usual | (settings or {}))


def _stored(message: Delivery) -> Stored:
    key, value = message.key(), message.value()
    headers = tuple((str(header[0]), _raw(header[1]) or b"") for header in message.headers() or [])
    return Stored(
        message.partition() or 0, message.offset() or 0, _raw(key), _raw(value), headers, message.timestamp()[1]
    )


def _raw(content: str | bytes | None) -> bytes | None:
    return content.encode() if isinstance(content, str) else content
