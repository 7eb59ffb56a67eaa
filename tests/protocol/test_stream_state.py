"""Every state of a stream under the same tests: those that schedules are played with, a Redis and a cluster."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import pytest
from redis import Redis

from src.adapters.redis_client import Client, cluster_client, redis_client
from src.adapters.redis_store import RedisStore
from src.adapters.redis_stream import RedisStream
from src.domain.events import Event, EventStatus
from src.domain.outcomes import WINDOW_SIZE
from src.domain.state import StudentState
from src.errors import InstanceChanged, StoreUnavailable
from src.ports import Derivable, Offsets, Partition, Retention, Snapshot, StreamState, Written
from src.state_manager import PLAIN, Keys, StateKeyPatterns
from tests.making import NOW_US, PSEUDONYM, event
from tests.services import RedisCluster, RedisServer

from .instance import Instance
from .schedule import Chance
from .service.memory import MemoryStream, shard_of, straight

RETENTION = Retention()
PARTITION = Partition("cluster", "topic", 0)
STUDENT = "student-1"
TOLD = StateKeyPatterns.TOLD


@dataclass(frozen=True, slots=True)
class Case:
    """Two consumers' states over one store, and how that becomes another instance."""

    state: StreamState
    other: StreamState
    become_another: Callable[[], None]


@pytest.fixture(params=["memory", "shards", "redis", "cluster"])
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    if request.param in {"memory", "shards"}:
        instances, chance = [Instance() for _ in range(1 if request.param == "memory" else 3)], Chance(0)
        one, other = (MemoryStream(instances, chance, straight) for _ in range(2))
        of_the_student = shard_of(STUDENT, instances)
        yield Case(await begun(one), await begun(other), lambda: of_the_student.roll_back(0))
        return
    become_another: Callable[[], None]
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("forgetful_redis")
        with Redis.from_url(server.url) as looking:
            looking.flushall()
        clients: list[Client] = [redis_client(server.url) for _ in range(2)]
        keys, become_another = PLAIN, partial(restart, server)
    else:
        clients = [cluster_client(request.getfixturevalue("redis_cluster_url")) for _ in range(2)]
        cluster: RedisCluster = request.getfixturevalue("redis_cluster")
        keys = Keys(tagged=True)
        become_another = partial(restart_master, cluster, keys.of(StateKeyPatterns.EVIDENCE, STUDENT))
    stores = [
        RedisStore(
            client,
            retention=RETENTION,
            new_version=lambda: random.getrandbits(48),
            pseudonym=PSEUDONYM,
            keys=keys,
            follows=False,
        )
        for client in clients
    ]
    streams = [RedisStream(store, retention=RETENTION) for store in stores]
    yield Case(await begun(streams[0]), await begun(streams[1]), become_another)
    for client in clients:
        await client.aclose()


async def begun(state: StreamState) -> StreamState:
    await state.begin()
    return state


def restart(server: RedisServer) -> None:
    server.kill()
    server.start()


def restart_master(cluster: RedisCluster, key: str) -> None:
    cluster.node_of(key).kill()
    cluster.start()


def answers(number: int) -> list[Event]:
    """Return so many help requests, every second of them out of order."""
    shuffled = [n ^ 1 for n in range(number)]
    return [event(f"e-{n}", "help.requested", timestamp=(NOW_US - (number - n) * 1_000_000) // 1000) for n in shuffled]


async def read(state: StreamState) -> Derivable:
    (found,) = await state.read([STUDENT])
    assert found is not None
    return found


async def finish(state: StreamState, version: int, value: bytes = b"told") -> Written:
    (written,) = await state.finish([Snapshot(STUDENT, version, {TOLD: value})])
    return written


async def test_nothing_is_known_of_a_new_partition(case: Case) -> None:
    assert await case.state.offsets(PARTITION) == Offsets(None, None)


async def test_the_applied_offset_moves_from_where_it_was_seen(case: Case) -> None:
    assert await case.state.move_applied(PARTITION, None, 5)
    assert not await case.other.move_applied(PARTITION, None, 7)
    assert not await case.other.move_applied(PARTITION, 4, 7)
    assert await case.other.move_applied(PARTITION, 5, 7)
    assert await case.state.offsets(PARTITION) == Offsets(7, None)


async def test_the_published_offset_never_moves_backwards(case: Case) -> None:
    assert await case.state.move_published(PARTITION, 5) == 5
    assert await case.other.move_published(PARTITION, 3) == 5
    assert await case.other.move_published(PARTITION, 10) == 10
    assert await case.state.offsets(PARTITION) == Offsets(None, 10)


async def test_partitions_of_another_topic_or_cluster_are_others(case: Case) -> None:
    await case.state.move_applied(PARTITION, None, 5)
    for other in (
        Partition("cluster", "made anew", 0),
        Partition("other", "topic", 0),
        Partition("cluster", "topic", 1),
    ):
        assert await case.state.offsets(other) == Offsets(None, None)


async def test_two_consumers_count_an_event_once(case: Case) -> None:
    assert await case.state.apply([event(), event("e-2")], NOW_US) == [EventStatus.APPLIED] * 2
    assert await case.other.apply([event(), event("e-3")], NOW_US) == [EventStatus.DUPLICATE, EventStatus.APPLIED]
    assert await case.state.apply([event("e-3"), event("e-4")], NOW_US) == [EventStatus.DUPLICATE, EventStatus.APPLIED]
    assert (await read(case.other)).events == 4


async def test_other_content_is_a_conflict_whoever_was_first(case: Case) -> None:
    await case.state.apply([event()], NOW_US)
    assert await case.other.apply([event(topic="lists"), event()], NOW_US) == [
        EventStatus.CONFLICT,
        EventStatus.DUPLICATE,
    ]


async def test_students_of_a_batch_keep_their_places(case: Case) -> None:
    batch = [event("e-1", student_id=f"s-{number % 3}") for number in range(6)]
    assert await case.state.apply(batch, NOW_US) == [EventStatus.APPLIED] * 3 + [EventStatus.DUPLICATE] * 3


async def test_what_is_derived_from_is_read_as_it_was_applied(case: Case) -> None:
    events = [event(), event("e-2", "code.executed"), event("e-3", "quality.assessed", topic=None)]
    await case.state.apply(events, NOW_US)
    state = StudentState()
    for one in events:
        state.add(one)
    found = await read(case.other)
    assert (found.events, found.aggregates, found.told) == (3, state.aggregates, None)
    assert await case.other.read(["nobody", STUDENT]) == [None, found]


async def test_outcomes_are_read_oldest_first_and_no_more_than_a_window(case: Case) -> None:
    events = answers(WINDOW_SIZE + 20)
    for start in range(0, len(events), 50):
        await case.state.apply(events[start : start + 50], NOW_US)
    found = (await read(case.state)).others
    assert [outcome.event_id for outcome in found] == [f"e-{n}" for n in range(20, WINDOW_SIZE + 20)]


async def test_what_was_derived_is_kept_while_the_state_is_the_same(case: Case) -> None:
    await case.state.apply([event()], NOW_US)
    before = await read(case.state)
    assert await finish(case.state, before.version) is Written.WRITTEN
    assert (await read(case.other)).told == b"told"
    await case.other.apply([event("e-2")], NOW_US)
    assert await finish(case.state, before.version, b"too late") is Written.CHANGED
    assert (await read(case.other)).told == b"told"


async def test_nothing_is_kept_of_a_student_without_state(case: Case) -> None:
    assert await finish(case.state, 1) is Written.GONE
    assert await case.state.read([STUDENT]) == [None]


STEPS: dict[str, Callable[[StreamState], Awaitable[object]]] = {
    "apply": lambda state: state.apply([event("e-2")], NOW_US),
    "offsets": lambda state: state.offsets(PARTITION),
    "move_applied": lambda state: state.move_applied(PARTITION, 5, 7),
    "move_published": lambda state: state.move_published(PARTITION, 7),
    "read": lambda state: state.read([STUDENT]),
    "finish": lambda state: finish(state, 1),
}


async def answer(step: Callable[[StreamState], Awaitable[object]], state: StreamState) -> object:
    """Return the answer, asking again where a restart has broken the connection."""
    for _ in range(5):
        with suppress(StoreUnavailable):
            return await step(state)
    pytest.fail("the store does not come back")


@pytest.mark.parametrize("step", STEPS)
async def test_no_step_is_done_on_another_instance(case: Case, step: str) -> None:
    await case.state.apply([event()], NOW_US)
    await case.state.move_applied(PARTITION, None, 5)
    assert await case.state.is_same()
    case.become_another()
    # That somebody else knows the new instance already changes nothing.
    await answer(begun, case.other)
    with pytest.raises(InstanceChanged):
        await answer(STEPS[step], case.state)
    assert await case.state.is_same() is False
    await case.state.begin()
    assert await case.state.is_same()
    assert await case.state.offsets(PARTITION) == Offsets(5, None)
    assert (await read(case.state)).events == 1
