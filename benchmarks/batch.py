"""A batch job over a thousand standard students, beside reading the same state and doing nothing with it."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from src.adapters.sqlite_database import open_database
from src.adapters.sqlite_store import SqliteStore
from src.analytics_service import READ_TOGETHER
from src.batch_service import BatchRequest
from src.config import Settings
from src.domain.batches import BatchKind, Configuration
from src.domain.model import MasteryModel, Method
from src.ports import EvidenceOfMany, EvidenceStore, wall_clock
from src.processes import spare_collections
from src.resources import Resources, new_version, open_pseudonyms, open_resources, ttl_of
from src.security import Principal, Role

from .figures import Amount, Bound, Figure
from .measure import summarise
from .standard import checked, standard_events

STUDENTS = [f"standard-{number:04}" for number in range(1000)]
ROUNDS = 5
TICK_S = 0.001
_ADMIN = Principal("benchmark", frozenset({Role.ADMIN}))
_UNIT = "students/s"
_REACHED = {BatchKind.MASTERY: 1000.0}
_PROPOSED = Configuration.of(MasteryModel(Method.AVERAGE))


class Round(NamedTuple):
    """Students a second in a job and when they were only read, and the longest work between two ticks of the loop."""

    job: float
    read: float
    held_up_s: float


def run() -> list[Figure]:
    """Load the standard students into the embedded store and run jobs of every kind in this process."""
    with TemporaryDirectory() as data_dir:
        return asyncio.run(_measure(Settings(data_dir=Path(data_dir))))


async def _measure(settings: Settings) -> list[Figure]:
    async with open_database(settings.data_dir) as database:
        evidence = SqliteStore(
            database,
            retention=ttl_of(settings).retention,
            new_version=new_version,
            pseudonym=open_pseudonyms(settings),
        )
        await _load(evidence, datetime.now(UTC).date())
        async with open_resources(settings) as resources, resources.analytics.running():
            spare_collections()
            kinds = {kind: [await _round(kind, resources, evidence) for _ in range(ROUNDS)] for kind in BatchKind}
    return [figure for kind, rounds in kinds.items() for figure in _figures(kind, rounds)]


async def _load(store: EvidenceStore, today: date) -> None:
    for student_id in STUDENTS:
        await store.apply([checked(wire, today) for wire in standard_events(student_id, today)], wall_clock())


async def _round(kind: BatchKind, resources: Resources, store: EvidenceOfMany) -> Round:
    read = await _reading(store)
    ticks: list[float] = []
    ticking = asyncio.create_task(_tick(ticks))
    job = await _job(kind, resources)
    ticking.cancel()
    return Round(job, read, max(after - before for before, after in pairwise(ticks)))


async def _reading(store: EvidenceOfMany) -> float:
    started = time.perf_counter()
    for part in _parts(STUDENTS):
        await store.aggregates_of(part)
    return len(STUDENTS) / (time.perf_counter() - started)


async def _job(kind: BatchKind, resources: Resources) -> float:
    """Return the rate from the request to the last result."""
    proposed = _PROPOSED if kind is BatchKind.RECOMPUTE else None
    started = time.perf_counter()
    found = await resources.batches.create(_ADMIN, BatchRequest(kind, tuple(STUDENTS), configuration=proposed))
    while found.finished_at is None:
        await asyncio.sleep(TICK_S)
        found = await resources.batches.status(_ADMIN, found.batch_id)
    if found.done != len(STUDENTS):
        message = f"{found.done} of {len(STUDENTS)} students were done"
        raise RuntimeError(message)
    return len(STUDENTS) / (time.perf_counter() - started)


async def _tick(ticks: list[float]) -> None:
    while True:
        # Processor time: what other processes of the machine take is not what holds up this loop.
        ticks.append(time.thread_time())
        await asyncio.sleep(TICK_S)


def _parts(students: Sequence[str]) -> Iterator[Sequence[str]]:
    return (students[at : at + READ_TOGETHER] for at in range(0, len(students), READ_TOGETHER))


def _figures(kind: BatchKind, rounds: Sequence[Round]) -> Iterator[Figure]:
    compared = summarise([(one.job, one.read) for one in rounds])
    reached = _REACHED.get(kind)
    yield Figure(
        f"batch job, {kind}, {len(STUDENTS):,} standard students",
        Amount(compared.measured, _UNIT),
        f"reading the same aggregates, {READ_TOGETHER} students at a time",
        Amount(compared.floor, _UNIT),
        compared.ratio,
        None if reached is None else Bound(reached, at_least=True, of_ratio=False),
    )
    held_up = median(one.held_up_s for one in rounds)
    yield Figure(
        f"batch job, {kind}: the event loop held up",
        Amount(held_up * 1000, "ms"),
        "a tick of the loop",
        Amount(TICK_S * 1000, "ms"),
        held_up / TICK_S,
        Bound(20, at_least=False, of_ratio=False),
    )
