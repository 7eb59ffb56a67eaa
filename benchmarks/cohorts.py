"""Views of a class of 10,000 standard students over Redis in one process, and of a class of 30 under load."""

import asyncio
import http.client
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle, islice
from statistics import quantiles
from tempfile import TemporaryDirectory

from redis.asyncio import Redis

from src.adapters.redis_client import redis_client
from src.adapters.redis_cohorts import RedisCohorts
from src.adapters.redis_store import RedisStore
from src.domain.cohorts import Cohort
from src.domain.erasures import Pseudonym
from src.ports import Retention, wall_clock
from src.resources import new_version
from src.security import Role, SecurityManager
from src.state_manager import StateKeyPatterns
from tests.services import RedisServer, Unavailable

from .cohort_reader import Report, Taken, decode_report
from .figures import Amount, Bound, Figure
from .measure import NotHere
from .processes import SECRET, SERVE, run_to_end, serving, settings
from .standard import checked, standard_events

STUDENTS, STATES, CLASS = 10_000, 50, 30
COHORT = "class"
RATE, SECONDS = 50, 20
COPIED_AT_ONCE = 500
_VIEWS = ("summary", "mastery?sort=-score", "triage", "struggles")
_MB = 1_000_000


def run() -> list[Figure]:
    """Read a large class in a process of its own, and load a server with questions about a small one."""
    with _redis() as server:
        asyncio.run(_fill(server.url, STUDENTS))
        read = decode_report(run_to_end(["-m", "benchmarks.cohort_reader", server.url, COHORT], {}).output)
    with _redis() as server:
        asyncio.run(_fill(server.url, CLASS))
        loaded = _load(server.url)
    return [*_large(read), _small(*loaded)]


def _large(read: Report) -> list[Figure]:
    figures = [
        _taken(f"{name} of {read.students:,} standard students, cold", taken, read, 6.0)
        for name, taken in read.cold.items()
    ]
    figures += [
        _taken(f"{name} of {read.students:,} standard students, cached", taken, read, 1.0)
        for name, taken in read.cached.items()
    ]
    return [
        *figures,
        Figure(
            "the longest that the event loop was busy without a turn for others",
            Amount(read.turn_s * 1000, "ms"),
            "reading the same state",
            Amount(read.floor_turn_s * 1000, "ms"),
            read.turn_s / read.floor_turn_s,
            Bound(20, at_least=False, of_ratio=False),
        ),
        Figure(
            "resident memory after all of it",
            Amount(read.resident / _MB, "MB"),
            "before the first",
            Amount(read.resident_before / _MB, "MB"),
            read.resident / read.resident_before,
            Bound(200, at_least=False, of_ratio=False),
        ),
    ]


def _taken(what: str, taken: Taken, read: Report, at_most_s: float) -> Figure:
    needs_outcomes = any(name in what for name in ("triage", "struggles"))
    floor = read.floor["aggregates and outcomes" if needs_outcomes else "aggregates"]
    return Figure(
        f"{what} (processor time: {taken.processor_s:.2f} s)",
        Amount(taken.seconds, "s"),
        f"reading the same state (processor time: {floor.processor_s:.2f} s)",
        Amount(floor.seconds, "s"),
        taken.processor_s / floor.processor_s,
        Bound(at_most_s, at_least=False, of_ratio=False),
    )


def _small(views_s: list[float], floor_s: list[float]) -> Figure:
    measured, floor = (quantiles(times, n=20)[-1] * 1000 for times in (views_s, floor_s))
    return Figure(
        f"views of a class of {CLASS} at {RATE} requests/s, 95th percentile",
        Amount(measured, "ms"),
        "GET /api/v1/me at the same rate",
        Amount(floor, "ms"),
        measured / floor,
        Bound(30, at_least=False, of_ratio=False),
    )


def _load(redis_url: str) -> tuple[list[float], list[float]]:
    """Return the seconds from when each answer was due to be asked for, of views and of the floor."""
    token = SecurityManager(SECRET).issue_jwt("benchmark", [Role.ADMIN], 3600)
    with TemporaryDirectory() as data_dir, serving(SERVE, settings(data_dir) | {"REDIS_URL": redis_url}) as server:
        views = [f"/api/v1/cohorts/{COHORT}/{view}" for view in _VIEWS]
        for paths in (views, ["/api/v1/me"]):
            _paced(server.port, token, list(islice(cycle(paths), RATE)))
        return tuple(  # type: ignore[return-value]  # of two
            _paced(server.port, token, list(islice(cycle(paths), RATE * SECONDS))) for paths in (views, ["/api/v1/me"])
        )


def _paced(port: int, token: str, paths: Sequence[str]) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    times, started = [], time.perf_counter()
    for number, path in enumerate(paths):
        due = started + number / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        if answer.status != http.client.OK or not json.loads(answer.read()):
            message = f"{path} was answered with {answer.status}"
            raise RuntimeError(message)
        times.append(time.perf_counter() - due)
    connection.close()
    return times


@contextmanager
def _redis() -> Iterator[RedisServer]:
    try:
        server = RedisServer(appendonly=False)
    except Unavailable as reason:
        raise NotHere(str(reason)) from None
    with server:
        yield server


async def _fill(url: str, number: int) -> None:
    """Make a class: the state of a few standard students, copied under the ids of all the others."""
    client, today = redis_client(url), datetime.now(UTC).date()
    store = RedisStore(
        client, retention=Retention(), new_version=new_version, pseudonym=Pseudonym(secrets.token_bytes(32))
    )
    students = [f"standard-{place:05}" for place in range(number)]
    for student in students[:STATES]:
        await store.apply([checked(wire, today) for wire in standard_events(student, today)], wall_clock())
    for start in range(STATES, number, COPIED_AT_ONCE):
        await _copy(client, students, range(start, min(start + COPIED_AT_ONCE, number)))
    await RedisCohorts(client, new_version=new_version).put(Cohort.of(COHORT, "Class", students=students), None)
    await client.aclose()


async def _copy(client: Redis, students: Sequence[str], places: range) -> None:
    patterns = (StateKeyPatterns.EVIDENCE, StateKeyPatterns.OTHERS)
    async with client.pipeline(transaction=False) as pipeline:
        for place in places:
            for pattern in patterns:
                source, target = students[place % STATES], students[place]
                pipeline.copy(pattern.format(student_id=source), pattern.format(student_id=target))
        await pipeline.execute()
