"""The audit trail in Redis: its keys, and what is put there by others."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from redis.crc import key_slot

from src.adapters.redis_audit import RedisAudit
from src.adapters.redis_client import redis_client
from src.audit import Entry
from src.errors import AuditUnavailable
from src.state_manager import StateKeyPatterns
from tests.audit import Place

if TYPE_CHECKING:
    from redis.asyncio import Redis

DAYS = 365
READ = Entry("students.mastery", actor="teacher-1", roles=("teacher",), subject="student-1", status=200)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator["Redis"]:
    async with redis_client(redis_url) as client:
        yield client


def place(client: "Redis") -> Place:
    return Place(RedisAudit(client, lifetime=timedelta(days=DAYS)))


async def test_its_keys_lie_in_one_slot_name_nobody_and_go_by_themselves_but_for_the_chain(client: "Redis") -> None:
    async with place(client).process() as audit:
        await audit.trail.record(READ)
    keys = [key async for key in client.scan_iter()]
    assert len(keys) == 6  # the two of the chain, a list and a salt for each person
    assert len({key_slot(key) for key in keys}) == 1
    assert not any(name in key for key in keys for name in (b"teacher-1", b"student-1"))
    kept = {StateKeyPatterns.AUDIT_CHAIN, StateKeyPatterns.AUDIT_ROWS}
    lifetimes = {await client.ttl(key) for key in keys if key.decode() not in kept}
    assert all(DAYS * 86_400 < lifetime <= (DAYS + 2) * 86_400 for lifetime in lifetimes)


async def test_what_others_put_under_its_keys_stops_it_until_it_is_gone(client: "Redis") -> None:
    async with place(client).process() as audit:
        await client.set(StateKeyPatterns.AUDIT_ROWS, "something else")
        with pytest.raises(AuditUnavailable):
            await audit.trail.record(READ)
        await client.delete(StateKeyPatterns.AUDIT_ROWS)
        await audit.trail.record(READ)
        assert (await audit.history.verify()).rows == 2
        assert (await audit.history.verify()).whole


async def test_a_redis_that_forgot_its_scripts_changes_nothing(client: "Redis") -> None:
    async with place(client).process() as audit:
        for _ in range(2):
            await audit.trail.record(READ)
            await client.script_flush()
        assert (await audit.history.verify()).rows == 2
