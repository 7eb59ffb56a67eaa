"""What only a real Redis Cluster shows: masters that die, forget or hand over slots, each for itself."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from redis import Redis
from redis.crc import key_slot

from src.adapters.redis_client import Instance, cluster_client
from src.adapters.redis_erasures import RedisErasures
from src.adapters.redis_store import RedisStore
from src.adapters.redis_stream import RedisStream
from src.dead_letters import Record
from src.domain.erasures import Erasure, slot_of
from src.domain.events import EventStatus
from src.domain.state import StudentState
from src.errors import InstanceChanged, StoreUnavailable
from src.ports import Message, Offsets, Partition, Retention, Topic
from src.state_manager import Keys
from src.stream_service import Assignment, StreamService
from tests.fakes import MemoryLedger
from tests.making import NOW_US, PSEUDONYM, event, students_of, wire
from tests.protocol.service.surroundings import GROUP, METRICS, MODEL
from tests.services import RedisCluster
from tests.services.cluster import NODE_SETTINGS, RedisNode
from tests.services.fixtures import opened
from tests.services.process import wait_until

APPLIED, DUPLICATE, REFUSED = EventStatus.APPLIED, EventStatus.DUPLICATE, EventStatus.REFUSED
ERASED = Erasure(1, NOW_US)
RETENTION = Retention()
PARTITION = Partition("cluster", "topic", 0)
STUDENTS = [f"student-{number}" for number in range(40)]
T = TypeVar("T")


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """Return a cluster that may be harmed, whose files are as long as what was answered."""
    with opened(RedisCluster(tmp_path_factory.mktemp("own"), settings=["appendfsync no"])) as cluster:
        yield cluster


@pytest.fixture
async def store(own_cluster: RedisCluster) -> AsyncIterator[RedisStore]:
    own_cluster.start()
    for node in own_cluster.nodes:
        with Redis.from_url(node.url) as client:
            client.flushall()
    async with opened_store(own_cluster.url) as one:
        yield one


@pytest.fixture
async def stream(own_cluster: RedisCluster, store: RedisStore) -> AsyncIterator[RedisStream]:
    """Return the state as a consumer changes it; the store looks on."""
    del store
    async with opened_store(own_cluster.url, follows=False) as consuming:
        yield RedisStream(consuming, retention=RETENTION)


@asynccontextmanager
async def opened_store(url: str, *, follows: bool = True, password: str | None = None) -> AsyncIterator[RedisStore]:
    client = cluster_client(url, password=password)
    try:
        yield RedisStore(
            client,
            retention=RETENTION,
            new_version=lambda: random.getrandbits(48),
            pseudonym=PSEUDONYM,
            keys=Keys(tagged=True),
            follows=follows,
        )
    finally:
        await client.aclose()


def slot_of_key(key: str) -> int:
    return int(key_slot(key.encode()))


async def insist(act: Callable[[], Awaitable[T]]) -> T:
    """Ask again while the cluster does not answer, as a consumer does."""
    for _ in range(200):
        with suppress(StoreUnavailable):
            return await act()
    pytest.fail("the cluster does not come back")


@dataclass
class Broker:
    """Takes what is published."""

    messages: list[Message] = field(default_factory=list)

    async def publish(self, messages: Sequence[Message]) -> None:
        self.messages += messages

    def causes(self) -> set[tuple[str, str]]:
        events = [json.loads(message.value or b"") for message in self.messages if message.topic == Topic.RESULTS]
        return {(one["subject"], cause) for one in events for cause in one["data"].get("causes", [])}


@dataclass
class Log:
    """A partition of events of many students, and a consumer that works through it."""

    stream: RedisStream
    broker: Broker = field(default_factory=Broker)

    def __post_init__(self) -> None:
        wires = [
            wire(f"e-{number}", student_id=STUDENTS[number % len(STUDENTS)], topic=f"topic-{number % 7}")
            for number in range(600)
        ]
        random.Random(1).shuffle(wires)  # a reproducible order
        self.records = [
            Record(0, offset, b"key", json.dumps(one).encode(), (), NOW_US // 1000) for offset, one in enumerate(wires)
        ]
        self.events = [event(one["event_id"], student_id=one["student_id"], topic=one["topic"]) for one in wires]
        self.service = StreamService(
            self.stream,
            self.broker,
            ledger=MemoryLedger(),
            model=MODEL,
            retention=RETENTION,
            metrics=METRICS,
            clock=lambda: NOW_US,
            group=GROUP,
        )

    async def resume(self) -> Assignment:
        await self.service.begin()
        return await self.service.resume(PARTITION, len(self.records))

    async def work(self, held: Assignment, until: int) -> None:
        while held.position < until:
            batch = self.records[held.position : min(held.position + 50, until)]
            async for _ in self.service.process(held, batch):
                pass

    async def check(self, store: RedisStore) -> None:
        """Compare every student with the reference: nothing lost, nothing twice, everything told."""
        assert await students_of(store) == sorted(STUDENTS)
        for student_id in STUDENTS:
            reference = StudentState()
            for one in self.events:
                if one.student_id == student_id:
                    reference.add(one)
            found = await store.state(student_id)
            assert found is not None
            assert (found.canonical(), found.events) == (reference.canonical(), reference.events)
        assert self.broker.causes() == {(one.student_id, one.event_id) for one in self.events}
        assert await self.stream.offsets(PARTITION) == Offsets(600, 600)


async def test_students_lie_on_all_masters_and_each_in_one_slot(own_cluster: RedisCluster, store: RedisStore) -> None:
    assert set(await store.apply([event(student_id=student_id) for student_id in STUDENTS], NOW_US)) == {APPLIED}
    assert await students_of(store) == sorted(STUDENTS)
    held = []
    for node in own_cluster.nodes:
        with Redis.from_url(node.url, decode_responses=True) as client:
            held.append({str(key).split(":")[1] for key in client.scan_iter("student:*")})
    assert all(held)
    assert sorted(tag for tags in held for tag in tags) == sorted(f"{{{student_id}}}" for student_id in STUDENTS)


@pytest.mark.parametrize("place", range(3))
async def test_a_master_that_lost_its_last_writes_is_made_up_for(
    own_cluster: RedisCluster, store: RedisStore, stream: RedisStream, place: int
) -> None:
    log, node = Log(stream), own_cluster.nodes[place]
    held = await log.resume()
    await log.work(held, 250)
    written = node.append_only_file.stat().st_size
    await log.work(held, 450)
    node.kill()
    node.lose_tail(written)
    own_cluster.start()
    assert not await insist(stream.is_same)
    with pytest.raises(InstanceChanged):
        await insist(lambda: log.work(held, 500))
    held = await insist(log.resume)
    assert (held.position, held.applied, held.published) == (250, 250, 250)
    await log.work(held, 600)
    await log.check(store)


async def test_a_master_that_lost_everything_is_made_up_for(
    own_cluster: RedisCluster, store: RedisStore, stream: RedisStream
) -> None:
    log = Log(stream)
    held = await log.resume()
    await log.work(held, 300)
    with Redis.from_url(own_cluster.nodes[1].url) as client:
        client.flushall()
    assert (await log.service.resume(PARTITION, 300)).applied is None
    held = await log.resume()
    assert held.position == 0
    await log.work(held, 600)
    await log.check(store)


async def test_who_finds_the_offset_moved_on_one_master_is_superseded(stream: RedisStream) -> None:
    await stream.begin()
    assert await stream.move_applied(PARTITION, None, 5)
    assert not await stream.move_applied(PARTITION, None, 9)
    assert await stream.move_applied(PARTITION, 5, 9)
    assert await stream.move_published(PARTITION, 7) == 7
    assert await stream.move_published(PARTITION, 3) == 7
    assert await stream.offsets(PARTITION) == Offsets(9, 7)


async def test_a_master_that_is_away_is_told_and_found_again(own_cluster: RedisCluster, store: RedisStore) -> None:
    events = [event(student_id=student_id) for student_id in STUDENTS]
    await store.apply(events, NOW_US)
    own_cluster.nodes[2].kill()
    with pytest.raises(StoreUnavailable):
        await store.ping()
    with pytest.raises(StoreUnavailable):
        await store.apply([event("e-2", student_id=student_id) for student_id in STUDENTS], NOW_US)
    with pytest.raises(StoreUnavailable):
        await students_of(store)
    own_cluster.start()
    assert await insist(lambda: store.apply(events, NOW_US)) == [DUPLICATE] * len(events)
    await store.ping()


async def test_a_master_that_hangs_is_told_and_what_it_was_asked_counts_once(
    own_cluster: RedisCluster, store: RedisStore
) -> None:
    await store.apply([event()], NOW_US)
    node = own_cluster.node_of("{student-1}")
    node.freeze()
    with pytest.raises(StoreUnavailable):
        await store.apply([event(), event("e-2")], NOW_US)
    node.thaw()
    own_cluster.wait_until_ready()
    assert (await insist(lambda: store.apply([event(), event("e-2")], NOW_US)))[0] is DUPLICATE
    state = await store.state("student-1")
    assert state is not None
    assert state.events == 2


async def test_every_master_is_given_the_password(own_cluster: RedisCluster, store: RedisStore) -> None:
    await store.apply([event(student_id=student_id) for student_id in STUDENTS], NOW_US)
    for node in own_cluster.nodes:
        node.run_cli("CONFIG", "SET", "requirepass", "right")
    try:
        async with opened_store(own_cluster.url, password="right") as allowed:
            await allowed.ping()
            assert await students_of(allowed) == sorted(STUDENTS)
        async with opened_store(own_cluster.url, password="wrong") as refused:
            with pytest.raises(StoreUnavailable, match="password"):
                await refused.ping()
    finally:
        for node in own_cluster.nodes:
            node.run_cli("--no-auth-warning", "-a", "right", "CONFIG", "SET", "requirepass", "")


async def test_a_master_that_may_evict_is_not_ready(own_cluster: RedisCluster, store: RedisStore) -> None:
    with Redis.from_url(own_cluster.nodes[1].url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            with pytest.raises(StoreUnavailable, match="noeviction"):
                await store.ping()
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    await store.ping()


async def test_scripts_that_one_master_forgot_are_loaded_again(own_cluster: RedisCluster, store: RedisStore) -> None:
    await store.apply([event()], NOW_US)
    with Redis.from_url(own_cluster.node_of("{student-1}").url) as client:
        client.script_flush()
    assert await store.apply([event(), event("e-2")], NOW_US) == [DUPLICATE, APPLIED]


async def test_markers_lie_where_the_students_did_and_name_nobody(own_cluster: RedisCluster, store: RedisStore) -> None:
    erasures = RedisErasures(store, retention=RETENTION, clock=lambda: NOW_US)
    await store.apply([event(student_id=student_id) for student_id in STUDENTS], NOW_US)
    for student_id in STUDENTS[:-1]:
        assert await erasures.erase(student_id, ERASED) > 0
    # Who was never known has a marker too, by what the ledger says.
    assert await erasures.enforce({PSEUDONYM(name): ERASED for name in (*STUDENTS[:-1], "nobody")}) == 0
    assert await students_of(store) == STUDENTS[-1:]
    held = []
    for node in own_cluster.nodes:
        with Redis.from_url(node.url, decode_responses=True) as client:
            held += [str(key) for key in client.scan_iter("erasure:*")]
    assert sorted(map(slot_of_key, held)) == sorted(slot_of(name) for name in (*STUDENTS[:-1], "nobody"))
    assert not any(student_id in key for key in held for student_id in STUDENTS)
    given = [event("e-2", student_id=student_id) for student_id in (*STUDENTS, "nobody")]
    assert await store.apply(given, NOW_US) == [REFUSED] * 39 + [APPLIED, REFUSED]


@pytest.mark.parametrize("place", range(3))
async def test_a_master_from_before_erasures_is_noticed_and_they_are_made_again(
    own_cluster: RedisCluster, store: RedisStore, place: int
) -> None:
    erasures, node = RedisErasures(store, retention=RETENTION, clock=lambda: NOW_US), own_cluster.nodes[place]
    ledger = {PSEUDONYM(student_id): ERASED for student_id in (*STUDENTS, "nobody")}

    async def enforce(instance: Instance) -> None:
        await erasures.enforce(ledger, instance)

    await store.apply([event(student_id=student_id) for student_id in STUDENTS], NOW_US)
    store.on_meeting = enforce
    written = node.append_only_file.stat().st_size
    for student_id in (*STUDENTS, "nobody"):
        await erasures.erase(student_id, ERASED)
    node.kill()
    node.lose_tail(written)
    own_cluster.start()
    assert await insist(lambda: students_of(store))
    given = [event(name, student_id=student_id) for name in ("event", "e-2") for student_id in (*STUDENTS, "nobody")]
    assert set(await insist(lambda: store.apply(given, NOW_US))) == {REFUSED}
    await insist(store.meet)
    assert await students_of(store) == []


async def test_a_single_redis_is_no_cluster(redis_url: str) -> None:
    async with opened_store(redis_url) as store:
        with pytest.raises(StoreUnavailable, match="REDIS_CLUSTER"):
            await store.ping()


async def test_slots_that_move_are_followed_and_their_events_replayed(tmp_path: Path) -> None:
    with opened(RedisCluster(tmp_path)) as cluster:
        async with opened_store(cluster.url) as following, opened_store(cluster.url, follows=False) as consuming:
            log = Log(RedisStream(consuming, retention=RETENTION))
            held = await log.resume()
            await log.work(held, 300)
            await following.apply([event("before")], NOW_US)
            move_slot(cluster, "{student-1}")
            with pytest.raises(InstanceChanged):
                await insist(lambda: log.work(held, 600))
            assert await insist(lambda: following.apply([event("before"), event("after")], NOW_US)) == [
                DUPLICATE,
                APPLIED,
            ]
            held = await insist(log.resume)
            # Two masters hold other slots than before: what they told of those tells nothing of these.
            assert (held.position, held.applied) == (0, None)
            await log.work(held, 600)
            state = await following.state("student-1")
            assert state is not None
            assert state.events == len(log.records) // len(STUDENTS) + 2


def move_slot(cluster: RedisCluster, key: str) -> None:
    """Hand the slot of a key, with all in it, to another master."""
    slot, source = key_slot(key.encode()), cluster.node_of(key)
    target = next(node for node in cluster.nodes if node is not source)
    with Redis.from_url(source.url) as giving, Redis.from_url(target.url) as taking:
        ids = {
            node: str(client.execute_command("CLUSTER MYID"), "ascii")
            for node, client in ((source, giving), (target, taking))
        }
        taking.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[source])
        giving.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[target])
        keys = giving.execute_command("CLUSTER GETKEYSINSLOT", slot, 1000)
        giving.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        for client in (taking, giving):
            client.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[target])


async def test_a_replica_that_takes_over_is_another_instance(tmp_path: Path) -> None:
    with (
        opened(RedisCluster(tmp_path / "masters")) as cluster,
        opened(RedisNode(tmp_path / "replica", settings=NODE_SETTINGS)) as replica,
    ):
        lost = cluster.node_of("{student-1}")
        follow(replica, lost)
        async with opened_store(cluster.url) as store:
            assert await store.apply([event()], NOW_US) == [APPLIED]
            first = await store.identify()
            with Redis.from_url(lost.url) as asking:
                asking.wait(1, 5000)
            lost.kill()
            with pytest.raises(StoreUnavailable):
                await store.apply([event("e-2")], NOW_US)
            assert wait_until(lambda: is_master(replica), 30)
            assert await insist(lambda: store.apply([event(), event("e-2")], NOW_US)) == [DUPLICATE, APPLIED]
            now = await store.identify()
            assert sum(one in first.identity for one in now.identity) == 2
            assert [one.shard for one in now.servers] == [one.shard for one in first.servers]


def follow(replica: RedisNode, master: RedisNode) -> None:
    """Make a node the replica of a master, and wait until it has what that has."""
    with Redis.from_url(master.url) as asking, Redis.from_url(replica.url) as client:
        client.execute_command("CLUSTER MEET", "127.0.0.1", master.port)
        name = str(asking.execute_command("CLUSTER MYID"), "ascii")
        assert wait_until(lambda: name in str(client.execute_command("CLUSTER NODES")), 10)
        client.execute_command("CLUSTER REPLICATE", name)
        assert wait_until(lambda: client.info("replication").get("master_link_status") == "up", 20)


def is_master(node: RedisNode) -> bool:
    with Redis.from_url(node.url) as client:
        return bool(client.info("replication")["role"] == "master")


@pytest.mark.parametrize("number", [8, 32])
async def test_many_commands_at_once_may_be_the_first_of_a_client(redis_cluster_url: str, number: int) -> None:
    for _ in range(3):
        client = cluster_client(redis_cluster_url)
        answers = await asyncio.gather(*(client.set(f"key-{one}", "x") for one in range(number)))
        await client.aclose()
        assert answers == [True] * number


async def test_many_pipelines_at_once_may_be_the_first_of_a_client(redis_cluster_url: str) -> None:
    client = cluster_client(redis_cluster_url)

    async def ask(number: int) -> list[object]:
        async with client.pipeline(transaction=False) as pipeline:
            pipeline.set(f"key-{number}", "x")
            return await pipeline.execute()

    assert await asyncio.gather(*map(ask, range(32))) == [[True]] * 32
    await client.aclose()
