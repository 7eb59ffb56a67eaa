"""A cohort that is removed is gone, at every route, for everybody, over both stores.

What schemathesis calls ``use_after_free`` needs requests that build on each other, which it does not find by itself.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from .school import CALLERS, COHORT, COHORTS, STUDENT, open_school
from .serving import client_of, running_app
from .student import ADMIN
from .test_access import COHORT_ROUTES, STUDENT_ROUTES, ask

PATH = f"/api/v1/cohorts/{COHORT}"
MAKES = f"PUT {PATH.replace(COHORT, '{cohort_id}')}"
TEACHER = CALLERS["teacher"]


@pytest.fixture(params=["sqlite", "redis"])
async def removed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """Return a client, and the tag of a cohort that was there, was read by its teacher, and is removed."""
    redis_url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    async with running_app(tmp_path, redis_url=redis_url) as app, client_of(app) as client:
        await open_school(client)
        read = await client.get(PATH, headers=TEACHER)
        assert read.status_code == 200
        assert (await client.get(f"/api/v1/students/{STUDENT}/mastery", headers=TEACHER)).status_code == 200
        assert (await client.delete(PATH, headers=ADMIN)).status_code == 204
        yield client, read.headers["ETag"]


async def test_every_route_of_the_cohort_is_404_to_an_admin_and_403_to_who_taught_it(
    removed: tuple[httpx.AsyncClient, str],
) -> None:
    client, _ = removed
    routes = [route for route in COHORT_ROUTES if route != MAKES]
    assert routes
    for route in routes:
        assert (await ask(client, route, "admin")).status_code == 404, route
        assert (await ask(client, route, "teacher")).status_code == 403, route


async def test_who_taught_it_reads_none_of_its_students(removed: tuple[httpx.AsyncClient, str]) -> None:
    client, _ = removed
    for route in STUDENT_ROUTES:
        if "{cohort_id}" not in route:
            assert (await ask(client, route, "teacher")).status_code == 403, route


async def test_its_tag_opens_and_changes_nothing(removed: tuple[httpx.AsyncClient, str]) -> None:
    client, tag = removed
    assert (await client.get(PATH, headers=ADMIN | {"If-None-Match": tag})).status_code == 404
    assert (await client.get(PATH, headers=TEACHER | {"If-None-Match": tag})).status_code == 403
    replaced = await client.put(PATH, headers=ADMIN | {"If-Match": tag}, json=COHORTS[COHORT])
    assert replaced.status_code == 412
    assert (await client.delete(PATH, headers=ADMIN | {"If-Match": tag})).status_code in (404, 412)
    assert (await client.get(PATH, headers=ADMIN)).status_code == 404


async def test_it_is_in_no_list(removed: tuple[httpx.AsyncClient, str]) -> None:
    client, _ = removed
    for caller in ("admin", "teacher"):
        assert COHORT not in (await client.get("/api/v1/cohorts", headers=CALLERS[caller])).text


async def test_another_under_its_id_begins_with_nothing_of_it(removed: tuple[httpx.AsyncClient, str]) -> None:
    client, tag = removed
    made = await client.put(PATH, headers=ADMIN, json={"name": "Another", "teachers": [], "students": []})
    assert made.status_code == 201
    assert made.headers["ETag"] != tag
    assert (await client.get(PATH, headers=ADMIN)).json()["students"] == []
    assert (await client.get(PATH, headers=TEACHER)).status_code == 403
    assert (await client.get(f"/api/v1/students/{STUDENT}/mastery", headers=TEACHER)).status_code == 403
