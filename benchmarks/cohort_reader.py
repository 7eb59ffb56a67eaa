"""``python -m benchmarks.cohort_reader URL COHORT``: read a class from a Redis and print what it cost, as JSON.

A process of its own, so that its memory is that of reading alone.
"""

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time, thread_time
from typing import TypeAlias

import msgspec
import uvloop
from pydantic import SecretStr

from src.adapters.redis_store import RedisStore
from src.cohort_rows import PART, READ
from src.cohort_views import Asked, Page, Sort
from src.config import Settings
from src.domain.erasures import Pseudonym
from src.ports import Retention
from src.processes import spare_collections
from src.resources import Resources, new_version, open_resources, redis_of
from src.state_manager import StateKeyPatterns

Work: TypeAlias = Callable[[], Awaitable[object]]

_TICK_S = 0.0005
_KIB = 1024
_COLD = ("summary", "table", "triage")


@dataclass(slots=True)
class Taken:
    """What a piece of work took, in seconds."""

    seconds: float
    processor_s: float


@dataclass(slots=True)
class Report:
    """What reading a class cost; memory is the most that was held, in bytes.

    ``turn_s`` is the longest that the loop was busy without a turn for others: with the views, and with reading alone.
    """

    students: int
    resident_before: int
    resident: int = 0
    turn_s: float = 0
    floor_turn_s: float = 0
    floor: dict[str, Taken] = field(default_factory=dict)
    cold: dict[str, Taken] = field(default_factory=dict)
    cached: dict[str, Taken] = field(default_factory=dict)


def decode_report(output: bytes) -> Report:
    """Return what this program printed."""
    return msgspec.json.decode(output, type=Report)


async def report(url: str, cohort_id: str) -> Report:
    """Read the class in every way: first by services that know nothing yet, then by one that has what it needs."""
    with TemporaryDirectory() as data_dir:
        settings = Settings(redis_url=SecretStr(url), data_dir=Path(data_dir))
        async with open_resources(settings) as resources:
            students = list((await resources.cohorts.get(cohort_id)).cohort.students)
            spare_collections()
            found = Report(len(students), _resident())
            ways = _views_of(resources, cohort_id)
            found.cold["triage"] = await _timed(ways["triage"])
            found.cached = {name: await _timed(way) for name, way in ways.items()}
            found.resident = _resident()
        for name in ("summary", "table"):
            async with open_resources(settings) as fresh:
                found.cold[name] = await _timed(_views_of(fresh, cohort_id)[name])
        async with open_resources(settings) as fresh:
            ways = _views_of(fresh, cohort_id)
            found.turn_s = max([await _longest_turn(ways[name]) for name in ("triage", *ways)])
        found.floor, found.floor_turn_s = await _floors(settings, students)
    return found


async def _timed(work: Work) -> Taken:
    started, busy = perf_counter(), process_time()
    await work()
    return Taken(perf_counter() - started, process_time() - busy)


async def _longest_turn(work: Work) -> float:
    """Do work while a task ticks, which takes time too; a turn is the processor time of the loop between two ticks."""
    turns: list[float] = []

    async def tick() -> None:
        before = thread_time()
        while True:
            await asyncio.sleep(_TICK_S)
            now = thread_time()
            turns.append(now - before)
            before = now

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    await work()
    ticking.cancel()
    with suppress(asyncio.CancelledError):
        await ticking
    return max(turns)


def _views_of(resources: Resources, cohort_id: str) -> dict[str, Work]:
    views, asked = resources.cohort_views, Asked(resources.mastery.what_if(None, None))

    async def read_file() -> None:
        async for _ in (await views.table(cohort_id, asked, Sort.SCORE_DOWN)).rows:
            pass

    return {
        "summary": lambda: views.summary(cohort_id, asked),
        "table": lambda: views.mastery(cohort_id, asked, Sort.SCORE_DOWN, Page(100)),
        "table as a file": read_file,
        "triage": lambda: views.triage(cohort_id, asked.model, {}),
        "struggles": lambda: views.struggles(cohort_id, Page(100)),
    }


async def _floors(settings: Settings, students: list[str]) -> tuple[dict[str, Taken], float]:
    """Read versions and values as the views do, and do nothing with them."""
    client = redis_of(settings)
    store = RedisStore(
        client, retention=Retention(), new_version=new_version, pseudonym=Pseudonym(secrets.token_bytes(32))
    )
    await store.identify()

    async def read(script: str, patterns: tuple[str, ...], arguments: list[str], at_once: int) -> None:
        for start in range(0, len(students), at_once):
            few = students[start : start + at_once]
            await store.run(script, [([store.keys.of(pattern, one) for pattern in patterns], arguments) for one in few])

    async def aggregates() -> None:
        await read("field", (StateKeyPatterns.EVIDENCE,), ["version"], PART)
        await read("field", (StateKeyPatterns.EVIDENCE,), ["body"], READ)

    async def both() -> None:
        await aggregates()
        await read("window", (StateKeyPatterns.EVIDENCE, StateKeyPatterns.OTHERS), ["others"], READ)

    found = {"aggregates": await _timed(aggregates), "aggregates and outcomes": await _timed(both)}
    turn_s = await _longest_turn(both)
    await client.aclose()
    return found, turn_s


def _resident() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * _KIB for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    print(msgspec.json.encode(uvloop.run(report(*sys.argv[1:]))).decode())
