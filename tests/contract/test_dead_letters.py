"""Where dead letters are read, and where it is remembered what was done with them: the real ones and their fakes."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

import pytest
from confluent_kafka import Producer
from redis import Redis

from src.adapters.kafka_dead_letters import CHUNK, KafkaDeadLetters
from src.adapters.redis_client import Client, cluster_client, redis_client
from src.adapters.redis_dead_letters import RedisDeadLetterIndex
from src.domain.events import EventStatus
from src.errors import BrokerUnavailable, StoreUnavailable
from src.ports import DeadLetterIndex, DeadLetterLog, DeadLetterRecord, Handled, Handling
from tests.dead_letters import BURIED_MS, MemoryDeadLetterIndex, MemoryDeadLetters, letter
from tests.making import PSEUDONYM
from tests.redis_user import engine_client
from tests.services import KafkaBroker, RedisServer
from tests.services.fixtures import Running

TOPIC = "mastery.dlq"
WITHIN_S = 30
Filled: TypeAlias = Callable[[Sequence[DeadLetterRecord]], DeadLetterLog]


def settings(bootstrap: str) -> dict[str, str | int]:
    return {"bootstrap.servers": bootstrap, "log_level": 0}


def fill(broker: KafkaBroker, records: Sequence[DeadLetterRecord]) -> None:
    """Produce the records, whose times tell partitions apart; the offsets are those that Kafka gives."""
    partitions = 1 + max((record.letter.partition for record in records), default=0)
    # The time of the tests is long past: what is kept for a week would be gone at once.
    broker.create_topic(TOPIC, partitions=partitions, settings={"retention.ms": "-1"})
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for record in records:
        producer.produce(
            TOPIC,
            record.value,
            record.key,
            partition=record.letter.partition,
            timestamp=record.letter.timestamp_ms,
            headers=list(record.headers),
        )
        producer.poll(0)
    assert producer.flush(WITHIN_S) == 0


@pytest.fixture(params=["memory", "kafka"])
def filled(request: pytest.FixtureRequest) -> Filled:
    if request.param == "memory":
        return MemoryDeadLetters
    broker: KafkaBroker = request.getfixturevalue("kafka")
    request.getfixturevalue("kafka_bootstrap")

    def log(records: Sequence[DeadLetterRecord]) -> DeadLetterLog:
        fill(broker, records)
        return KafkaDeadLetters(settings(broker.bootstrap))

    return log


async def pages(log: DeadLetterLog, *, limit: int, reason: str | None = None) -> list[list[str]]:
    found = []
    before: Mapping[int, int] | None = {}
    while before is not None:
        page = await log.newest(before, limit=limit, reason=reason)
        found.append([one.letter_id for one in page.letters])
        before = page.next
    return found


def flat(found: list[list[str]]) -> list[str]:
    return [letter_id for page in found for letter_id in page]


async def test_the_newest_come_first_page_by_page(filled: Filled) -> None:
    log = filled([letter(offset) for offset in range(5)])
    assert await pages(log, limit=2) == [["0-4", "0-3"], ["0-2", "0-1"], ["0-0"]]
    assert flat(await pages(log, limit=5)) == ["0-4", "0-3", "0-2", "0-1", "0-0"]


async def test_what_is_told_and_found_is_what_was_buried(filled: Filled) -> None:
    records = [letter(0), letter(1, value=b"\xff\x00", code="conflict"), letter(2, value=None)]
    log = filled(records)
    page = await log.newest({}, limit=10, reason=None)
    assert list(page.letters) == [record.letter for record in reversed(records)]
    assert [await log.find(0, offset) for offset in range(3)] == records


async def test_one_that_is_not_there_is_none(filled: Filled) -> None:
    log = filled([letter()])
    assert [await log.find(*place) for place in ((0, 1), (1, 0), (0, 10**17), (10**8, 0))] == [None] * 4


async def test_a_topic_without_dead_letters_is_an_empty_page(filled: Filled) -> None:
    log = filled([])
    page = await log.newest({}, limit=10, reason=None)
    assert (page.letters, page.next) == ((), None)
    assert await log.find(0, 0) is None


async def test_one_reason_can_be_asked_for(filled: Filled) -> None:
    log = filled([letter(offset, code="conflict" if offset % 3 else "invalid") for offset in range(9)])
    assert flat(await pages(log, limit=2, reason="invalid")) == ["0-6", "0-3", "0-0"]
    assert flat(await pages(log, limit=2, reason="else")) == []


async def test_partitions_are_merged_by_time(filled: Filled) -> None:
    records = [
        letter(offset, partition=partition, timestamp_ms=BURIED_MS + 3 * offset + partition)
        for offset in range(3)
        for partition in range(3)
    ]
    expected = ["2-2", "1-2", "0-2", "2-1", "1-1", "0-1", "2-0", "1-0", "0-0"]
    log = filled(records)
    for limit in (1, 2, 4, 9):
        assert flat(await pages(log, limit=limit)) == expected


async def test_a_place_beyond_the_end_is_the_end(filled: Filled) -> None:
    log = filled([letter(0), letter(1)])
    page = await log.newest({0: 10**15, 7: 3}, limit=10, reason=None)
    assert [one.letter_id for one in page.letters] == ["0-1", "0-0"]


# -- what only the real log has


async def test_more_than_is_read_at_once_is_walked_back_without_a_gap(kafka: KafkaBroker, kafka_bootstrap: str) -> None:
    number = 2 * CHUNK + 7
    fill(kafka, [letter(offset) for offset in range(number)])
    found = flat(await pages(KafkaDeadLetters(settings(kafka_bootstrap)), limit=300))
    assert found == [f"0-{offset}" for offset in reversed(range(number))]


async def test_a_page_looks_at_a_bounded_number_of_records(kafka: KafkaBroker, kafka_bootstrap: str) -> None:
    fill(kafka, [letter(offset) for offset in range(30)])
    log = KafkaDeadLetters(settings(kafka_bootstrap), looks_at=10)
    page = await log.newest({}, limit=5, reason="conflict")
    assert (page.letters, page.next) == ((), {0: 20})
    assert len(await pages(log, limit=5, reason="conflict")) == 3


async def test_offsets_without_a_record_are_passed_over(kafka: KafkaBroker, kafka_bootstrap: str) -> None:
    kafka.create_topic(TOPIC, settings={"retention.ms": "-1"})
    producer = Producer({"bootstrap.servers": kafka_bootstrap, "transactional.id": "gaps"})
    producer.init_transactions(WITHIN_S)
    for _ in range(2):  # the end of a transaction takes an offset
        producer.begin_transaction()
        producer.produce(TOPIC, b"{")
        producer.commit_transaction(WITHIN_S)
    log = KafkaDeadLetters(settings(kafka_bootstrap))
    assert flat(await pages(log, limit=1)) == ["0-2", "0-0"]
    assert await log.find(0, 1) is None
    assert await log.find(0, 3) is None


async def test_reading_leaves_no_trace_in_kafka(kafka: KafkaBroker, kafka_bootstrap: str) -> None:
    fill(kafka, [letter()])
    await pages(KafkaDeadLetters(settings(kafka_bootstrap)), limit=1)
    assert kafka.run_tool("kafka-consumer-groups.sh", "--list").stdout.strip() == ""


async def test_a_missing_topic_is_told_and_not_made(kafka: KafkaBroker, kafka_bootstrap: str) -> None:
    with pytest.raises(BrokerUnavailable):
        await KafkaDeadLetters(settings(kafka_bootstrap)).newest({}, limit=1, reason=None)
    assert TOPIC not in kafka.run_tool("kafka-topics.sh", "--list").stdout


async def test_a_kafka_that_is_away_is_told_within_seconds() -> None:
    log = KafkaDeadLetters(settings("127.0.0.1:1"))
    with pytest.raises(BrokerUnavailable):
        await log.newest({}, limit=1, reason=None)
    with pytest.raises(BrokerUnavailable):
        await log.find(0, 0)


# -- the index

REPLAYED = Handled(Handling.REPLAYED, 7, "ada", event_id="e-1", status=EventStatus.QUEUED, corrected=True)
DISCARDED = Handled(Handling.DISCARDED, 8, "bob", reason="a test, é")


@pytest.fixture(params=["memory", "redis", "cluster"])
async def index(request: pytest.FixtureRequest) -> AsyncIterator[DeadLetterIndex]:
    if request.param == "memory":
        yield MemoryDeadLetterIndex()
        return
    client: Client
    if request.param == "redis":
        client = engine_client(request.getfixturevalue("redis_url"))
    else:
        client = cluster_client(request.getfixturevalue("redis_cluster_url"))
    yield RedisDeadLetterIndex(client, lifetime=timedelta(days=7), pseudonym=PSEUDONYM)
    await client.aclose()


async def test_what_was_done_is_remembered_as_it_was(index: DeadLetterIndex) -> None:
    letters = [letter(offset).letter for offset in range(3)]
    assert await index.remember(letters[0], REPLAYED) == REPLAYED
    assert await index.remember(letters[2], DISCARDED) == DISCARDED
    assert await index.handled(letters) == [REPLAYED, None, DISCARDED]
    assert await index.handled([]) == []


async def test_what_was_done_first_stays(index: DeadLetterIndex) -> None:
    await index.remember(letter().letter, REPLAYED)
    assert await index.remember(letter().letter, DISCARDED) == REPLAYED
    assert await index.handled([letter().letter]) == [REPLAYED]


async def test_what_was_done_with_those_of_a_student_can_be_forgotten(index: DeadLetterIndex) -> None:
    theirs, others = letter(0).letter, replace(letter(1).letter, students=frozenset({"student-2"}))
    await index.remember(theirs, REPLAYED)
    await index.remember(others, DISCARDED)
    assert await index.kept("student-1") == await index.forget("student-1") == 1
    assert await index.kept("student-1") == await index.forget("student-1") == 0
    assert await index.handled([theirs, others]) == [None, DISCARDED]


async def test_another_record_at_the_same_place_was_not_handled(index: DeadLetterIndex) -> None:
    await index.remember(letter().letter, REPLAYED)
    assert await index.handled([letter(timestamp_ms=BURIED_MS + 1).letter]) == [None]


async def test_an_entry_is_kept_for_a_week(redis_url: str) -> None:
    client = redis_client(redis_url)
    entries = RedisDeadLetterIndex(client, lifetime=timedelta(days=7), pseudonym=PSEUDONYM)
    await entries.remember(letter().letter, REPLAYED)
    await client.aclose()
    with Redis.from_url(redis_url, decode_responses=True) as looking:
        keys = list(looking.scan_iter())
        assert set(keys) == {f"dead-letter:0:0:{BURIED_MS}", f"dead-letters-of:{PSEUDONYM('student-1')}"}
        assert all(7 * 86_400 - 60 < looking.ttl(key) <= 7 * 86_400 for key in keys)


async def test_a_redis_that_is_away_is_told(running: Running) -> None:
    server = running(RedisServer())
    client = redis_client(server.url)
    away = RedisDeadLetterIndex(client, lifetime=timedelta(days=7), pseudonym=PSEUDONYM)
    server.kill()
    with pytest.raises(StoreUnavailable):
        await away.handled([letter().letter])
    with pytest.raises(StoreUnavailable):
        await away.remember(letter().letter, REPLAYED)
    await client.aclose()
