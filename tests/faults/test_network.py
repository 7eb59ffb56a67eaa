"""The network between the service and Redis: slow, silent, cut, and one that loses answers."""

import pytest
from redis import Redis

from tests.services import RedisServer
from tests.services.fixtures import Running

from .generator import Generator, Mix
from .proxy import Mode, Proxy, proxy
from .world import World, pause


def _behind(one: Proxy) -> str:
    return f"redis://127.0.0.1:{one.port}/0"


@pytest.mark.long
def test_answers_that_are_lost_change_nothing(world: World) -> None:
    world.create_topics()
    with proxy(world.redis.port) as one:
        node = world.start(REDIS_URL=_behind(one))
        one.marker = b"EVALSHA"
        # One after the other each of the scripts of the order of work is executed, and its answer is lost.
        for number in range(7):
            one.spared, one.mode = number, Mode.DROP_REPLY
            world.send(Generator(f"reply-{number}", students=50).records(300))
            world.eventually(lambda number=number: one.dropped == number + 1)  # type: ignore[misc]  # bound per number
            world.drain()
        world.verify()
        assert node.running
        node.close()


@pytest.mark.long
def test_a_slow_cut_and_silent_network_costs_time_and_nothing_else(world: World) -> None:
    world.create_topics()
    with proxy(world.redis.port) as one:
        node = world.start(REDIS_URL=_behind(one))
        for mode in (Mode.LATE, Mode.RESET, Mode.BLACKHOLE):
            one.mode = mode
            world.send(Generator(str(mode), students=50).records(500))
            pause(2 if mode is Mode.LATE else 1)
            assert node.ask("/live")[0] == 200
            one.mode = Mode.PASS
            world.drain()
        world.verify()
        node.close()


@pytest.mark.long
def test_a_narrow_and_then_silent_network_leaves_no_connection_behind(world: World) -> None:
    world.create_topics()
    with proxy(world.redis.port) as one, Redis.from_url(world.redis.url) as client:
        node = world.start(REDIS_URL=_behind(one))
        one.mode = Mode.NARROW
        world.send(Generator("narrow-1", students=5).records(10))
        world.drain()
        world.send(Generator("narrow-2", students=50).records(1000))
        world.wait_applied(world.applied())
        one.mode = Mode.BLACKHOLE
        node.wait_for("Redis does not answer")
        assert node.ask("/live")[0] == 200
        one.mode = Mode.PASS
        world.drain()
        world.verify()
        assert len(client.client_list()) < 10
        node.close()


@pytest.mark.long
def test_work_that_takes_longer_than_kafka_waits_for_a_poll_is_done_once(world: World) -> None:
    world.create_topics()
    with proxy(world.redis.port, delay_s=0.4, jitter_s=0) as one:
        node = world.start_hurried(6000, REDIS_URL=_behind(one))
        one.mode = Mode.LATE
        world.send(Generator("late", students=50).records(600, Mix(conflicts=40)))
        world.drain()
        world.verify()
        assert node.running
        assert "partitions revoked" not in node.log
        node.close()


@pytest.mark.long
def test_a_replica_that_takes_over_without_the_latest_is_brought_up_to_date(world: World, running: Running) -> None:
    world.create_topics()
    replica = running(RedisServer(settings=[f"replicaof 127.0.0.1 {world.redis.port}"]))
    with proxy(world.redis.port) as one:
        node = world.start(REDIS_URL=_behind(one))
        world.send(Generator("over-1", students=50).records(1500))
        world.drain()
        world.eventually(lambda: "master_link_status:up" in replica.run_cli("info", "replication").stdout)
        replica.freeze()
        world.send(Generator("over-2", students=50).records(1500))
        world.drain()
        world.redis.kill()
        one.target = replica.port
        replica.thaw()
        assert replica.run_cli("replicaof", "no", "one").stdout.strip() == "OK"
        world.redis = replica
        world.send(Generator("over-3", students=50).records(300))
        world.eventually(world.caught_up)
        world.drain()
        world.verify()
        assert node.running
        node.close()
