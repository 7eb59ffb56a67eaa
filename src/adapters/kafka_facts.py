"""What Kafka tells of the service's topics, its group and its dead letters; nothing is written or committed."""

from collections import Counter
from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it is exported, but not in its stubs
    AclOperation,
    AdminClient,
    ConfigResource,
    TopicDescription,
)

from ..diagnosis import KafkaFacts, TopicFacts, WantedTopic
from ..errors import BrokerUnavailable
from ..ports import Topic
from .kafka_dead_letters import KafkaDeadLetters
from .kafka_topics import GROUP, PARTITIONS, QUIET, RETENTION_MS, KafkaLag

WANTED = tuple(
    WantedTopic(str(topic), number, None if topic == Topic.ERASURES else RETENTION_MS)
    for topic, number in PARTITIONS.items()
)
NEWEST = 1000
"""Of so many dead letters the reasons are counted."""
_NEEDED = {
    Topic.EVENTS: (AclOperation.READ, AclOperation.WRITE),
    Topic.DEAD_LETTERS: (AclOperation.READ, AclOperation.WRITE),
    Topic.RESULTS: (AclOperation.WRITE,),
    Topic.ERASURES: (AclOperation.READ, AclOperation.WRITE),
}
_NO_GROUP = (KafkaError.GROUP_ID_NOT_FOUND, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR)
"""As a broker says it of a group that never was, and while there is nobody yet who would know of any."""
_TIMEOUT_S = 5.0


async def kafka_facts(settings: Mapping[str, str | int]) -> KafkaFacts:
    """Return what Kafka tells; raises ``BrokerUnavailable``."""
    admin = AdminClient({**settings, **QUIET})
    try:
        known = admin.list_topics(timeout=_TIMEOUT_S).topics
        there = [topic.name for topic in WANTED if topic.name in known]
        facts = KafkaFacts(
            topics=_topics(admin, there),
            members=_members(admin),
            lag=_lag(settings) if Topic.EVENTS in there else {},
            dead_letters=await _dead_letters(settings) if Topic.DEAD_LETTERS in there else {},
        )
    except KafkaException as error:
        detail = f"Kafka does not answer ({error.args[0].name()})."
        raise BrokerUnavailable(detail) from error
    return facts


def _topics(admin: AdminClient, names: list[str]) -> dict[str, TopicFacts]:
    if not names:
        return {}
    described = admin.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=_TIMEOUT_S
    )
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    settings = admin.describe_configs(resources, request_timeout=_TIMEOUT_S)
    return {
        resource.name: _topic(described[resource.name].result(), configuration.result())
        for resource, configuration in settings.items()
    }


def _topic(described: TopicDescription, configuration: Mapping[str, object]) -> TopicFacts:
    told = {name: str(getattr(configuration[name], "value", "")) for name in ("retention.ms", "cleanup.policy")}
    denied = {one for one in _NEEDED[Topic(described.name)] if one not in described.authorized_operations}
    return TopicFacts(
        partitions=len(described.partitions),
        kept_ms=int(told["retention.ms"]),
        compacted="compact" in told["cleanup.policy"],
        denied=frozenset(one.name for one in denied),
    )


def _members(admin: AdminClient) -> int:
    try:
        described = admin.describe_consumer_groups([GROUP], request_timeout=_TIMEOUT_S)[GROUP].result()
    except KafkaException as error:
        if error.args[0].code() in _NO_GROUP:
            return 0
        raise
    return len(described.members)


def _lag(settings: Mapping[str, str | int]) -> dict[int, int]:
    lag = KafkaLag(settings)
    try:
        return lag.measure()
    finally:
        lag.close()


async def _dead_letters(settings: Mapping[str, str | int]) -> Counter[str]:
    page = await KafkaDeadLetters(settings).newest({}, limit=NEWEST, reason=None)
    return Counter(letter.reason or "unknown" for letter in page.letters)
