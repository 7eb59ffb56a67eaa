"""Batch jobs over HTTP: each kind, who may ask, what is refused, keys, pages, cancelling."""

import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from src.batch_work import MAX_RECOMMENDATIONS
from src.domain.batches import MAX_OPEN_BATCHES
from src.domain.curriculum import DEFAULT
from tests.making import wire

from .batch_jobs import BATCH, LIGHTER, ask, ended, made, results, status
from .school import COHORT, COHORTS, MISSING_COHORT, OTHER, STUDENT, open_school
from .student import ADMIN, read, send
from .tokens import bearer

TEACHER = bearer("teacher", user_id="teacher-1")
OTHER_TEACHER = bearer("teacher", user_id="teacher-2")
NOW = "2026-01-15T12:00:00Z"


@pytest.fixture
def waiting(app: FastAPI) -> None:
    """Let no job begin."""
    app.state.resources.analytics.max_concurrent_batches = 0


async def result_of(client: httpx.AsyncClient, student_id: str, **asked: Any) -> Any:
    batch_id = await made(client, student_id, **asked)
    assert (await ended(client, batch_id))["status"] == "completed"
    [item] = await results(client, batch_id)
    assert (item["student_id"], item["status"], item["error"]) == (student_id, "done", None)
    return item["result"]


async def test_a_job_is_queued_and_found_where_the_answer_says(client: httpx.AsyncClient, waiting: None) -> None:
    del waiting
    answer = await ask(client, "student-1", "student-2")
    shown = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/batch/status/{shown['batch_id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    expected = {"kind": "mastery", "status": "queued", "total": 2, "done": 0, "failed": 0, "errors": []}
    assert shown == expected | {
        "batch_id": shown["batch_id"],
        "created_at": NOW,
        "finished_at": None,
        "level_changes": None,
    }
    assert (await client.get(answer.headers["Location"], headers=ADMIN)).json() == shown


async def test_a_job_is_done_to_its_end(client: httpx.AsyncClient) -> None:
    batch_id = await made(client, "student-1", "nobody", "student-1")
    found = await ended(client, batch_id)
    assert (found["status"], found["total"], found["done"], found["failed"]) == ("completed", 2, 2, 0)
    assert found["finished_at"] == NOW
    assert [item["student_id"] for item in await results(client, batch_id)] == ["student-1", "nobody"]


@pytest.mark.parametrize("as_of", [None, "2026-01-14", "2025-01-01", "0001-01-01"])
async def test_a_result_of_mastery_is_the_students_own_answer(client: httpx.AsyncClient, as_of: str | None) -> None:
    query = "" if as_of is None else f"?as_of={as_of}"
    assert await result_of(client, "student-1", as_of=as_of) == await read(client, f"mastery{query}")


@pytest.mark.parametrize(("kind", "path"), [("prediction", "predictions"), ("recommendation", "recommendations")])
async def test_the_other_kinds_answer_what_the_routes_of_the_student_answer(
    client: httpx.AsyncClient, kind: str, path: str
) -> None:
    assert await result_of(client, "student-1", kind=kind) == await read(client, path)


async def test_a_student_without_evidence_has_a_result(client: httpx.AsyncClient) -> None:
    found = await result_of(client, "nobody")
    assert (found["status"], found["score"]) == ("no_evidence", None)
    assert (await result_of(client, "nobody", kind="prediction"))["status"] == "no_evidence"
    [first, *_] = (await result_of(client, "nobody", kind="recommendation"))["recommendations"]
    assert (first["topic"], first["action"], first["due"]) == (DEFAULT.topics[0].topic, "learn", None)


async def test_a_prediction_looks_a_week_ahead(client: httpx.AsyncClient) -> None:
    found = await result_of(client, "student-1", kind="prediction")
    own = await read(client, "mastery")
    assert (found["horizon_days"], found["expected"], found["status"]) == (7, own["score"], own["status"])
    assert found["interval"]["low"] <= found["expected"] <= found["interval"]["high"]


async def test_a_recommendation_has_reasons(client: httpx.AsyncClient) -> None:
    found = (await result_of(client, "student-1", kind="recommendation"))["recommendations"]
    assert 0 < len(found) <= MAX_RECOMMENDATIONS
    assert all(one["reasons"] for one in found)
    assert found == sorted(found, key=lambda one: -one["priority"])


async def test_recomputing_tells_whose_level_would_change_and_changes_nothing(client: httpx.AsyncClient) -> None:
    before = await read(client, "mastery")
    batch_id = await made(client, "student-1", "nobody", kind="recompute", configuration=LIGHTER)
    found = await ended(client, batch_id)
    assert (found["status"], found["done"], found["level_changes"]) == ("completed", 2, 1)
    one, other = [item["result"] for item in await results(client, batch_id)]
    assert one["before"] == {name: before[name] for name in ("score", "level", "status")}
    assert one["level_changed"]
    assert one["after"]["level"] != before["level"]
    assert (other["level_changed"], other["before"]) == (False, other["after"])
    assert await read(client, "mastery") == before


@pytest.mark.parametrize("configuration", [{"method": "highest"}, {"half_life_days": 5}, {"half_life_days": 7.5}])
async def test_a_part_of_a_configuration_is_compared_with_the_rest_as_it_is(
    client: httpx.AsyncClient, configuration: Any
) -> None:
    query = f"?method={configuration['method']}" if "method" in configuration else ""
    found = await result_of(client, "student-1", kind="recompute", configuration=configuration)
    assert found["before"]["score"] == (await read(client, "mastery"))["score"]
    assert not query or found["after"]["score"] == (await read(client, f"mastery{query}"))["score"]


async def test_results_come_in_pages(client: httpx.AsyncClient) -> None:
    students = [f"s-{number}" for number in range(7)]
    batch_id = await made(client, *students)
    await ended(client, batch_id)
    whole = await results(client, batch_id)
    assert [item["student_id"] for item in whole] == students
    assert await results(client, batch_id, limit=3) == whole
    assert await results(client, batch_id, limit=7) == whole


async def test_there_are_no_results_before_there_is_one(client: httpx.AsyncClient, waiting: None) -> None:
    del waiting
    assert await results(client, await made(client, "student-1")) == []


# -- who may ask


async def test_a_teacher_asks_about_students_of_theirs_only(app_client: httpx.AsyncClient) -> None:
    await open_school(app_client)
    mine = await ask(app_client, STUDENT, headers=TEACHER)
    assert mine.status_code == 202
    both = await ask(app_client, STUDENT, OTHER, headers=TEACHER)
    missing = await ask(app_client, STUDENT, "nobody", headers=TEACHER)
    assert (both.status_code, missing.status_code) == (403, 403)
    assert both.json()["detail"] == missing.json()["detail"] == "You may not read this student."
    assert (await ended(app_client, mine.json()["batch_id"], TEACHER))["done"] == 1


async def test_a_job_about_a_cohort_is_about_its_members_when_it_is_made(
    app_client: httpx.AsyncClient, waiting: None
) -> None:
    del waiting
    await open_school(app_client)
    answer = await ask(app_client, cohort_id=COHORT, headers=TEACHER)
    assert (answer.status_code, answer.json()["total"]) == (202, 1)
    changed = COHORTS[COHORT] | {"students": [STUDENT, "new"]}
    await app_client.put(f"/api/v1/cohorts/{COHORT}", json=changed, headers=ADMIN)
    assert (await status(app_client, answer.json()["batch_id"]))["total"] == 1
    assert (await ask(app_client, cohort_id=COHORT, headers=TEACHER)).json()["total"] == 2


async def test_a_cohort_of_others_or_of_nobody_is_refused(app_client: httpx.AsyncClient) -> None:
    await open_school(app_client)
    others = await ask(app_client, cohort_id=COHORT, headers=OTHER_TEACHER)
    missing = await ask(app_client, cohort_id=MISSING_COHORT, headers=OTHER_TEACHER)
    assert (others.status_code, missing.status_code) == (403, 403)
    assert others.json()["detail"] == missing.json()["detail"]
    assert (await ask(app_client, cohort_id=MISSING_COHORT)).status_code == 404


async def test_an_empty_cohort_is_completed_at_once(app_client: httpx.AsyncClient) -> None:
    await app_client.put("/api/v1/cohorts/empty", json={"name": "E", "teachers": [], "students": []}, headers=ADMIN)
    found = await ended(app_client, await made(app_client, cohort_id="empty"))
    assert (found["status"], found["total"]) == ("completed", 0)


async def test_a_job_that_is_not_there_is_told_to_an_admin(app_client: httpx.AsyncClient) -> None:
    for method, path in (("GET", "status/b-1"), ("GET", "b-1/results"), ("DELETE", "b-1")):
        assert (await app_client.request(method, f"{BATCH}/{path}", headers=ADMIN)).status_code == 404


# -- what is refused


INVALID: list[tuple[Any, list[tuple[str, str]]]] = [
    ([], [("", "must be an object")]),
    ({}, [("kind", "required")]),
    ({"kind": "mastery"}, [("student_ids", "must be given, or else cohort_id, and not both")]),
    (
        {"kind": "mastery", "student_ids": ["a"], "cohort_id": "c"},
        [("student_ids", "must be given, or else cohort_id, and not both")],
    ),
    (
        {"kind": "other", "student_ids": ["a"]},
        [("kind", "must be one of 'mastery', 'prediction', 'recommendation' or 'recompute'")],
    ),
    ({"kind": "mastery", "student_ids": []}, [("student_ids", "must not be empty")]),
    (
        {"kind": "mastery", "student_ids": [f"s{number}" for number in range(1001)]},
        [("student_ids", "must have at most 1000 entries")],
    ),
    (
        {"kind": "mastery", "student_ids": ["a b", 7]},
        [
            ("student_ids.0", "must consist of the characters A-Z a-z 0-9 . _ -"),
            ("student_ids.1", "must be text"),
        ],
    ),
    ({"kind": "mastery", "student_ids": ["a"], "secret": 1}, [("", "has a field that is not known")]),
    ({"kind": "mastery", "student_ids": ["a"], "as_of": "today"}, [("as_of", "must be a date, YYYY-MM-DD")]),
    ({"kind": "mastery", "student_ids": ["a"], "as_of": "2026-01-16"}, [("as_of", "must not be after today")]),
    (
        {"kind": "mastery", "student_ids": ["a"], "configuration": {"method": "latest"}},
        [("configuration", "is for recompute only")],
    ),
    ({"kind": "recompute", "student_ids": ["a"]}, [("configuration", "is required for recompute")]),
    (
        {"kind": "recompute", "student_ids": ["a"], "configuration": {}},
        [("configuration", "must have weights, method or half_life_days")],
    ),
    (
        {"kind": "recompute", "student_ids": ["a"], "configuration": {"method": None}},
        [("configuration", "must have weights, method or half_life_days")],
    ),
    (
        {"kind": "recompute", "student_ids": ["a"], "configuration": {"half_life": 1}},
        [("configuration", "has a field that is not known")],
    ),
    (
        {"kind": "recompute", "student_ids": ["a"], "configuration": {"half_life_days": 4.9}},
        [("configuration.half_life_days", "must be at least 5.0")],
    ),
    (
        {"kind": "recompute", "student_ids": ["a"], "configuration": {"weights": {"completion": 1}}},
        [(f"configuration.weights.{name}", "required") for name in ("quiz", "quality", "consistency")],
    ),
    (
        {
            "kind": "recompute",
            "student_ids": ["a"],
            "configuration": {"weights": {"completion": 0.4, "quiz": 0.3, "quality": 0.2, "consistency": 0.2}},
        },
        [("configuration.weights", "must add up to 1")],
    ),
    (
        {
            "kind": "recompute",
            "student_ids": ["a"],
            "configuration": {
                "weights": {"completion": 0.4, "quiz": 0.3, "quality": 0.2999999, "consistency": 0.0000001}
            },
        },
        [("configuration.weights", "must hold numbers of 0 or more with at most six decimals")],
    ),
]


@pytest.mark.parametrize(("content", "reasons"), INVALID)
async def test_what_is_wrong_with_a_job_is_told_by_field_and_without_the_value(
    app_client: httpx.AsyncClient, content: Any, reasons: list[tuple[str, str]]
) -> None:
    answer = await app_client.post(BATCH, json=content, headers=ADMIN)
    assert answer.status_code == 400
    assert [(error["field"], error["reason"]) for error in answer.json()["errors"]] == reasons


async def test_of_a_thousand_wrong_ids_a_hundred_are_told(app_client: httpx.AsyncClient) -> None:
    answer = await ask(app_client, *(["a b"] * 1000))
    assert (answer.status_code, len(answer.json()["errors"])) == (400, 100)


async def test_a_cursor_of_another_list_is_refused(client: httpx.AsyncClient) -> None:
    batch_id = await made(client, "student-1")
    for cursor in ("x", "00", "0000000000"):
        answer = await client.get(f"{BATCH}/{batch_id}/results", params={"cursor": cursor}, headers=ADMIN)
        assert answer.status_code == 400


# -- keys


async def test_the_same_key_and_content_find_the_same_job(app_client: httpx.AsyncClient) -> None:
    keyed = ADMIN | {"Idempotency-Key": "k-1"}
    first, again = [await ask(app_client, "ada", "bob", headers=keyed) for _ in range(2)]
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["batch_id"] == again.json()["batch_id"]
    assert first.headers["Location"] == again.headers["Location"]
    await ended(app_client, first.json()["batch_id"])
    assert (await ask(app_client, "ada", "bob", headers=keyed)).json()["status"] == "completed"


@pytest.mark.parametrize("other", [{"kind": "prediction"}, {"as_of": "2026-01-14"}])
async def test_the_same_key_with_other_content_is_a_conflict(app_client: httpx.AsyncClient, other: Any) -> None:
    keyed = ADMIN | {"Idempotency-Key": "k-1"}
    await ask(app_client, "ada", headers=keyed)
    answer = await ask(app_client, "ada", headers=keyed, **other)
    assert answer.status_code == 409
    assert answer.json()["errors"] == [{"field": "Idempotency-Key", "reason": "was used with other content"}]


async def test_keys_of_two_people_have_nothing_to_do_with_each_other(app_client: httpx.AsyncClient) -> None:
    admins = [bearer("admin", user_id=name) | {"Idempotency-Key": "k-1"} for name in ("a-1", "a-2")]
    first, second = [await ask(app_client, "ada", headers=headers) for headers in admins]
    assert first.json()["batch_id"] != second.json()["batch_id"]


@pytest.mark.parametrize("key", ["", "two words", "k" * 129])
async def test_a_key_of_another_form_is_refused(app_client: httpx.AsyncClient, key: str) -> None:
    answer = await ask(app_client, "ada", headers=ADMIN | {"Idempotency-Key": key})
    assert answer.status_code == 400


# -- limits, cancelling, the log


async def test_somebody_has_so_many_unfinished_jobs_and_no_more(app_client: httpx.AsyncClient, waiting: None) -> None:
    del waiting
    batch_ids = [await made(app_client, "ada") for _ in range(MAX_OPEN_BATCHES)]
    answer = await ask(app_client, "ada")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:mastery-engine:problem:conflict")
    assert (await ask(app_client, "ada", headers=bearer("admin", user_id="another"))).status_code == 202
    await app_client.delete(f"{BATCH}/{batch_ids[0]}", headers=ADMIN)
    assert (await ask(app_client, "ada")).status_code == 202


async def test_a_cancelled_job_stays_cancelled(app: FastAPI, client: httpx.AsyncClient, waiting: None) -> None:
    del waiting
    batch_id = await made(client, "student-1")
    for _ in range(2):
        answer = await client.delete(f"{BATCH}/{batch_id}", headers=ADMIN)
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        assert answer.json()["finished_at"] == NOW
    analytics = app.state.resources.analytics
    analytics.max_concurrent_batches = 1
    analytics.wake()
    await ended(client, await made(client, "student-1"))
    assert (await status(client, batch_id))["status"] == "cancelled"
    assert await results(client, batch_id) == []


async def test_a_completed_job_cannot_be_cancelled(client: httpx.AsyncClient) -> None:
    batch_id = await made(client, "student-1")
    found = await ended(client, batch_id)
    assert (await client.delete(f"{BATCH}/{batch_id}", headers=ADMIN)).json() == found


async def test_the_log_tells_of_a_job_by_the_words_of_the_guide_and_of_no_student(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mastery_engine")
    batch_id = await made(client, "student-1", headers=ADMIN | {"X-Request-ID": "request-7"})
    await ended(client, batch_id)
    told = [record for record in caplog.records if record.name == "mastery_engine.analytics"]
    assert [record.getMessage() for record in told] == ["BATCH Processing batch job", "BATCH Completed batch job"]
    assert {vars(record)["batch_id"] for record in told} == {batch_id}
    assert "student-1" not in caplog.text + str([vars(record) for record in told])


async def test_jobs_are_counted(client: httpx.AsyncClient) -> None:
    await ended(client, await made(client, "student-1", "nobody"))
    text = (await client.get("/metrics")).text
    assert 'mastery_engine_batches_total{kind="mastery",status="queued"} 1.0' in text
    assert 'mastery_engine_batches_total{kind="mastery",status="completed"} 1.0' in text
    assert 'mastery_engine_batch_items_total{kind="mastery",status="done"} 2.0' in text
    assert 'mastery_engine_batch_seconds_count{kind="mastery"} 1.0' in text


async def test_evidence_that_comes_later_is_not_in_a_job_that_is_ended(client: httpx.AsyncClient) -> None:
    batch_id = await made(client, "student-1")
    await ended(client, batch_id)
    before = await results(client, batch_id)
    await send(client, wire("later", data={"total_questions": 5, "correct_answers": 0}))
    assert await results(client, batch_id) == before
