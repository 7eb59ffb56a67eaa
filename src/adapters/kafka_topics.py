"""The topics of the service, and how far its group has read them."""

import asyncio
import time
from collections.abc import Mapping

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]  # it is exported, but not in its stubs
from confluent_kafka.cimpl import NewTopic

from ..errors import BrokerUnavailable
from ..ports import Stream, Topic

GROUP = "mastery-engine-group"
PARTITIONS: dict[str, int] = {Topic.EVENTS: 3, Topic.DEAD_LETTERS: 1, Topic.RESULTS: 3, Topic.ERASURES: 1}
RETENTION_MS = 7 * 86_400_000
MAX_DEAD_LETTER_BYTES = 2_097_152
REPLICAS = 3
QUIET: dict[str, str | int] = {"log_level": 0}
"""For clients that only ask: they would print their own log, and what is wrong their answers say."""

_TIMEOUT_S = 3.0
_PAUSE_S = 0.05


class KafkaTopics:
    """Finds the topics, and makes those that are missing where it may."""

    def __init__(self, settings: Mapping[str, str | int], *, may_create: bool) -> None:
        self._admin = AdminClient({**settings, **QUIET})
        self._may_create = may_create

    def ensure(self) -> Stream:
        """Return the stream of events; raises ``BrokerUnavailable``, which says what is missing."""
        try:
            found = self._admin.list_topics(timeout=_TIMEOUT_S)
            missing = [topic for topic in PARTITIONS if topic not in found.topics]
            if missing:
                self._create(missing, min(REPLICAS, len(found.brokers)))
            return Stream(str(found.cluster_id), self._ids()[Topic.EVENTS])
        except KafkaException as error:
            raise _away(error) from error

    def ping(self) -> None:
        """Return when a broker answers and the topics are there; raises ``BrokerUnavailable``."""
        try:
            found = self._admin.list_topics(timeout=_TIMEOUT_S / 2)
        except KafkaException as error:
            raise _away(error) from error
        missing = [topic for topic in PARTITIONS if topic not in found.topics]
        if missing:
            raise _missing(missing)

    async def longest_ms(self) -> int | None:
        """Return the longest time that a topic with personal data keeps a record, None where that is for ever."""
        kept = await asyncio.to_thread(self._kept_ms)
        return None if min(kept) < 0 else max(kept)

    def _kept_ms(self) -> list[int]:
        topics = [
            ConfigResource(ConfigResource.Type.TOPIC, str(topic)) for topic in PARTITIONS if topic != Topic.ERASURES
        ]
        try:
            described = self._admin.describe_configs(topics, request_timeout=_TIMEOUT_S)
            return [int(found.result()["retention.ms"].value) for found in described.values()]
        except KafkaException as error:
            raise _away(error) from error

    def _ids(self) -> dict[str, str]:
        """Return the id of each topic; one that was made a moment ago is not known to every broker yet."""
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            described = self._admin.describe_topics(TopicCollection(list(PARTITIONS)), request_timeout=_TIMEOUT_S)
            try:
                return {topic: str(found.result().topic_id) for topic, found in described.items()}
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE_S)

    def _create(self, missing: list[str], replicas: int) -> None:
        if not self._may_create:
            raise _missing(missing)
        topics = [NewTopic(topic, PARTITIONS[topic], replicas, config=_configuration(topic)) for topic in missing]
        for made in self._admin.create_topics(topics, request_timeout=_TIMEOUT_S).values():
            try:
                made.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another replica was faster
                    raise


def _configuration(topic: str) -> dict[str, str]:
    if topic == Topic.ERASURES:
        return {"cleanup.policy": "compact"}  # who was erased is not forgotten
    room = {"max.message.bytes": str(MAX_DEAD_LETTER_BYTES)} if topic == Topic.DEAD_LETTERS else {}
    return {"retention.ms": str(RETENTION_MS)} | room


class KafkaLag:
    """How many records of each partition the group has not committed, seen from outside the group."""

    def __init__(self, settings: Mapping[str, str | int]) -> None:
        # Never subscribed, so never a member: it only asks.
        self._consumer = Consumer({**settings, **QUIET, "group.id": GROUP, "enable.auto.commit": False})

    def measure(self) -> dict[int, int]:
        """Return the lag of each partition; raises ``BrokerUnavailable``."""
        try:
            topics = self._consumer.list_topics(Topic.EVENTS, timeout=_TIMEOUT_S).topics
            places = [TopicPartition(Topic.EVENTS, number) for number in topics[Topic.EVENTS].partitions]
            lag = {}
            for place in self._consumer.committed(places, timeout=_TIMEOUT_S):
                first, end = self._consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
                lag[place.partition] = end - max(first, place.offset)
        except KafkaException as error:
            raise _away(error) from error
        return lag

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()


def _away(error: KafkaException) -> BrokerUnavailable:
    return BrokerUnavailable(f"Kafka does not answer ({error.args[0].name()}).")


def _missing(topics: list[str]) -> BrokerUnavailable:
    return BrokerUnavailable(f"Kafka has no topic {' and no topic '.join(topics)}: create it with kafka-topics.sh.")
