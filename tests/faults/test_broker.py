"""Kafka dies, is absent, lacks topics, loses records, is told to begin anew: nothing is lost silently."""

import random

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions
from redis import Redis

from . import topics
from .generator import Generator, Mix, Sending, record
from .topics import DEAD_LETTERS, ERASURES, EVENTS, RESULTS
from .world import World


def test_kafka_killed_under_load_and_started_again_costs_nothing(world: World) -> None:
    world.create_topics()
    consumer, everything = world.start(), world.start("all")
    world.send(Generator("kafka-1", students=60).records(4000))
    world.wait_applied(0)
    world.kafka.kill()
    for node in (consumer, everything):
        world.eventually(lambda node=node: node.ask("/health")[0] == 503)  # type: ignore[misc]  # bound per node
        assert node.ask("/health")[1]["checks"]["kafka"]["status"] == "unavailable"
    assert consumer.ask("/ready")[0] == 503
    assert everything.ask("/ready")[0] == 200
    world.kafka.start()
    world.send(Generator("kafka-2", students=100).records(500))
    world.drain()
    world.verify()
    assert consumer.running
    assert everything.running


def test_a_service_that_was_there_first_waits_for_redis_and_kafka(world: World) -> None:
    world.kafka.kill()
    world.redis.kill()
    node = world.start(working=False)
    assert node.ask("/live")[0] == 200
    _, content = node.ask("/ready")
    away = {name for name, check in content["checks"].items() if check["status"] == "unavailable"}
    assert {"store", "kafka"} <= away
    world.kafka.start()
    world.redis.start()
    world.eventually(lambda: node.ask("/ready")[0] == 200)
    world.send(Generator("first").records(100))
    world.drain()
    world.verify()


def test_a_missing_topic_is_told_and_waited_for(world: World) -> None:
    node = world.start(working=False, KAFKA_CREATE_TOPICS="false")
    world.eventually(lambda: EVENTS in node.ask("/ready")[1].get("checks", {}).get("kafka", {}).get("detail", ""))
    world.kafka.create_topic(EVENTS, partitions=3)
    world.kafka.create_topic(RESULTS, partitions=3)
    world.send(Generator("topics").records(300, Mix(invalid=100)))
    world.eventually(lambda: f"no topic {DEAD_LETTERS}" in node.ask("/ready")[1]["checks"]["kafka"]["detail"])
    assert not any(topics.committed(world.kafka.bootstrap).values())
    world.kafka.create_topic(DEAD_LETTERS)
    world.eventually(lambda: f"no topic {ERASURES}" in node.ask("/ready")[1]["checks"]["kafka"]["detail"])
    world.kafka.create_topic(ERASURES)
    world.drain()
    world.verify()


def test_records_that_were_gone_before_they_were_read_are_told_of(world: World) -> None:
    world.create_topics()
    first = world.start()
    world.send(Generator("gone-1", students=20).records(600))
    world.drain()
    assert first.stop() == 0
    before = world.ends()
    kept = topics.read_topic(world.kafka.bootstrap, EVENTS)
    world.send(Generator("gone-2", students=20).records(900))
    topics.delete_records(world.kafka.bootstrap, {number: end + 50 for number, end in before.items()})
    second = world.start()
    world.drain()
    assert second.metric("mastery_engine_kafka_lost_records_total") == {"": 150}
    assert "KAFKA records are gone before they were read" in second.log
    world.verify(log=[*kept, *topics.read_topic(world.kafka.bootstrap, EVENTS)])


def test_a_group_that_is_set_back_counts_and_tells_nothing_twice(world: World) -> None:
    world.create_topics()
    first = world.start()
    world.send(Generator("back", students=30).records(1500, Mix(conflicts=50, invalid=50)))
    world.drain()
    expected = world.verify()
    results = len(topics.read_topic(world.kafka.bootstrap, RESULTS))
    letters = len(topics.read_topic(world.kafka.bootstrap, DEAD_LETTERS))
    assert first.stop() == 0
    # Older than the memory of contents too: the ids counted live as long as what they counted for.
    with Redis.from_url(world.redis.url) as client:
        client.delete(*client.scan_iter("student:*:event:*", count=1000))
    topics.commit(world.kafka.bootstrap, dict.fromkeys(world.ends(), 0))
    second = world.start()
    world.drain()
    world.verify()
    became = second.metric("mastery_engine_events_total")
    assert became.get("applied", 0) == 0
    assert sum(became.values()) == sum(expected.statuses.values())
    assert len(topics.read_topic(world.kafka.bootstrap, RESULTS)) == results
    assert len(topics.read_topic(world.kafka.bootstrap, DEAD_LETTERS)) == letters


def test_a_dead_letter_that_kafka_refuses_stops_its_partition_and_no_other(world: World) -> None:
    world.create_topics()
    _limit_dead_letters(world, 4000)
    node = world.start()
    world.send([Sending(b"large", _incompressible(9000), partition=1)])
    node.wait_for("was not delivered")
    good = Generator("good", students=5)
    world.send(record(good.event(), partition=number) for number in (0, 2) for _ in range(20))
    world.eventually(
        lambda: {n: at for n, at in topics.committed(world.kafka.bootstrap).items() if at} == {0: 20, 2: 20}
    )
    _limit_dead_letters(world, 2_097_152)
    world.drain()
    world.verify()


def test_a_record_of_the_largest_size_fits_into_the_dead_letters(world: World) -> None:
    world.start("all")
    world.send([Sending(b"huge", _incompressible(1_048_300), (("h", b"y" * 60),))])
    world.drain()
    expected = world.verify()
    assert len(expected.dead) == 1


@pytest.mark.long
def test_partitions_that_are_added_while_it_runs_are_read_too(world: World) -> None:
    world.create_topics()
    world.start()
    generator = Generator("more", students=40)
    before = list(generator.records(500, Mix(conflicts=0)))
    world.send(before)
    admin = AdminClient({"bootstrap.servers": world.kafka.bootstrap})
    admin.create_partitions([NewPartitions(EVENTS, 6)])[EVENTS].result()
    world.eventually(lambda: len(world.ends()) == 6)
    world.send([*before, *generator.records(500, Mix(conflicts=0))])
    world.drain()
    assert all(world.ends().values())
    world.verify()


def _incompressible(size: int) -> bytes:
    return random.Random(0).randbytes(size)


def _limit_dead_letters(world: World, size: int) -> None:
    topic = ("--entity-type", "topics", "--entity-name", DEAD_LETTERS)
    done = world.kafka.run_tool("kafka-configs.sh", "--alter", *topic, "--add-config", f"max.message.bytes={size}")
    assert done.returncode == 0, done.stderr
