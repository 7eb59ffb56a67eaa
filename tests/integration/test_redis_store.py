"""What only a real Redis shows of the store: keys and their lifetimes, other instances, and refusals."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
import redis

from src.adapters.redis_client import redis_client
from src.adapters.redis_store import RedisStore, open_redis_store
from src.adapters.redis_stream import RedisStream
from src.domain.events import EventStatus
from src.errors import InstanceChanged, StoreUnavailable
from src.ports import Partition, Retention, Snapshot, Verdict
from tests.making import NOW_US, PSEUDONYM, event, students_of
from tests.services import RedisServer
from tests.services.fixtures import Running

RETENTION = Retention()
DAY_S = 86_400
APPLIED, DUPLICATE = EventStatus.APPLIED, EventStatus.DUPLICATE


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisStore]:
    versions = count(1)
    client = redis_client(redis_url)
    async with open_redis_store(
        client, retention=RETENTION, new_version=lambda: next(versions), pseudonym=PSEUDONYM
    ) as opened:
        yield opened


async def back(store: RedisStore) -> None:
    """Wait until the connections that a restart broke have been replaced."""
    for _ in range(50):
        with suppress(StoreUnavailable):
            return await store.ping()
    message = "Redis does not come back"
    raise AssertionError(message)


async def test_every_key_of_a_student_has_its_lifetime(store: RedisStore, redis_url: str) -> None:
    await store.apply([event(), event("e-2", "code.executed")], NOW_US)
    version = await store.version("student-1")
    assert version is not None
    snapshots = [
        Snapshot("student-1", version, {"student:{student_id}:mastery:2026-01-15": b"{}"}),
        Snapshot("student-1", version, {"prediction:{student_id}:cache": b"{}"}, timedelta(hours=1)),
    ]
    await store.remember(snapshots, NOW_US)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        lifetimes = {str(key): client.ttl(key) for key in client.scan_iter("*")}
    assert 3590 <= int(str(lifetimes.pop("prediction:student-1:cache"))) <= 3600
    days = {key: round(seconds / DAY_S) for key, seconds in lifetimes.items()}
    assert days == {
        "student:student-1:evidence": 90,
        "student:student-1:recent:others": 90,
        "student:student-1:counted": 90,
        "student:student-1:event:e-1": 7,
        "student:student-1:event:e-2": 7,
        "student:student-1:events:2026-01-15": 9,
        "student:student-1:mastery:2026-01-15": 90,
    }


async def test_snapshots_can_be_read_with_any_client(store: RedisStore, redis_url: str) -> None:
    await store.apply([event()], NOW_US)
    version = await store.version("student-1")
    assert version is not None
    await store.remember(
        [Snapshot("student-1", version, {"student:{student_id}:mastery:2026-01-15": b'{"score": 1}'})], NOW_US
    )
    with redis.Redis.from_url(redis_url) as client:
        assert json.loads(str(client.get("student:student-1:mastery:2026-01-15"), "utf-8")) == {"score": 1}


async def test_scripts_that_were_flushed_are_loaded_again(store: RedisStore, redis_url: str) -> None:
    assert await store.apply([event()], NOW_US) == [APPLIED]
    with redis.Redis.from_url(redis_url) as client:
        client.script_flush()
    assert await store.apply([event(), event("e-2")], NOW_US) == [DUPLICATE, APPLIED]


async def test_another_process_that_changed_a_student_is_noticed(store: RedisStore, redis_url: str) -> None:
    await store.apply([event()], NOW_US)
    versions = count(1000)
    client = redis_client(redis_url)
    async with open_redis_store(
        client, retention=RETENTION, new_version=lambda: next(versions), pseudonym=PSEUDONYM
    ) as other:
        assert await other.apply([event("e-2")], NOW_US) == [APPLIED]
    assert await store.apply([event("e-2"), event("e-3")], NOW_US) == [DUPLICATE, APPLIED]
    state = await store.state("student-1")
    assert state is not None
    assert state.events == 3


async def test_a_store_follows_to_a_restarted_instance_without_trusting_what_it_held(
    running: Running, tmp_path: Path
) -> None:
    server = running(RedisServer(tmp_path))
    versions = count(1)
    client = redis_client(server.url)
    async with open_redis_store(
        client, retention=RETENTION, new_version=lambda: next(versions), pseudonym=PSEUDONYM
    ) as store:
        await store.apply([event()], NOW_US)
        with redis.Redis.from_url(server.url) as other:
            other.flushall()
        server.restart()
        await back(store)
        assert await store.apply([event(), event("e-2")], NOW_US) == [APPLIED, APPLIED]


async def test_a_consumer_is_refused_by_another_instance(running: Running, tmp_path: Path) -> None:
    server = running(RedisServer(tmp_path))
    versions = count(1)
    client = redis_client(server.url)
    store = RedisStore(
        client, retention=RETENTION, new_version=lambda: next(versions), pseudonym=PSEUDONYM, follows=False
    )
    stream = RedisStream(store, retention=RETENTION)
    partition = Partition("cluster", "topic", 0)
    try:
        await stream.begin()
        assert await stream.is_same()
        server.restart()
        await back(store)
        assert not await stream.is_same()
        with pytest.raises(InstanceChanged):
            await stream.apply([event()], NOW_US)
        with pytest.raises(InstanceChanged):
            await stream.move_applied(partition, None, 1)
        with pytest.raises(InstanceChanged):
            await stream.read(["student-1"])
        await stream.begin()
        assert await stream.move_applied(partition, None, 1)
    finally:
        await client.aclose()


async def test_offsets_move_by_compare_and_set_and_never_backwards(redis_url: str) -> None:
    client = redis_client(redis_url)
    store = RedisStore(client, retention=RETENTION, new_version=lambda: 1, pseudonym=PSEUDONYM, follows=False)
    stream, partition = RedisStream(store, retention=RETENTION), Partition("cluster", "topic", 0)
    try:
        await stream.begin()
        assert await stream.move_applied(partition, None, 5)
        assert not await stream.move_applied(partition, None, 9)
        assert await stream.move_applied(partition, 5, 9)
        assert await stream.move_published(partition, 7) == 7
        assert await stream.move_published(partition, 3) == 7
        offsets = await stream.offsets(partition)
        assert (offsets.applied, offsets.published) == (9, 7)
    finally:
        await client.aclose()


async def test_what_became_of_an_event_is_known_for_a_week(redis_url: str) -> None:
    client = redis_client(redis_url)
    store = RedisStore(client, retention=RETENTION, new_version=count(1).__next__, pseudonym=PSEUDONYM)
    stream = RedisStream(store, retention=RETENTION)
    try:
        await stream.begin()
        await stream.apply([event("counted"), event("disputed"), event("late")], NOW_US)
        given = {"old": EventStatus.EXPIRED, "disputed": EventStatus.CONFLICT, "late": EventStatus.EXPIRED}
        for _ in range(2):
            await stream.tell([Verdict("student-1", name, status, NOW_US) for name, status in given.items()])
        found = {name: await store.status("student-1", name) for name in ("counted", *given, "unknown")}
        assert found == {
            "counted": APPLIED,
            "old": EventStatus.EXPIRED,
            "disputed": EventStatus.CONFLICT,
            "late": APPLIED,
            "unknown": None,
        }
        with redis.Redis.from_url(redis_url) as other:
            assert round(float(str(other.ttl("student:student-1:event:old:verdict"))) / DAY_S) == 7
        assert await students_of(store) == ["student-1"]
    finally:
        await client.aclose()


async def test_a_redis_that_may_evict_is_not_ready(store: RedisStore, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            with pytest.raises(StoreUnavailable, match="noeviction"):
                await store.ping()
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    await store.ping()


async def test_a_wrong_password_is_told_as_such(running: Running, tmp_path: Path) -> None:
    server = running(RedisServer(tmp_path, password="right"))
    client = redis_client(server.url.replace("right", "wrong"))
    async with open_redis_store(client, retention=RETENTION, new_version=lambda: 1, pseudonym=PSEUDONYM) as store:
        with pytest.raises(StoreUnavailable, match="password"):
            await store.ping()


async def test_a_redis_that_is_away_is_told_as_such(running: Running, tmp_path: Path) -> None:
    server = running(RedisServer(tmp_path))
    client = redis_client(server.url)
    async with open_redis_store(client, retention=RETENTION, new_version=lambda: 1, pseudonym=PSEUDONYM) as store:
        server.kill()
        with pytest.raises(StoreUnavailable):
            await store.apply([event()], NOW_US)
        server.start()
        assert await store.apply([event()], NOW_US) == [APPLIED]


async def test_a_redis_without_memory_left_takes_nothing_and_loses_nothing(store: RedisStore, redis_url: str) -> None:
    await store.apply([event()], NOW_US)
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory", "1")
        try:
            with pytest.raises(StoreUnavailable, match="memory"):
                await store.apply([event("e-2")], NOW_US)
            with pytest.raises(StoreUnavailable, match="memory"):
                await store.ping()
        finally:
            client.config_set("maxmemory", "0")
    assert await store.apply([event(), event("e-2")], NOW_US) == [DUPLICATE, APPLIED]


async def test_windows_hold_the_newest_however_many_came(store: RedisStore) -> None:
    responses = [{"item": f"i-{n}", "skills": [], "correct": True} for n in range(150)]
    data = {"total_questions": 150, "correct_answers": 150, "responses": responses}
    events = [event(f"e-{n}", timestamp=f"2026-01-{15 - n:02}T10:00:00Z", data=data) for n in range(4)]
    for one in events:
        await store.apply([one], NOW_US)
    answers = (await store.recent("student-1")).answers
    assert len(answers) == 200
    assert [sum(a.event_id == one.event_id for a in answers) for one in events] == [150, 50, 0, 0]
