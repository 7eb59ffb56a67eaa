"""Erasing from a real Redis: no look through all keys, every key of many days, and an instance that came back older."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from src.adapters.redis_client import Instance, redis_client
from src.adapters.redis_erasures import RedisErasures
from src.adapters.redis_store import RedisStore, open_redis_store
from src.adapters.redis_stream import RedisStream
from src.domain.days import DAY_US
from src.domain.erasures import Erasure
from src.domain.events import EventStatus
from src.errors import BrokerUnavailable, StoreUnavailable
from src.ports import Retention, Snapshot, Verdict
from src.state_manager import StateKeyPatterns
from tests.fakes import MemoryLedger
from tests.making import NOW_US, PSEUDONYM, event
from tests.services import RedisServer
from tests.services.fixtures import Running

RETENTION = Retention(90, 7)
ADA, BOB = "student-1", "student-2"
APPLIED, REFUSED = EventStatus.APPLIED, EventStatus.REFUSED


@dataclass
class Place:
    """A store over a Redis that can lose what it wrote last, and its ledger."""

    server: RedisServer
    store: RedisStore
    erasures: RedisErasures
    ledger: MemoryLedger

    def size(self) -> int:
        return self.server.append_only_file.stat().st_size

    async def go_back_to(self, size: int) -> None:
        self.server.kill()
        self.server.lose_tail(size)
        self.server.start()
        assert isinstance(self.store.client, AsyncRedis)
        await self.store.client.connection_pool.disconnect()

    async def erase(self, student_id: str, erasure: Erasure) -> int:
        await self.ledger.write(PSEUDONYM(student_id), erasure)
        return await self.erasures.erase(student_id, erasure)

    def held(self) -> set[str]:
        with Redis.from_url(self.server.url, decode_responses=True) as client:
            return set(client.scan_iter(count=1000))


@pytest.fixture
async def place(running: Running) -> AsyncIterator[Place]:
    server = running(RedisServer(fsync="no", settings=["auto-aof-rewrite-percentage 0"]))
    ledger = MemoryLedger()
    opening = open_redis_store(
        redis_client(server.url),
        retention=RETENTION,
        new_version=lambda: random.getrandbits(48),
        pseudonym=PSEUDONYM,
    )
    async with opening as store:
        erasures = RedisErasures(store, retention=RETENTION, clock=lambda: NOW_US)

        async def enforce(instance: Instance) -> None:
            await erasures.enforce(await ledger.read(), instance)

        store.on_meeting = enforce
        yield Place(server, store, erasures, ledger)


async def test_erasing_looks_through_no_other_keys_and_finds_all_of_the_student(place: Place) -> None:
    for back in range(7, -1, -1):
        now_us = NOW_US - back * DAY_US
        ids = [f"e-{back}-{n}" for n in range(1200 if back == 0 else 30)]
        given = [event(one, timestamp=now_us // 1000, received_us=now_us) for one in ids]
        given += [event(one, timestamp=now_us // 1000, received_us=now_us, student_id=BOB) for one in ids[:10]]
        await place.store.apply(given, now_us)
        version = await place.store.version(ADA)
        assert version is not None
        day = "student:{student_id}:mastery:" + f"2026-01-{15 - back:02}"
        values = {day: b"{}", f"{day}:quiz": b"0.5", StateKeyPatterns.TOLD: b"{}"}
        assert await place.store.remember([Snapshot(ADA, version, values)], now_us) == [True]
    before = place.held()
    theirs = {key for key in before if f":{ADA}:" in key}
    with Redis.from_url(place.server.url) as client:
        client.config_resetstat()
        assert await place.erase(ADA, Erasure(1, NOW_US)) == len(theirs)
        used = set(client.info("commandstats"))
    assert not used & {"cmdstat_scan", "cmdstat_keys"}
    assert place.held() == before - theirs | {f"erasure:{PSEUDONYM(ADA)}"}
    assert await place.erasures.remains(ADA) == 0


async def test_what_became_of_events_of_the_student_goes_too_and_is_not_told_again(place: Place) -> None:
    stream = RedisStream(place.store, retention=RETENTION, clock=lambda: NOW_US)
    await stream.begin()
    verdicts = [Verdict(student_id, "old", EventStatus.EXPIRED, NOW_US) for student_id in (ADA, BOB)]
    await stream.tell(verdicts)
    assert await place.store.status(ADA, "old") is EventStatus.EXPIRED
    assert await place.erase(ADA, Erasure(1, NOW_US)) == 2
    await stream.tell(verdicts)
    assert await place.store.status(ADA, "old") is None
    assert await place.store.status(BOB, "old") is EventStatus.EXPIRED
    assert await place.erasures.remains(ADA) == 0
    await place.erase(ADA, Erasure(1, NOW_US, consented_us=NOW_US))
    await stream.tell([*verdicts, Verdict(ADA, "older", EventStatus.EXPIRED, NOW_US + 1)])
    assert await place.store.status(ADA, "old") is None
    assert await place.store.status(ADA, "older") is EventStatus.EXPIRED


async def test_a_marker_has_no_end_and_names_nobody(place: Place) -> None:
    await place.erase(ADA, Erasure(1, NOW_US))
    with Redis.from_url(place.server.url, decode_responses=True) as client:
        [key] = client.scan_iter()
        assert (client.ttl(key), client.get(key)) == (-1, f"1:{NOW_US}:")
    assert ADA not in key


async def test_a_redis_from_before_the_erasure_is_noticed_and_erased_again(place: Place) -> None:
    await place.store.apply([event("e-1"), event("e-1", student_id=BOB)], NOW_US)
    size = place.size()
    await place.erase(ADA, Erasure(1, NOW_US))
    await place.go_back_to(size)
    assert any(f":{ADA}:" in key for key in place.held())
    await place.store.meet()
    assert not any(f":{ADA}:" in key for key in place.held())
    assert await place.store.status(BOB, "e-1") is APPLIED


async def test_nothing_is_written_to_a_redis_from_before_the_erasure_that_does_not_know_of_it(place: Place) -> None:
    await place.store.apply([event("e-1")], NOW_US)
    size = place.size()
    await place.erase(ADA, Erasure(1, NOW_US, consented_us=NOW_US + 1))
    after = event("after", received_us=NOW_US + 2)
    assert await place.store.apply([after], NOW_US) == [APPLIED]
    await place.go_back_to(size)
    more = event("more", received_us=NOW_US + 3)
    assert await place.store.apply([event("e-2"), after, more], NOW_US) == [REFUSED, APPLIED, APPLIED]
    await place.store.meet()
    state = await place.store.state(ADA)
    assert state is not None
    assert state.events == 2


async def test_while_the_ledger_cannot_be_read_the_store_is_away_to_whoever_uses_it(redis_url: str) -> None:
    async def enforce(_: Instance) -> None:
        detail = "Kafka is away."
        raise BrokerUnavailable(detail)

    store = RedisStore(redis_client(redis_url), retention=RETENTION, new_version=lambda: 1, pseudonym=PSEUDONYM)
    store.on_meeting = enforce
    for use in (store.meet(), store.versions_of([ADA])):
        with pytest.raises(StoreUnavailable):
            await use
    await store.client.aclose()
