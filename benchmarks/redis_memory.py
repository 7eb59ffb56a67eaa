"""What the standard student takes in Redis, beside the same state compressed as a whole."""

import asyncio
import secrets
import zlib
from datetime import UTC, datetime

import msgspec
from redis import Redis

from src.adapters.redis_client import redis_client
from src.adapters.redis_store import open_redis_store
from src.domain.erasures import Pseudonym
from src.ports import Retention, wall_clock
from src.resources import new_version
from src.state_manager import StateKeyPatterns
from tests.services import RedisServer, Unavailable

from .figures import Amount, Bound, Figure
from .measure import NotHere
from .standard import checked, standard_events, standard_state

STUDENT = "standard-0001"
KEYS = (StateKeyPatterns.EVIDENCE, StateKeyPatterns.ANSWERS, StateKeyPatterns.OTHERS, StateKeyPatterns.COUNTED)
_KB = 1000


def run() -> list[Figure]:
    """Apply the events one by one, and take each key where it was largest on the way to the whole."""
    try:
        with RedisServer() as server, Redis.from_url(server.url) as redis:
            largest = asyncio.run(_apply(server.url, redis))
    except Unavailable as reason:
        raise NotHere(str(reason)) from None
    state = standard_state(STUDENT, datetime.now(UTC).date()).canonical()
    floor = len(zlib.compress(msgspec.json.encode(state), 9))
    return [
        Figure(
            "the standard student in Redis: evidence, outcomes, counted ids",
            Amount(sum(largest.values()) / _KB, "kB"),
            "its dump, compressed as a whole",
            Amount(floor / _KB, "kB"),
            sum(largest.values()) / floor,
            Bound(40, at_least=False, of_ratio=False),
        )
    ]


async def _apply(url: str, redis: "Redis") -> dict[str, int]:
    today = datetime.now(UTC).date()
    largest = dict.fromkeys(KEYS, 0)
    opening = open_redis_store(
        redis_client(url),
        retention=Retention(),
        new_version=new_version,
        pseudonym=Pseudonym(secrets.token_bytes(32)),
    )
    async with opening as store:
        for wire in standard_events(STUDENT, today):
            await store.apply([checked(wire, today)], wall_clock())
            for pattern in KEYS:
                taken = redis.memory_usage(pattern.format(student_id=STUDENT), samples=0)
                largest[pattern] = max(largest[pattern], int(str(taken or 0)))
    return largest
