"""Pages of the dashboard for a class of 30 standard students: what the server takes to make one, and what is sent."""

import asyncio
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx
from pydantic import SecretStr

from src.config import Settings
from src.domain.cohorts import Cohort
from src.main import create_app
from src.preconditions import Precondition
from src.resources import Resources, open_resources
from src.security import Role

from .figures import Amount, Bound, Figure
from .processes import SECRET
from .standard import standard_events

CLASS, TIMES, BATCH = 30, 30, 1000
_COHORT, _STUDENT = "class", "student-0"
_PAGES = {
    "a student's first page": f"/dashboard/students/{_STUDENT}",
    "how a score came about": f"/dashboard/students/{_STUDENT}/explanation",
    "a student's history, day by day": f"/dashboard/students/{_STUDENT}/history",
    "a student's map": f"/dashboard/students/{_STUDENT}/map",
    "who needs help in a class": f"/dashboard/classes/{_COHORT}",
    "the heat map of a class": f"/dashboard/classes/{_COHORT}/heat-map",
    "the table of a class": f"/dashboard/classes/{_COHORT}/table",
    "the comparison of a class": f"/dashboard/classes/{_COHORT}/compare",
    "the thresholds of a class": f"/dashboard/classes/{_COHORT}/thresholds",
}
_ASSET = re.compile(r'"(/dashboard/assets/[^"]+)"')


def run() -> list[Figure]:
    """Ask for every page again and again, in the process of the application and without a network."""
    return asyncio.run(_measured())


async def _measured() -> list[Figure]:
    with TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), jwt_secret=SecretStr(SECRET), rate_limit_reads=0)
        app = create_app(lambda: open_resources(settings))
        async with app.router.lifespan_context(app):
            resources: Resources = app.state.resources
            await _fill(resources)
            token = resources.security.issue_jwt("admin", [Role.ADMIN], 3600)
            headers = {"Cookie": f"__Secure-mastery-session={token}"}
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://engine.test", headers=headers) as client:
                floor = await _seconds(client, "/live")
                taken = {name: await _seconds(client, path) for name, path in _PAGES.items()}
                return [*_times(taken, floor), await _size(client)]


async def _fill(resources: Resources) -> None:
    students = [f"student-{number}" for number in range(CLASS)]
    today = datetime.now(UTC).date()
    for student_id in students:
        events = iter(standard_events(student_id, today))
        while batch := list(islice(events, BATCH)):
            await resources.mastery.ingest(batch)
    await resources.cohorts.put(Cohort.of(_COHORT, "Class", teachers=["t"], students=students), Precondition())


async def _seconds(client: httpx.AsyncClient, path: str) -> float:
    """Return the median time of an answer, the first ones left out."""
    taken = []
    for _ in range(TIMES + 3):
        started = time.perf_counter()
        answer = await client.get(path)
        taken.append(time.perf_counter() - started)
        answer.raise_for_status()
    return median(taken[3:])


def _times(taken: Mapping[str, float], floor: float) -> list[Figure]:
    return [
        Figure(
            f"{name}, {CLASS} standard students",
            Amount(seconds * 1000, "ms"),
            "an answer without content",
            Amount(floor * 1000, "ms"),
            seconds / floor,
            Bound(50, at_least=False, of_ratio=False),
        )
        for name, seconds in taken.items()
    ]


async def _size(client: httpx.AsyncClient) -> Figure:
    """Return what the first page takes over the network, with all that it loads."""
    first = _PAGES["a student's first page"]
    addresses = [first, *_ASSET.findall((await client.get(first)).text)]
    sizes = [await _sent(client, address) for address in addresses]
    return Figure(
        "a student's first page with all that it loads, compressed",
        Amount(sum(sizes) / 1000, "kB"),
        "the page alone",
        Amount(sizes[0] / 1000, "kB"),
        sum(sizes) / sizes[0],
        Bound(100, at_least=False, of_ratio=False),
    )


async def _sent(client: httpx.AsyncClient, address: str) -> int:
    async with client.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as answer:
        return len(b"".join([part async for part in answer.aiter_raw()]))
