"""Counts that processes share: the real ones and their fake."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis import Redis

from src.adapters.redis_client import Client, cluster_client, redis_client
from src.adapters.redis_counts import RedisCounts
from src.errors import StoreUnavailable
from src.ports import SharedCounts
from tests.fakes import MemoryCounts
from tests.redis_user import engine_client
from tests.services import RedisServer
from tests.services.fixtures import Running

LIFETIME = timedelta(minutes=2)


@pytest.fixture(params=["memory", "redis", "cluster"])
async def counts(request: pytest.FixtureRequest) -> AsyncIterator[SharedCounts]:
    if request.param == "memory":
        yield MemoryCounts()
        return
    if request.param == "redis":
        client: Client = engine_client(request.getfixturevalue("redis_url"))
    else:
        client = cluster_client(request.getfixturevalue("redis_cluster_url"))
    yield RedisCounts(client, lifetime=LIFETIME)
    await client.aclose()


async def test_what_is_added_adds_up_by_name(counts: SharedCounts) -> None:
    assert await counts.add({"a": 2, "b": 1}) == {"a": 2, "b": 1}
    assert await counts.add({"a": 3, "c": 5}) == {"a": 5, "c": 5}


async def test_adding_nothing_asks_what_is_there(counts: SharedCounts) -> None:
    await counts.add({"a": 2})
    assert await counts.add({"a": 0}) == {"a": 2}


# -- what only the real ones have


async def test_a_count_goes_after_its_lifetime_however_often_it_is_added_to(redis_url: str) -> None:
    client = redis_client(redis_url)
    counts = RedisCounts(client, lifetime=LIFETIME)
    with Redis.from_url(redis_url, decode_responses=True) as other:
        await counts.add({"a": 1})
        assert other.keys() == ["rate:a"]
        other.expire("rate:a", 50)
        await counts.add({"a": 1, "b": 1})
        assert 0 < other.ttl("rate:a") <= 50 < other.ttl("rate:b") <= 120
    await client.aclose()


async def test_a_redis_that_is_away_is_told_as_ours(running: Running) -> None:
    server = running(RedisServer())
    client = redis_client(server.url)
    counts = RedisCounts(client, lifetime=LIFETIME)
    await counts.add({"a": 1})
    server.kill()
    with pytest.raises(StoreUnavailable):
        await counts.add({"a": 1})
    await client.aclose()
