"""Erasing one student with 10,000 counted events from a Redis with a million keys, beside unlinking keys by name."""

import asyncio
import secrets
import time
from dataclasses import replace
from itertools import count

from redis import Redis

from src.adapters.redis_client import redis_client
from src.adapters.redis_erasures import RedisErasures
from src.adapters.redis_store import RedisStore, open_redis_store
from src.domain.erasures import Erasure, Pseudonym
from src.domain.events import Event
from src.event_validator import validate
from src.ports import Retention, wall_clock
from tests.services import RedisServer
from tests.services.errors import Unavailable

from .figures import Amount, Bound, Figure
from .measure import NotHere, summarise

KEYS, EVENTS, BATCH, ROUNDS = 1_000_000, 10_000, 1_000, 5
STUDENT = "student-erased"
_FILL = """for i = ARGV[1], ARGV[2] do
  redis.call('SET', 'student:other-' .. (i % 5000) .. ':event:' .. i, i, 'EX', 604800)
end"""
_FILL_FLOOR = "for i = 1, ARGV[1] do redis.call('SET', 'student:floor:event:' .. i, i, 'EX', 604800) end"


def run() -> list[Figure]:
    """Measure on a Redis of its own."""
    try:
        server = RedisServer()
        server.start()
    except Unavailable as error:
        raise NotHere(str(error)) from error
    try:
        return asyncio.run(_figures(server.url))
    finally:
        server.stop()


async def _figures(url: str) -> list[Figure]:
    numbers = count(1)
    with Redis.from_url(url) as plain:
        for first in range(0, KEYS, 100_000):
            plain.eval(_FILL, 0, first, first + 99_999)
        opening = open_redis_store(
            redis_client(url),
            retention=Retention(),
            new_version=lambda: next(numbers),
            pseudonym=Pseudonym(secrets.token_bytes(32)),
        )
        async with opening as store:
            erasures = RedisErasures(store, retention=Retention(), clock=wall_clock)
            erased, scanned = [], []
            for number in range(1, ROUNDS + 1):
                await _fill(store, erasures, number)
                erased.append((await _erasing(erasures, number), _unlinking(plain)))
                scanned.append((await _scanning(erasures), erased[-1][0]))
    return [
        _figure(
            f"erasing a student with {EVENTS:,} events among {KEYS:,} keys", erased, "unlinking as many keys by name", 1
        ),
        _figure("looking through all keys to verify it", scanned, "the erasure", None),
    ]


def _figure(what: str, rounds: list[tuple[float, float]], against: str, at_most_s: float | None) -> Figure:
    measured, floor, ratio = summarise(rounds)
    bound = None if at_most_s is None else Bound(at_most_s, at_least=False, of_ratio=False)
    return Figure(what, Amount(measured, "s"), against, Amount(floor, "s"), ratio, bound)


async def _fill(store: RedisStore, erasures: RedisErasures, number: int) -> None:
    """Give the student events, with consent after the erasure of the round before."""
    if number > 1:
        erasure = await erasures.erasure(STUDENT)
        assert erasure is not None  # noqa: S101  # of the round before
        await erasures.erase(STUDENT, replace(erasure, consented_us=wall_clock()))
    for first in range(0, EVENTS, BATCH):
        now_us = wall_clock()
        events = [_event(f"{number}-{n}", now_us) for n in range(first, first + BATCH)]
        await store.apply(events, now_us)


def _event(event_id: str, now_us: int) -> Event:
    content = {
        "event_id": event_id,
        "event_type": "exercise.completed",
        "student_id": STUDENT,
        "timestamp": now_us // 1000,
        "topic": "loops",
        "data": {"passed": True},
    }
    event = validate(content, now_us)
    assert isinstance(event, Event)  # noqa: S101  # it is valid
    return event


async def _erasing(erasures: RedisErasures, number: int) -> float:
    started = time.perf_counter()
    gone = await erasures.erase(STUDENT, Erasure(number, wall_clock()))
    took = time.perf_counter() - started
    assert gone > EVENTS  # noqa: S101  # speed without the work means nothing
    return took


def _unlinking(plain: Redis) -> float:
    plain.eval(_FILL_FLOOR, 0, EVENTS)
    names = [f"student:floor:event:{n}" for n in range(1, EVENTS + 1)]
    started = time.perf_counter()
    assert plain.unlink(*names) == EVENTS  # noqa: S101  # likewise
    return time.perf_counter() - started


async def _scanning(erasures: RedisErasures) -> float:
    started = time.perf_counter()
    assert await erasures.remains(STUDENT) == 0  # noqa: S101  # likewise
    return time.perf_counter() - started
