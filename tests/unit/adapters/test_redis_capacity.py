"""What the store makes of what Redis says of its disk and its memory."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
import pytest

from src.adapters.redis_client import redis_client
from src.adapters.redis_store import RedisStore, open_redis_store
from src.domain.events import EventStatus
from src.errors import StoreUnavailable
from src.ports import Retention
from tests.making import NOW_US, PSEUDONYM, event

from .resp import Command, Reply, RespServer, resp_server

UNSAFE = "appendfsync is not always, and a write cannot be waited for before Redis 7.2 or in a cluster"


@dataclass(frozen=True)
class Redis:
    """A Redis that takes every write; how it keeps them is the test's."""

    append_only: bool = True
    fsync: Reply = "everysec"
    version: str = "7.2.4"
    synced: int = 1
    used: int = 1000
    apart: int = 0
    limit: int = 0

    def answer(self, command: Command) -> Reply:
        """Return what it answers."""
        found: dict[str, Reply] = {
            "HELLO": Exception("ERR unknown command 'HELLO'"),
            "INFO": "\r\n".join(f"{name}:{value}" for name, value in self.info.items()),
            "CONFIG": ["appendfsync", self.fsync] if isinstance(self.fsync, str) else self.fsync,
            "HMGET": [None] * (len(command) - 2),
            "GET": None,
            # The first script reads the state, of five keys, and finds nothing; the second writes it, and has.
            "EVALSHA": msgspec.msgpack.encode([[""]] if command[2:3] == ("5",) else [1]),
            "WAITAOF": [self.synced, 0],
        }
        return found.get(command[0], "OK")

    @property
    def info(self) -> dict[str, str | int]:
        """Return what it says of itself."""
        return {
            "run_id": "abc",
            "redis_version": self.version,
            "aof_enabled": int(self.append_only),
            "maxmemory_policy": "noeviction",
            "used_memory": self.used,
            "mem_not_counted_for_evict": self.apart,
            "maxmemory": self.limit,
        }


@asynccontextmanager
async def store_over(redis: Redis, *, syncs: bool = True) -> AsyncIterator[tuple[RedisStore, RespServer]]:
    async with resp_server(redis.answer) as server:
        client = redis_client(f"redis://127.0.0.1:{server.port}/0?protocol=2")
        opening = open_redis_store(
            client, retention=Retention(), new_version=lambda: 7, pseudonym=PSEUDONYM, syncs=syncs
        )
        async with opening as store:
            yield store, server


def waits(server: RespServer) -> list[tuple[int, Command]]:
    return [(number, command) for number, command in server.commands if command[0] == "WAITAOF"]


async def test_a_write_is_acknowledged_when_it_is_on_the_disk() -> None:
    async with store_over(Redis()) as (store, server):
        assert await store.apply([event()], NOW_US) == [EventStatus.APPLIED]
        [(connection, command)] = waits(server)
        assert command == ("WAITAOF", "1", "0", "3000")
        # It tells of the writes of its own connection only.
        assert [number for number, (name, *_) in server.commands if name == "EVALSHA"][-1:] == [connection]


async def test_a_write_that_does_not_get_onto_the_disk_in_time_is_not_acknowledged() -> None:
    async with store_over(Redis(synced=0)) as (store, _):
        with pytest.raises(StoreUnavailable, match="disk"):
            await store.apply([event()], NOW_US)


@pytest.mark.parametrize(
    ("redis", "syncs", "told"),
    [
        (Redis(version="7.0.15"), True, [UNSAFE]),
        (Redis(version="7.0.15", fsync=Exception("ERR unknown command 'CONFIG'")), True, [UNSAFE]),
        (Redis(append_only=False), True, ["appendonly is no"]),
        (Redis(version="7.0.15", fsync="always"), True, []),
        (Redis(version="7.0.15"), False, []),
        (Redis(), False, []),
    ],
)
async def test_where_it_cannot_be_waited_for_that_is_told_once_at_the_start(
    redis: Redis, *, syncs: bool, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with store_over(redis, syncs=syncs) as (store, server):
        with caplog.at_level(logging.WARNING, "mastery_engine.redis"):
            await store.ping()
            assert [vars(line)["reason"] for line in caplog.records] == told
            assert await store.apply([event()], NOW_US) == [EventStatus.APPLIED]
        assert len(caplog.records) == len(told)
        assert waits(server) == []


@pytest.mark.parametrize(
    ("redis", "full"),
    [
        (Redis(limit=0), False),
        (Redis(used=999, limit=1000), False),
        (Redis(used=1000, limit=1000), True),
        (Redis(used=1500, apart=501, limit=1000), False),
    ],
)
async def test_a_full_redis_is_not_ready(redis: Redis, *, full: bool) -> None:
    async with store_over(redis) as (store, _):
        if full:
            with pytest.raises(StoreUnavailable, match="memory"):
                await store.ping()
        else:
            await store.ping()
