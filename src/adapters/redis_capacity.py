"""What a Redis is fit for: does it keep what it is given, has it room, does it tell when a write is safe."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from ..errors import StoreUnavailable
from .redis_client import Client, each_server, redis_errors

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import Pipeline
    from redis.asyncio.cluster import ClusterPipeline

DISK_TIMEOUT_MS = 3000
_WAITAOF_SINCE = (7, 2)
_log = logging.getLogger("mastery_engine.redis")


async def check_memory(client: Client) -> None:
    """Return when no server evicts anything or is full; raises ``StoreUnavailable``."""
    with redis_errors():
        async with each_server(client) as servers:
            for connection, _ in servers:
                _check_memory(await connection.info("memory"))


def _check_memory(memory: Mapping[str, Any]) -> None:
    policy = memory.get("maxmemory_policy")
    if policy != "noeviction":
        detail = f"Redis may evict state: its maxmemory-policy is {policy}, set it to noeviction."
        raise StoreUnavailable(detail)
    used = int(memory["used_memory"]) - int(memory.get("mem_not_counted_for_evict", 0))
    if 0 < int(memory["maxmemory"]) <= used:
        detail = "Redis has no memory left: it refuses writes until its maxmemory is raised."
        raise StoreUnavailable(detail)


async def can_await_disk(client: Client) -> bool:
    """Tell whether Redis can be asked to wait until a write is on the disk; where it may not be, that is told.

    A cluster is not asked: who waits has to do so on the connection of each write.
    """
    reasons = set()
    async with each_server(client) as servers:
        several = len(servers) > 1
        for connection, _ in servers:
            told = await connection.info()
            if not told["aof_enabled"]:
                reasons.add("appendonly is no")
            elif not several and tuple(map(int, str(told["redis_version"]).split(".")[:2])) >= _WAITAOF_SINCE:
                return True
            elif await _fsync(connection) != "always":
                reasons.add(
                    "appendfsync is not always, and a write cannot be waited for before Redis 7.2 or in a cluster"
                )
    for reason in sorted(reasons):
        _log.warning("STORE Redis acknowledges what is not on its disk", extra={"reason": reason})
    return False  # where there is no reason, there is nothing to wait for either


async def _fsync(connection: "Redis") -> str | None:
    with suppress(ResponseError):  # where somebody else runs Redis, CONFIG may be forbidden or unknown
        return str((await connection.config_get("appendfsync")).get("appendfsync"))
    return None


def await_disk(pipeline: "Pipeline | ClusterPipeline") -> None:
    """Let a pipeline end when what it has written is on the disk of this Redis."""
    pipeline.execute_command("WAITAOF", 1, 0, DISK_TIMEOUT_MS)


def check_awaited(synced: list[int]) -> None:
    """Raise ``StoreUnavailable`` unless Redis says that it is."""
    if synced[0] < 1:
        detail = "Redis has not written to its disk in time."
        raise StoreUnavailable(detail)
