"""What is sent: repetitions, contradictions, rubbish, records that were taken back; one consumer lives through it."""

from collections import Counter
from collections.abc import Iterator

import pytest
from redis import Redis

from tests.services import KafkaBroker, RedisServer

from . import topics
from .generator import PURE, Generator, Mix, Sending, record, rubbish
from .http import post_events, status_of
from .oracle import Expected
from .topics import DEAD_LETTERS, Sender
from .world import World

POISON = 10_000


@pytest.fixture(scope="module")
def world(redis_server: RedisServer, kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return one world for the module, with a process of the service that does everything."""
    kafka.clear()
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    world = World(redis_server, kafka, tmp_path_factory.mktemp("content"))
    try:
        world.create_topics()
        world.start("all")
        yield world
    finally:
        world.close()


def _verified(world: World) -> Expected:
    """Ask the oracle, and whether the consumer has counted what became of every record, over all that was sent."""
    world.drain()
    expected = world.verify()
    counted = world.nodes[0].metric("mastery_engine_events_total")
    assert {status: int(number) for status, number in counted.items() if status != "queued" and number} == dict(
        expected.statuses
    )
    return expected


def _reasons(world: World) -> Counter[str]:
    letters = topics.read_topic(world.kafka.bootstrap, DEAD_LETTERS)
    return Counter(dict(letter.headers)["dlq-reason"].decode() for letter in letters)


def test_what_can_never_be_applied_is_in_the_dead_letters_once_byte_for_byte(world: World) -> None:
    before = _reasons(world)
    sent = rubbish("rubbish-1")
    world.send([*sent, record(Generator("rubbish").event())])
    _verified(world)
    assert _reasons(world) - before == Counter(invalid=len(sent))


def test_an_id_that_comes_back_with_other_content_is_a_conflict_and_the_first_wins(world: World) -> None:
    before = _reasons(world)
    generator = Generator("conflict", students=3)
    events = [generator.event() for _ in range(30)]
    world.send(map(record, events))
    world.drain()
    late = [record(event | {"topic": "another"}) for event in events]
    within_a_batch = [record(one | {"topic": topic}) for one in [generator.event()] for topic in ("a", "b", "a", "c")]
    world.send([*late, *within_a_batch])
    expected = _verified(world)
    assert _reasons(world) - before == Counter(conflict=32)
    assert expected.statuses["conflict"] >= 32


def test_who_asks_after_an_event_is_told_what_became_of_it(world: World) -> None:
    (node,) = world.nodes
    generator = Generator("asked", students=1)
    old = generator.event(timestamp="2020-01-01T00:00:00Z")
    first, other = generator.event(), generator.event()
    post_events(node.url, [first, other, first | {"topic": "another"}])
    world.send([record(old)])
    world.drain()
    assert [status_of(node.url, one) for one in (other, first, old)] == ["applied", "conflict", "expired"]
    _verified(world)


def test_an_event_that_comes_by_every_way_is_counted_once(world: World) -> None:
    generator = Generator("everywhere", students=5)
    events = [generator.event() for _ in range(40)]
    (node,) = world.nodes
    assert set(post_events(node.url, events + events)) == {"queued"}
    world.send(record(event) for _ in range(3) for event in events)
    # Under another key, as after a change of the number of partitions.
    world.send(record(event, partition=number) for number in range(3) for event in events)
    world.drain()
    post_events(node.url, events)
    expected = _verified(world)
    assert sum(len(expected.counted[f"everywhere-{number}"]) for number in range(5)) == len(events)


def test_records_that_a_transaction_took_back_are_never_counted(world: World) -> None:
    generator = Generator("transaction", students=9)
    sender = Sender(world.kafka.bootstrap, **{"transactional.id": "transaction"})
    sender.producer.init_transactions(30)
    for number in range(6):
        sender.producer.begin_transaction()
        sender.send(generator.records(50, PURE))
        sender.producer.flush(30)
        if number % 2:
            sender.producer.commit_transaction(30)
        else:
            sender.producer.abort_transaction(30)
    # A transaction ends with a record that nobody reads; something has to follow for all to be read to the end.
    world.send(record(generator.event(), partition=number) for number in range(3))
    expected = _verified(world)
    assert sum(len(expected.counted[f"transaction-{number}"]) for number in range(9)) == 153
    assert not world.nodes[0].metric("mastery_engine_kafka_lost_records_total").get("", 0)


def test_a_storm_of_rubbish_leaves_the_good_ones_unharmed(world: World) -> None:
    before = _reasons(world)
    bad = [Sending(b"storm-1", b"{%d" % number) for number in range(POISON)]
    mixed = Generator("storm", students=20).records(1000, PURE)
    world.send([*bad, *(one for pair in zip(mixed, bad[:1000], strict=True) for one in pair)])
    _verified(world)
    assert _reasons(world) - before == Counter(invalid=POISON + 1000)


def test_a_mix_of_everything_comes_out_right(world: World) -> None:
    world.send(Generator("mix", students=40).records(3000, Mix(200, 100, 50, 30)))
    _verified(world)
