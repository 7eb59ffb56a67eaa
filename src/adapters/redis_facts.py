"""What a Redis, or a cluster of them, tells of itself."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..diagnosis import StoreFacts
from .redis_client import Client, each_server, redis_errors

if TYPE_CHECKING:
    from redis.asyncio import Redis

LOOKED_AT = 2000
"""So many keys of students are looked at for their ends, of each server."""
_NO_END = -1
_PATTERNS = ("student:*", "prediction:*")
_PINGS = 5
"""The least of so many tells how far the server is, and not what else this machine was just doing."""


@dataclass(frozen=True, slots=True)
class RedisLoad:
    """Commands processed since the start, memory used, and what may be used at most: 0 is no limit."""

    commands: int
    used_bytes: int
    max_bytes: int


class RedisFacts:
    """Asks every server for what it knows, and adds it up."""

    def __init__(self, client: Client, *, now_s: Callable[[], float] = time.time) -> None:
        self._client = client
        self._now_s = now_s

    async def load(self) -> RedisLoad:
        """Return what the servers do and hold, added up; raises ``StoreUnavailable``."""
        with redis_errors():
            async with each_server(self._client) as servers:
                told = [await connection.info() for connection, _ in servers]
        return RedisLoad(
            commands=sum(int(one["total_commands_processed"]) for one in told),
            used_bytes=sum(int(one["used_memory"]) for one in told),
            max_bytes=sum(int(one["maxmemory"]) for one in told),
        )

    async def facts(self) -> StoreFacts:
        """Return what the servers tell, of several the worst or the sum; raises ``StoreUnavailable``."""
        with redis_errors():
            async with each_server(self._client) as servers:
                return _together([await self._of(connection) for connection, _ in servers])

    async def _of(self, connection: "Redis") -> StoreFacts:
        latency_ms = min([await _answered_ms(connection) for _ in range(_PINGS)])
        told: Mapping[str, Any] = await connection.info()
        endings = await _endings(connection)
        used = int(told["used_memory"]) - int(told.get("mem_not_counted_for_evict", 0))
        return StoreFacts(
            kind="redis",
            latency_ms=latency_ms,
            used_bytes=used,
            max_bytes=int(told["maxmemory"]) or None,
            keys=sum(one["keys"] for name, one in told.items() if name.startswith("db") and isinstance(one, dict)),
            keys_without_end=endings.count(_NO_END),
            longest_s=max(endings, default=None),
            commands=int(told["total_commands_processed"]),
            policy=str(told["maxmemory_policy"]),
            appends=bool(told["aof_enabled"]),
            saves_fail="err" in (told.get("aof_last_write_status"), told.get("rdb_last_bgsave_status")),
            ahead_s=int(told["server_time_usec"]) / 1_000_000 - self._now_s(),
        )


async def _answered_ms(connection: "Redis") -> float:
    started_s = time.perf_counter()
    await connection.ping()
    return (time.perf_counter() - started_s) * 1000


async def _endings(connection: "Redis") -> list[int]:
    """Return for how many seconds some keys of students are kept yet; -1 is for ever, -2 what went meanwhile."""
    keys: list[bytes] = []
    for pattern in _PATTERNS:
        async for key in connection.scan_iter(match=pattern, count=1000):
            keys.append(key)
            if len(keys) >= LOOKED_AT:
                break
    async with connection.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.pttl(key)
        return [ms if ms < 0 else ms // 1000 for ms in await pipeline.execute()]


def _together(facts: list[StoreFacts]) -> StoreFacts:
    limits = [one.max_bytes for one in facts]
    shown = max(facts, key=lambda one: one.used_bytes / one.max_bytes if one.max_bytes else 0)
    ends = [one.longest_s for one in facts if one.longest_s is not None]
    bad_policies = [one.policy for one in facts if one.policy != "noeviction"]
    return StoreFacts(
        kind="redis",
        latency_ms=max(one.latency_ms for one in facts),
        # The fullest one is what refuses writes first.
        used_bytes=shown.used_bytes if any(limits) else sum(one.used_bytes for one in facts),
        max_bytes=shown.max_bytes,
        keys=sum(one.keys for one in facts),
        keys_without_end=sum(one.keys_without_end for one in facts),
        longest_s=max(ends, default=None),
        commands=sum(one.commands or 0 for one in facts),
        policy=(bad_policies or ["noeviction"])[0],
        appends=all(one.appends for one in facts),
        saves_fail=any(one.saves_fail for one in facts),
        ahead_s=max((one.ahead_s or 0.0 for one in facts), key=abs),
    )
