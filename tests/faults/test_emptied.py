"""Redis has lost everything: what the log still holds is read again, and what it does not is never made up."""

import pytest
from redis import Redis

from . import topics
from .generator import Generator, record
from .node import Node
from .oracle import fold
from .world import World


def test_an_emptied_redis_is_filled_again_from_the_log(world: World) -> None:
    world.create_topics()
    world.start()
    world.send(Generator("empty-1", students=60).records(3000))
    world.drain()
    _empty(world)
    world.send(record(Generator("empty-2").event(), partition=0) for _ in range(2))
    world.eventually(world.caught_up)
    world.drain()
    world.verify()


def test_an_emptied_redis_is_noticed_when_nothing_comes(world: World) -> None:
    world.create_topics()
    for _ in range(2):
        world.start()
    world.send(Generator("idle", students=60).records(2000))
    world.drain()
    _empty(world)
    world.eventually(world.caught_up, 30)
    world.verify()


@pytest.mark.parametrize("stopped", [True, False], ids=["while nobody reads", "while it is read"])
def test_nothing_is_added_to_an_emptied_redis_that_the_log_cannot_fill_again(world: World, *, stopped: bool) -> None:
    world.create_topics()
    node = world.start()
    world.send(Generator("short", students=60).records(1000))
    world.drain()
    if stopped:
        assert node.stop() == 0
    cut = {number: end // 2 for number, end in world.ends().items()}
    before = topics.committed(world.kafka.bootstrap)
    topics.delete_records(world.kafka.bootstrap, cut)
    _empty(world)
    node = world.start(working=False) if stopped else node
    _refuses(world, node, "0, 1, 2")
    world.send(Generator("later", students=20).records(200))
    assert node.metric("mastery_engine_kafka_refused") == {"0": 1, "1": 1, "2": 1}
    assert world.dump() == b"[]\n"
    assert topics.committed(world.kafka.bootstrap) == before
    assert node.stop() == 0
    # An operator may say that what is left is to be counted; once it is, that need not be said again.
    accepting = world.start(KAFKA_ACCEPT_GAP="true")
    world.drain()
    assert accepting.metric("mastery_engine_kafka_lost_records_total") == {"": sum(cut.values())}
    assert world.dump() == _of_the_log(world)
    assert accepting.stop() == 0
    world.start()
    world.send(Generator("last", students=20).records(50))
    world.drain()
    assert world.dump() == _of_the_log(world)


def test_only_the_partition_that_cannot_be_filled_again_is_refused(world: World) -> None:
    world.create_topics()
    node = world.start()
    world.send(Generator("one", students=60).records(600))
    world.drain()
    before = world.ends()
    topics.delete_records(world.kafka.bootstrap, {1: before[1] // 2})
    _empty(world)
    _refuses(world, node, "1")
    world.eventually(lambda: world.offsets() == {number: (before[number],) * 2 for number in (0, 2)})
    assert world.dump() == _of_the_log(world, 0, 2)


def test_a_partition_whose_log_began_before_the_service_is_read_however_quiet_it_is(world: World) -> None:
    world.create_topics()
    world.send(Generator("early", students=60).records(300))
    topics.delete_records(world.kafka.bootstrap, world.ends())
    first = world.start()
    world.send([record(Generator("first").event(), partition=0)])
    world.drain()
    assert first.stop() == 0
    second = world.start()
    assert second.metric("mastery_engine_kafka_lost_records_total") == {"": 0}
    world.send(Generator("second", students=20).records(100))
    world.drain()
    world.verify()


def _empty(world: World) -> None:
    world.forget_offsets()
    with Redis.from_url(world.redis.url) as client:
        client.flushall()


def _of_the_log(world: World, *partitions: int) -> bytes:
    """Return what follows from what the log still holds, in some partitions or in all."""
    log = topics.read_topic(world.kafka.bootstrap, topics.EVENTS)
    return fold(record for record in log if record.partition in partitions or not partitions).dump()


def _refuses(world: World, node: Node, partitions: str) -> None:
    """Wait until a process says what it does not read, and what is to be done."""
    wanted = f"partitions {partitions} is lost"
    world.eventually(
        lambda: wanted in node.ask("/ready")[1].get("checks", {}).get("consumer", {}).get("detail", ""), 60
    )
    assert "KAFKA_ACCEPT_GAP" in node.ask("/ready")[1]["checks"]["consumer"]["detail"]
    assert node.ask("/ready")[0] == 503
    node.wait_for("KAFKA partition refused, its state is lost")
