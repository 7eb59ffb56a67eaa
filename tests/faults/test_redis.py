"""Redis dies, forgets, halts, refuses: the consumer waits, goes on by itself, and what was lost is done again."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from redis import Redis

from tests.services import RedisServer
from tests.services.fixtures import Running

from . import topics
from .generator import PURE, Generator
from .node import Node
from .world import World, pause

KEEPS_ITS_FILE = "auto-aof-rewrite-percentage 0"


def test_redis_killed_under_load_and_started_again_costs_nothing(world: World) -> None:
    world.create_topics()
    node = world.start()
    world.send(Generator("kill", students=100).records(5000))
    world.wait_applied(0)
    world.redis.kill()
    status, content = node.ask("/ready")
    assert status == 503
    assert content["checks"]["store"]["status"] == "unavailable"
    assert node.ask("/live")[0] == 200
    world.redis.start()
    world.drain()
    world.verify()
    assert node.running


def test_what_redis_lost_with_the_power_is_read_again(world: World, running: Running) -> None:
    world.redis = running(RedisServer(settings=[KEEPS_ITS_FILE]))
    world.create_topics()
    node = world.start()
    world.send(Generator("power-1", students=100).records(4000))
    world.drain()
    keep = world.redis.append_only_file.stat().st_size
    world.send(Generator("power-2", students=100).records(4000))
    world.drain()
    world.redis.kill()
    world.redis.lose_tail(keep + (world.redis.append_only_file.stat().st_size - keep) // 3)
    world.redis.start()
    # Nothing new comes: the consumer has to find out by itself.
    world.eventually(lambda: node.log.count("KAFKA resumes") > 3)
    world.eventually(world.caught_up)
    world.verify()


def test_a_power_failure_within_a_transaction_and_another_start_change_nothing(world: World, running: Running) -> None:
    world.redis = running(RedisServer(settings=[KEEPS_ITS_FILE]))
    world.create_topics()
    world.start()
    generator = Generator("torn", students=1)
    world.send(generator.records(50, PURE))
    world.drain()
    world.send(generator.records(20, PURE))
    world.drain()
    world.redis.kill()
    # Cut behind what was added to the last key, within the last command of the last such transaction.
    written = world.redis.append_only_file.read_bytes()
    world.redis.lose_tail(written.rindex(b"PEXPIREAT", 0, written.rindex(b":counted")) + 12)
    world.redis.start()
    world.eventually(world.caught_up)
    world.verify()
    world.redis.kill()
    world.redis.start()
    world.eventually(world.caught_up)
    world.verify()


@pytest.mark.long
def test_a_redis_that_halts_is_waited_for(world: World) -> None:
    world.create_topics()
    node = world.start()
    world.send(Generator("halt", students=100).records(4000))
    world.wait_applied(0)
    world.redis.freeze()
    assert node.ask("/live")[0] == 200
    assert node.ask("/health")[0] == 503
    pause(7)
    world.redis.thaw()
    world.drain()
    world.verify()
    assert "partitions revoked" not in node.log


def test_a_redis_without_memory_stops_the_consumer_and_dead_letters_nothing(world: World) -> None:
    node = _started(world)
    with _configured(world, "maxmemory", "1", "0"):
        world.send(Generator("memory", students=20).records(200))
        node.wait_for("Redis has no memory left")
        status, content = node.ask("/ready")
        assert (status, content["checks"]["store"]["status"]) == (503, "unavailable")
        assert "no memory left" in content["checks"]["store"]["detail"]
        assert sum(topics.committed(world.kafka.bootstrap).values()) < sum(world.ends().values())
    _recovered(world)


def test_a_redis_that_still_loads_its_data_is_waited_for(world: World, running: Running) -> None:
    # Redis takes its time for each key of its file, and answers in between that it is not done.
    slowly = ["key-load-delay 2000", "loading-process-events-interval-bytes 1024"]
    world.redis = running(RedisServer(settings=[KEEPS_ITS_FILE, *slowly]))
    node = _started(world)
    world.send(Generator("load-1", students=60).records(3000))
    world.drain()
    with Redis.from_url(world.redis.url) as client:
        client.bgrewriteaof()
        world.eventually(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
    world.redis.kill()
    world.send(Generator("load-2", students=60).records(300))
    world.redis.start()
    node.wait_for("Redis is loading its data")
    _recovered(world)


def test_a_redis_that_cannot_save_its_data_is_waited_for(world: World, running: Running) -> None:
    world.redis = running(RedisServer(settings=["save 3600 1"]))
    node = _started(world)
    # What Redis writes cannot be put in the place of a directory, as little as onto a full disk.
    in_the_way = world.redis.directory / "dump.rdb"
    in_the_way.mkdir()
    with Redis.from_url(world.redis.url) as client:
        client.bgsave()
        world.eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
        world.send(Generator("disk", students=20).records(200))
        node.wait_for("MISCONF")
        assert node.ask("/ready")[0] == 503
        in_the_way.rmdir()
        client.bgsave()
    _recovered(world)


def test_a_redis_that_became_a_replica_is_waited_for(world: World) -> None:
    node = _started(world)
    with Redis.from_url(world.redis.url) as client:
        client.replicaof("127.0.0.1", "1")
        world.send(Generator("replica", students=20).records(200))
        node.wait_for("Redis is a replica now")
        client.replicaof("NO", "ONE")
    _recovered(world)


def test_a_redis_that_is_busy_or_forgot_its_scripts_is_asked_again(world: World) -> None:
    node = _started(world)
    with Redis.from_url(world.redis.url, socket_timeout=30) as client:
        numbers = count()

        def is_noticed() -> bool:
            # Whoever else looks at Redis in this process may load the scripts again before the next batch comes.
            client.script_flush()
            world.send(Generator(f"scripts-{next(numbers)}", students=20).records(50))
            return "InstanceChanged" in node.log

        world.eventually(is_noticed)
        world.drain()
        client.config_set("busy-reply-threshold", 100)
    with Redis.from_url(world.redis.url) as client:
        endless = client.connection_pool.get_connection()
        endless.send_command("EVAL", "while true do end", 0)
        world.send(Generator("busy", students=20).records(200))
        node.wait_for("BUSY")
        client.script_kill()
        endless.disconnect()
        client.connection_pool.release(endless)
    _recovered(world)


def test_a_wrong_password_is_told_and_stops_nothing_for_good(world: World) -> None:
    world.create_topics()
    world.send(Generator("password", students=20).records(200))
    with _configured(world, "requirepass", "a-password", ""):
        node = world.start(working=False)
        world.eventually(
            lambda: "refuses" in node.ask("/ready")[1].get("checks", {}).get("store", {}).get("detail", "")
        )
        assert topics.read_topic(world.kafka.bootstrap, topics.DEAD_LETTERS) == []
    world.drain()
    world.verify()


def _started(world: World) -> Node:
    world.create_topics()
    node = world.start()
    world.send(Generator("before", students=20).records(300))
    world.drain()
    return node


def _recovered(world: World) -> None:
    world.drain()
    world.verify()
    assert world.nodes[0].running


@contextmanager
def _configured(world: World, name: str, value: str, usual: str) -> Iterator[None]:
    """Configure Redis otherwise for a while."""
    with Redis.from_url(world.redis.url) as client:
        connection = client.connection_pool.get_connection()
        connection.send_command("CONFIG", "SET", name, value)
        connection.read_response()
        try:
            yield
        finally:
            connection.send_command("CONFIG", "SET", name, usual)
            connection.read_response()
            client.connection_pool.release(connection)
