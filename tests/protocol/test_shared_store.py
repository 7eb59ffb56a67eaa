"""One store over Redis in the hands of many: requests at the same time, and more students than it holds."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from redis import Redis

from src.adapters.redis_client import redis_client
from src.adapters.redis_store import RedisStore, open_redis_store
from src.domain.events import Event, EventStatus
from src.ports import Retention, Snapshot
from tests.making import NOW_US, PSEUDONYM, event

HELD_STUDENT = 1500
"""The memory that a student with an event or two takes, about."""


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisStore]:
    client = redis_client(redis_url)
    retention = Retention()
    async with open_redis_store(
        client, retention=retention, new_version=lambda: random.getrandbits(48), pseudonym=PSEUDONYM
    ) as opened:
        yield opened


def of_students(numbers: range, event_id: str) -> list[Event]:
    return [event(event_id, student_id=f"s-{number}") for number in numbers]


async def test_requests_for_the_same_students_at_the_same_time_all_count(store: RedisStore) -> None:
    for turn in range(10):
        requests = [of_students(range(number % 3, number % 3 + 3), f"e-{turn}-{number}") for number in range(6)]
        statuses = await asyncio.gather(*(store.apply(events, NOW_US) for events in requests))
        assert statuses == [[EventStatus.APPLIED] * 3] * 6
    state = await store.state("s-2")
    assert state is not None
    assert state.events == 60


async def test_a_batch_may_need_students_that_are_held_no_longer(redis_url: str) -> None:
    client, number = redis_client(redis_url), 200
    store = RedisStore(
        client,
        retention=Retention(),
        new_version=lambda: random.getrandbits(48),
        pseudonym=PSEUDONYM,
        held_bytes=number * HELD_STUDENT // 2,
    )
    try:
        await store.apply(of_students(range(number), "e-1"), NOW_US)
        # Whoever comes new takes the place of those who were there longest, and these are needed too.
        batch = of_students(range(number), "e-2") + of_students(range(10_000, 10_000 + number), "e-2")
        assert await store.apply(batch, NOW_US) == [EventStatus.APPLIED] * 2 * number
        held = [store.held(one.student_id) is not None for one in batch]
        assert 0 < sum(held) < number
    finally:
        await client.aclose()


async def test_snapshots_are_kept_on_another_instance_too(store: RedisStore, redis_url: str) -> None:
    await store.apply([event()], NOW_US)
    version = await store.version("student-1")
    assert version is not None
    with Redis.from_url(redis_url) as client:
        client.script_flush()
    assert await store.remember(
        [Snapshot("student-1", version, {"student:{student_id}:mastery:x": b"{}"})], NOW_US
    ) == [True]


async def test_what_redis_has_forgotten_is_counted_again(store: RedisStore, redis_url: str) -> None:
    await store.apply([event()], NOW_US)
    with Redis.from_url(redis_url) as client:
        client.flushall()
    assert await store.apply([event()], NOW_US) == [EventStatus.APPLIED]
