"""Cohorts over HTTP: what may be in one, conditions, members, pages."""

from typing import Any

import httpx
import pytest

from src.domain.cohorts import MAX_NAME, MAX_STUDENTS, MAX_TEACHERS

from .student import ADMIN

COHORTS = "/api/v1/cohorts"
LOOPS = {"name": "Loops", "teachers": ["t-1"], "students": ["ada", "bob"]}


async def put(client: httpx.AsyncClient, content: Any = LOOPS, cohort_id: str = "loops", **headers: str) -> Any:
    return await client.put(f"{COHORTS}/{cohort_id}", json=content, headers=ADMIN | headers)


async def read(client: httpx.AsyncClient, cohort_id: str = "loops") -> httpx.Response:
    return await client.get(f"{COHORTS}/{cohort_id}", headers=ADMIN)


async def test_a_cohort_is_made_replaced_and_removed(app_client: httpx.AsyncClient) -> None:
    made = await put(app_client)
    assert (made.status_code, made.json()) == (201, {"cohort_id": "loops"} | LOOPS)
    found = await read(app_client)
    assert (found.status_code, found.json(), found.headers["ETag"]) == (200, made.json(), made.headers["ETag"])
    assert found.headers["Cache-Control"] == "no-store"
    replaced = await put(app_client, LOOPS | {"name": "Schleifen, é"})
    assert (replaced.status_code, replaced.json()["name"]) == (200, "Schleifen, é")
    assert replaced.headers["ETag"] != made.headers["ETag"]
    removed = await app_client.delete(f"{COHORTS}/loops", headers=ADMIN)
    assert (removed.status_code, removed.content) == (204, b"")
    assert (await app_client.delete(f"{COHORTS}/loops", headers=ADMIN)).status_code == 404
    assert (await read(app_client)).status_code == 404


async def test_the_same_again_changes_nothing(app_client: httpx.AsyncClient) -> None:
    made = await put(app_client)
    again = await put(app_client)
    assert (again.status_code, again.json(), again.headers["ETag"]) == (200, made.json(), made.headers["ETag"])
    unsorted = await put(app_client, LOOPS | {"students": ["bob", "ada", "bob"], "cohort_id": "loops"})
    assert (unsorted.status_code, unsorted.headers["ETag"]) == (200, made.headers["ETag"])


async def test_who_stands_twice_counts_once(app_client: httpx.AsyncClient) -> None:
    answer = await put(app_client, {"name": "Loops", "teachers": ["t-1", "t-1"], "students": ["bob", "ada", "bob"]})
    assert answer.json() == {"cohort_id": "loops", "name": "Loops", "teachers": ["t-1"], "students": ["ada", "bob"]}
    [listed] = (await app_client.get(COHORTS, headers=ADMIN)).json()["cohorts"]
    assert listed == {"cohort_id": "loops", "name": "Loops", "student_count": 2, "teacher_count": 1}


async def test_what_was_read_can_be_put_back(app_client: httpx.AsyncClient) -> None:
    await put(app_client)
    found = await read(app_client)
    answer = await put(app_client, found.json(), **{"If-Match": found.headers["ETag"]})
    assert (answer.status_code, answer.headers["ETag"]) == (200, found.headers["ETag"])


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"name": ...}, "name", "required"),
        ({"teachers": ...}, "teachers", "required"),
        ({"students": ...}, "students", "required"),
        ({"name": ""}, "name", "must not be empty"),
        ({"name": " "}, "name", "must be text of one line"),
        ({"name": "a\nb"}, "name", "must be text of one line"),
        ({"name": "a\x9bb"}, "name", "must be text of one line"),
        ({"name": 7}, "name", "must be text"),
        ({"name": "n" * (MAX_NAME + 1)}, "name", f"must be at most {MAX_NAME} characters"),
        ({"students": "ada"}, "students", "must be a list"),
        ({"students": {"ada": 1}}, "students", "must be a list"),
        ({"students": ["ada", "CANARY:7"]}, "students.1", "must consist of the characters A-Z a-z 0-9 . _ -"),
        ({"students": ["a" * 65]}, "students.0", "must be at most 64 characters"),
        ({"students": [""]}, "students.0", "must not be empty"),
        ({"students": [7]}, "students.0", "must be text"),
        ({"students": [None]}, "students.0", "must be text"),
        (
            {"teachers": ["CANARY 7"]},
            "teachers.0",
            "must consist of 1 to 128 printable ASCII characters without spaces",
        ),
        ({"teachers": ["t" * 129]}, "teachers.0", "must consist of 1 to 128 printable ASCII characters without spaces"),
        ({"teachers": ["té"]}, "teachers.0", "must consist of 1 to 128 printable ASCII characters without spaces"),
        ({"teachers": [f"t{n}" for n in range(MAX_TEACHERS + 1)]}, "teachers", "must have at most 100 entries"),
        ({"students": [f"s{n}" for n in range(MAX_STUDENTS + 1)]}, "students", "must have at most 10000 entries"),
        ({"cohort_id": "other"}, "cohort_id", "must be the id in the path"),
        ({"CANARY": 7}, "", "has a field that is not known"),
    ],
)
async def test_what_is_wrong_with_a_cohort_is_told_by_field(
    app_client: httpx.AsyncClient, changes: dict[str, Any], field: str, reason: str
) -> None:
    content = {name: value for name, value in (LOOPS | changes).items() if value is not ...}
    answer = await put(app_client, content)
    assert (answer.status_code, answer.json()["errors"]) == (400, [{"field": field, "reason": reason}])
    assert "CANARY" not in answer.text
    assert (await read(app_client)).status_code == 404


@pytest.mark.parametrize("content", [[], "text", 7, [LOOPS]])
async def test_a_cohort_is_an_object(app_client: httpx.AsyncClient, content: object) -> None:
    answer = await put(app_client, content)
    assert (answer.status_code, answer.json()["errors"]) == (400, [{"field": "", "reason": "must be an object"}])


async def test_of_thousands_of_reasons_a_hundred_are_told(app_client: httpx.AsyncClient) -> None:
    answer = await put(app_client, LOOPS | {"students": ["a:b"] * MAX_STUDENTS})
    assert (answer.status_code, len(answer.json()["errors"])) == (400, 100)


async def test_the_largest_cohort_fits_in_one_request(app_client: httpx.AsyncClient) -> None:
    students = [f"{number:05}{'x' * 59}" for number in range(MAX_STUDENTS)]
    teachers = [f"{number:03}{'y' * 125}" for number in range(MAX_TEACHERS)]
    answer = await put(app_client, {"name": "n" * MAX_NAME, "teachers": teachers, "students": students})
    assert answer.status_code == 201
    assert (await read(app_client)).json()["students"] == students
    full = await app_client.put(f"{COHORTS}/loops/students/one-more", headers=ADMIN)
    assert (full.status_code, full.json()["errors"]) == (
        409,
        [{"field": "students", "reason": "must have at most 10000 entries"}],
    )
    assert (await app_client.put(f"{COHORTS}/loops/teachers/one-more", headers=ADMIN)).status_code == 409


@pytest.mark.parametrize(
    "path",
    [
        "a:b",
        "a" * 65,
        "loops/students/a:b",
        f"loops/students/{'a' * 65}",
        "loops/teachers/%C3%A9",
        "loops/teachers/a%20b",
        f"loops/teachers/{'a' * 129}",
    ],
)
async def test_an_id_that_cannot_be_one_is_refused(app_client: httpx.AsyncClient, path: str) -> None:
    await put(app_client)
    for method in ("PUT", "DELETE"):
        answer = await app_client.request(method, f"{COHORTS}/{path}", json=LOOPS, headers=ADMIN)
        assert answer.status_code == 400


# -- conditions


async def test_a_cohort_is_replaced_only_where_it_is_as_the_client_read_it(app_client: httpx.AsyncClient) -> None:
    old = (await put(app_client)).headers["ETag"]
    new = (await put(app_client, LOOPS | {"name": "New"}, **{"If-Match": old})).headers["ETag"]
    for condition in (old, f"W/{new}", '"else"', "x", ""):
        answer = await put(app_client, LOOPS, **{"If-Match": condition})
        assert (answer.status_code, answer.json()["type"]) == (412, "urn:mastery-engine:problem:precondition-failed")
    assert (await read(app_client)).json()["name"] == "New"
    for condition in (new, f'"else", {new}', "*"):
        assert (await put(app_client, LOOPS | {"name": "New"}, **{"If-Match": condition})).status_code == 200


async def test_a_cohort_is_made_only_where_there_is_none(app_client: httpx.AsyncClient) -> None:
    assert (await put(app_client, **{"If-None-Match": "*"})).status_code == 201
    for content in (LOOPS, LOOPS | {"name": "New"}):
        assert (await put(app_client, content, **{"If-None-Match": "*"})).status_code == 412
    assert (await read(app_client)).json()["name"] == "Loops"


async def test_nothing_is_made_where_something_is_expected(app_client: httpx.AsyncClient) -> None:
    for condition in ("*", '"7"'):
        assert (await put(app_client, **{"If-Match": condition})).status_code == 412
    assert (await read(app_client)).status_code == 404


async def test_a_change_of_a_member_changes_the_tag(app_client: httpx.AsyncClient) -> None:
    tag = (await put(app_client)).headers["ETag"]
    for method, path in (("PUT", "students/cy"), ("PUT", "teachers/t-2"), ("DELETE", "students/cy")):
        answer = await app_client.request(method, f"{COHORTS}/loops/{path}", headers=ADMIN)
        assert answer.status_code == 204
        assert (await put(app_client, LOOPS, **{"If-Match": tag})).status_code == 412
        tag = (await read(app_client)).headers["ETag"]


async def test_a_cohort_is_removed_only_where_it_is_as_the_client_read_it(app_client: httpx.AsyncClient) -> None:
    tag = (await put(app_client)).headers["ETag"]
    for condition, status in (('"else"', 412), (tag, 204)):
        answer = await app_client.delete(f"{COHORTS}/loops", headers=ADMIN | {"If-Match": condition})
        assert answer.status_code == status


async def test_what_the_client_has_already_is_not_sent_again(app_client: httpx.AsyncClient) -> None:
    tag = (await put(app_client)).headers["ETag"]
    for condition, status in ((tag, 304), (f"W/{tag}", 304), ("*", 304), ('"else"', 200)):
        answer = await app_client.get(f"{COHORTS}/loops", headers=ADMIN | {"If-None-Match": condition})
        assert (answer.status_code, answer.headers["ETag"]) == (status, tag)


# -- members and pages


@pytest.mark.parametrize(("kind", "member_id"), [("students", "cy"), ("teachers", "auth0|7")])
async def test_a_member_comes_and_goes_and_twice_is_as_once(
    app_client: httpx.AsyncClient, kind: str, member_id: str
) -> None:
    await put(app_client)
    for method, is_member in (("PUT", True), ("PUT", True), ("DELETE", False), ("DELETE", False)):
        answer = await app_client.request(method, f"{COHORTS}/loops/{kind}/{member_id}", headers=ADMIN)
        assert (answer.status_code, answer.content) == (204, b"")
        assert (member_id in (await read(app_client)).json()[kind]) == is_member


async def test_cohorts_are_listed_page_by_page(app_client: httpx.AsyncClient) -> None:
    for number in range(5):
        await put(app_client, LOOPS, f"c{number}")
    pages, query = [], ""
    while query is not None:
        page = (await app_client.get(f"{COHORTS}?limit=2{query}", headers=ADMIN)).json()
        pages.append([cohort["cohort_id"] for cohort in page["cohorts"]])
        query = page["next"] and f"&cursor={page['next']}"
    assert pages == [["c0", "c1"], ["c2", "c3"], ["c4"]]


@pytest.mark.parametrize("cursor", ["x", "", "ff", "613a62", "61" * 65])
async def test_a_cursor_of_another_list_is_refused(app_client: httpx.AsyncClient, cursor: str) -> None:
    answer = await app_client.get(f"{COHORTS}?cursor={cursor}", headers=ADMIN)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]
