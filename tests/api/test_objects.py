"""What belongs to a student, asked for through every door, over both stores.

``STUDENT`` has one cohort and one teacher, ``OTHER`` another cohort and another teacher; their evidence is the same
but for the ids of its events, which begin with the student's.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from .school import CALLERS, COHORT, MISSING, MISSING_COHORT, OTHER, OTHER_COHORT, STUDENT, anonymised, open_school
from .serving import client_of, running_app
from .student import ADMIN, PERSONAL, TAGGED
from .tokens import NOW_S, bearer, claims, signed

Door = Callable[[httpx.AsyncClient, Mapping[str, str], str], Awaitable[httpx.Response]]

COHORT_VIEWS = ("mastery", "summary", "compare", "triage", "hotspots", "struggles")
INTENTS = ("mastery_calculation", "get_mastery", "explain_mastery")
INTRUDERS = sorted(set(CALLERS) - {"none", "bad token", "self", "teacher", "admin"})
INSIDERS = ("self", "teacher", "admin")
ALL_TAGS = {"If-None-Match": "*"}


@pytest.fixture(params=["sqlite", "redis"])
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FastAPI]:
    redis_url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    async with running_app(tmp_path, redis_url=redis_url) as app:
        yield app


@pytest.fixture
async def school(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        await open_school(client)
        yield client


def path_to(path: str, query: str = "") -> Door:
    async def ask(client: httpx.AsyncClient, headers: Mapping[str, str], student_id: str) -> httpx.Response:
        return await client.get(f"/api/v1/students/{student_id}/{path}{query}", headers=dict(headers))

    return ask


def intent(name: str, path: str) -> Door:
    async def ask(client: httpx.AsyncClient, headers: Mapping[str, str], student_id: str) -> httpx.Response:
        body = {"intent": name, "payload": {"student_id": student_id}}
        return await client.post(path, json=body, headers=dict(headers))

    return ask


DOORS: Mapping[str, Door] = {
    **{path: path_to(path) for path in (*TAGGED, *PERSONAL)},
    **{f"{path} with options": path_to(path, "?topic=loops&limit=1&open=true") for path in (*TAGGED, *PERSONAL)},
    **{f"{name} at {path}": intent(name, path) for name in INTENTS for path in ("/process", "/api/v1/process")},
}


async def statuses(client: httpx.AsyncClient, door: Door, callers: tuple[str, ...] | list[str]) -> dict[str, int]:
    return {caller: (await door(client, CALLERS[caller], STUDENT)).status_code for caller in callers}


@pytest.mark.parametrize("door", DOORS)
async def test_every_door_opens_to_the_student_their_teachers_and_admins_and_to_nobody_else(
    school: httpx.AsyncClient, door: str
) -> None:
    # First those who may, so that their answer is in every cache when the others ask.
    assert await statuses(school, DOORS[door], INSIDERS) == dict.fromkeys(INSIDERS, 200)
    assert await statuses(school, DOORS[door], INTRUDERS) == dict.fromkeys(INTRUDERS, 403)
    for caller in INTRUDERS:
        refused = await DOORS[door](school, CALLERS[caller], STUDENT)
        assert anonymised(refused) == anonymised(await DOORS[door](school, CALLERS[caller], MISSING)), caller
        assert "etag" not in refused.headers


@pytest.mark.parametrize("path", TAGGED)
async def test_the_tag_of_a_students_answer_opens_nothing_to_others(school: httpx.AsyncClient, path: str) -> None:
    tag = (await path_to(path)(school, CALLERS["self"], STUDENT)).headers["ETag"]
    for condition in ({"If-None-Match": tag}, ALL_TAGS):
        assert (await path_to(path)(school, CALLERS["teacher"] | condition, STUDENT)).status_code == 304
        for caller in INTRUDERS:
            refused = await path_to(path)(school, CALLERS[caller] | condition, STUDENT)
            assert (refused.status_code, refused.headers.get("ETag")) == (403, None), caller


async def test_a_cursor_of_another_students_page_leads_to_ones_own(school: httpx.AsyncClient) -> None:
    theirs = (await path_to("outcomes", "?limit=1")(school, CALLERS["self"], STUDENT)).json()["next"]
    own = await path_to("outcomes", f"?cursor={theirs}")(school, CALLERS["other student"], OTHER)
    events = [outcome["event_id"] for outcome in own.json()["outcomes"]]
    assert events
    assert all(event_id.startswith(OTHER) for event_id in events)
    refused = await path_to("outcomes", f"?cursor={theirs}")(school, CALLERS["other student"], STUDENT)
    assert refused.status_code == 403


@pytest.mark.parametrize("path", [*TAGGED, *PERSONAL])
async def test_a_student_named_beside_the_path_changes_nothing(school: httpx.AsyncClient, path: str) -> None:
    own = await path_to(path)(school, CALLERS["other student"], OTHER)
    for query in (f"?student_id={STUDENT}", f"?student={STUDENT}&cohort_id={COHORT}"):
        same = await path_to(path, query)(school, CALLERS["other student"], OTHER)
        assert (same.status_code, same.content) == (200, own.content)
    refused = await path_to(path, f"?student_id={OTHER}")(school, CALLERS["other student"], STUDENT)
    assert refused.status_code == 403


@pytest.mark.parametrize("name", INTENTS)
async def test_a_list_of_students_in_a_payload_opens_nothing(school: httpx.AsyncClient, name: str) -> None:
    own = await intent(name, "/process")(school, CALLERS["other student"], OTHER)
    for payload, status in (
        ({"student_id": OTHER, "student_ids": [STUDENT]}, 200),
        ({"student_id": [OTHER, STUDENT]}, 400),
        ({"student_id": OTHER, "cohort_id": COHORT}, 200),
        ({"student_ids": [STUDENT]}, 400),
    ):
        body = {"intent": name, "payload": payload, "student_id": STUDENT}
        answer = await school.post("/process", json=body, headers=CALLERS["other student"])
        assert answer.status_code == status
        assert status != 200 or answer.json()["result"] == own.json()["result"]
        assert STUDENT not in answer.text


@pytest.mark.parametrize("roles", [["teacher"], ["student"], ["teacher", "student"]])
async def test_a_cohort_or_a_student_that_a_token_names_is_not_trusted(
    school: httpx.AsyncClient, roles: list[str]
) -> None:
    named = {"cohorts": [COHORT], "cohort_id": COHORT, "cohort": COHORT, "students": [STUDENT], "student_id": STUDENT}
    for user_id in ("teacher-3", "teacher-2", OTHER):
        text = signed(claims(user_id=user_id, roles=roles, exp=NOW_S + 60, **named))
        headers = {"Authorization": f"Bearer {text}"}
        assert {(await door(school, headers, STUDENT)).status_code for door in DOORS.values()} == {403}
        assert (await school.get(f"/api/v1/cohorts/{COHORT}", headers=headers)).status_code == 403


# -- a membership ends

WAYS_OUT: Mapping[str, tuple[str, str, object]] = {
    "the teacher is removed": ("DELETE", f"{COHORT}/teachers/teacher-1", None),
    "the student is removed": ("DELETE", f"{COHORT}/students/{STUDENT}", None),
    "the cohort gets other students": ("PUT", COHORT, {"name": "L", "teachers": ["teacher-1"], "students": [OTHER]}),
    "the cohort gets another teacher": ("PUT", COHORT, {"name": "L", "teachers": ["teacher-3"], "students": [STUDENT]}),
    "the cohort is removed": ("DELETE", COHORT, None),
}


async def change(client: httpx.AsyncClient, way: tuple[str, str, object]) -> None:
    method, path, content = way
    answer = await client.request(method, f"/api/v1/cohorts/{path}", json=content, headers=ADMIN)
    assert answer.is_success, answer.text


@pytest.mark.parametrize("way", WAYS_OUT)
async def test_a_teacher_reads_nothing_more_at_once_when(school: httpx.AsyncClient, way: str) -> None:
    tags = {}
    for name, door in DOORS.items():
        tags[name] = (await door(school, CALLERS["teacher"], STUDENT)).headers.get("ETag", "*")
    await change(school, WAYS_OUT[way])
    for name, door in DOORS.items():
        for condition in ({}, {"If-None-Match": tags[name]}):
            assert (await door(school, CALLERS["teacher"] | condition, STUDENT)).status_code == 403, name
    assert (await path_to("mastery")(school, CALLERS["self"], STUDENT)).status_code == 200


async def test_a_teacher_who_comes_back_reads_again_at_once(school: httpx.AsyncClient) -> None:
    await change(school, WAYS_OUT["the teacher is removed"])
    await change(school, ("PUT", f"{COHORT}/teachers/teacher-1", None))
    assert (await path_to("mastery")(school, CALLERS["teacher"], STUDENT)).status_code == 200


async def test_a_removal_holds_in_every_process_at_once(redis_url: str, tmp_path: Path) -> None:
    async with (
        running_app(tmp_path, redis_url=redis_url) as one,
        running_app(tmp_path, redis_url=redis_url) as two,
        client_of(one) as client,
        client_of(two) as elsewhere,
    ):
        await open_school(client)
        tag = (await path_to("mastery")(elsewhere, CALLERS["teacher"], STUDENT)).headers["ETag"]
        await change(client, WAYS_OUT["the teacher is removed"])
        headers = CALLERS["teacher"] | {"If-None-Match": tag}
        assert (await path_to("mastery")(elsewhere, headers, STUDENT)).status_code == 403


# -- cohorts


async def test_a_teacher_of_others_reads_neither_the_cohort_nor_by_its_tag(school: httpx.AsyncClient) -> None:
    tag = (await school.get(f"/api/v1/cohorts/{COHORT}", headers=CALLERS["teacher"])).headers["ETag"]
    for condition in ({}, {"If-None-Match": tag}, ALL_TAGS):
        for caller in ("teacher of others", "teacher of nobody", "self", "service"):
            headers = CALLERS[caller] | condition
            refused = await school.get(f"/api/v1/cohorts/{COHORT}", headers=headers)
            missing = await school.get("/api/v1/cohorts/unknown", headers=headers)
            assert refused.status_code == 403
            assert anonymised(refused) == anonymised(missing)


@pytest.mark.parametrize("view", COHORT_VIEWS)
async def test_a_view_of_a_class_opens_to_its_teachers_and_admins_only(school: httpx.AsyncClient, view: str) -> None:
    for query in ("", "?limit=1&sort=-score&topic=loops", f"?student_id={OTHER}&cohort_id={OTHER_COHORT}"):
        for condition in ({}, ALL_TAGS, {"Accept": "text/csv"}):
            for caller in ("teacher", "admin"):
                headers = CALLERS[caller] | condition
                answer = await school.get(f"/api/v1/cohorts/{COHORT}/{view}{query}", headers=headers)
                assert (answer.status_code, OTHER in answer.text) == (200, False)
            for caller in {*INTRUDERS, "self"}:
                headers = CALLERS[caller] | condition
                refused = await school.get(f"/api/v1/cohorts/{COHORT}/{view}{query}", headers=headers)
                missing = await school.get(f"/api/v1/cohorts/{MISSING_COHORT}/{view}{query}", headers=headers)
                assert refused.status_code == 403, caller
                assert anonymised(refused) == anonymised(missing), caller


@pytest.mark.parametrize("view", ["mastery", "struggles"])
async def test_a_cursor_leads_into_no_other_class(school: httpx.AsyncClient, view: str) -> None:
    await school.put(f"/api/v1/cohorts/{OTHER_COHORT}/students/{STUDENT}", headers=ADMIN)
    path = f"/api/v1/cohorts/{OTHER_COHORT}/{view}?limit=1"
    cursor = (await school.get(path, headers=CALLERS["teacher of others"])).json()["next"]
    own = await school.get(f"/api/v1/cohorts/{COHORT}/{view}?cursor={cursor}", headers=CALLERS["teacher"])
    assert own.status_code == 200
    assert OTHER not in own.text


async def test_who_teaches_one_of_two_classes_cannot_compare_them(school: httpx.AsyncClient) -> None:
    for caller, status in (("teacher", 403), ("teacher of others", 403), ("admin", 200)):
        path = f"/api/v1/cohorts/{COHORT}/compare?with={OTHER_COHORT}"
        assert (await school.get(path, headers=CALLERS[caller])).status_code == status


async def test_a_list_of_cohorts_holds_ones_own_whatever_the_cursor(school: httpx.AsyncClient) -> None:
    async def listed(headers: Mapping[str, str], query: str = "") -> list[str]:
        answer = await school.get(f"/api/v1/cohorts{query}", headers=dict(headers))
        return [cohort["cohort_id"] for cohort in answer.json()["cohorts"]]

    first = (await school.get("/api/v1/cohorts?limit=1", headers=ADMIN)).json()
    assert [cohort["cohort_id"] for cohort in first["cohorts"]] == [OTHER_COHORT]
    query = f"?cursor={first['next']}"
    found = {
        caller: (await listed(CALLERS[caller]), await listed(CALLERS[caller], query))
        for caller in ("teacher", "teacher of others", "teacher of nobody", "admin")
    }
    assert found == {
        "teacher": ([COHORT], [COHORT]),
        "teacher of others": ([OTHER_COHORT], []),
        "teacher of nobody": ([], []),
        "admin": ([OTHER_COHORT, COHORT], [COHORT]),
    }


async def test_a_teacher_who_is_an_admin_too_lists_all(school: httpx.AsyncClient) -> None:
    both = bearer("teacher", "admin", user_id="teacher-1")
    assert len((await school.get("/api/v1/cohorts", headers=both)).json()["cohorts"]) == 2
