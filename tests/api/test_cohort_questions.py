"""Views of a class: what if, comparisons, thresholds, and classes of which there is little to say."""

from typing import Any

import httpx
import msgspec
import pytest

from src.cohort_answers import (
    CohortMasteryAnswer,
    CohortStrugglesAnswer,
    CohortSummaryAnswer,
    ComparisonAnswer,
    HotspotsAnswer,
    TriageAnswer,
)
from tests.making import wire

from .classroom import COHORT, CONTENT, STUDENTS, TEACHER, URL, ask, view
from .school import CALLERS
from .student import ADMIN, send
from .tokens import bearer

VIEWS = ("mastery", "summary", "compare", "triage", "hotspots", "struggles")
WHAT_IFS = ("mastery", "summary", "compare", "triage")
USUAL = {"needs_help_below": 0.5, "open_struggles": 1, "inactive_days": 7, "excelling_from": 0.9}
THRESHOLDS = f"{URL}/triage/thresholds"
QUIZ_ONLY = "weights=completion=0,quiz=1,quality=0,consistency=0"


async def move(client: httpx.AsyncClient, thresholds: Any, **headers: str) -> httpx.Response:
    return await client.put(THRESHOLDS, json=thresholds, headers=TEACHER | headers)


def group_of(triage: Any, student_id: str) -> str:
    (found,) = [
        group for group, placed in triage["groups"].items() if student_id in {one["student_id"] for one in placed}
    ]
    return str(found)


DESCRIBED = {
    "mastery": CohortMasteryAnswer,
    "summary": CohortSummaryAnswer,
    "compare": ComparisonAnswer,
    "triage": TriageAnswer,
    "hotspots": HotspotsAnswer,
    "struggles": CohortStrugglesAnswer,
}


@pytest.mark.parametrize("path", VIEWS)
async def test_a_view_has_the_fields_that_the_interface_describes_and_no_others(
    classroom: httpx.AsyncClient, path: str
) -> None:
    answer = await view(classroom, path)
    shown = msgspec.json.encode(msgspec.convert(answer, DESCRIBED[path]))
    assert msgspec.json.decode(shown) == answer


# -- what if


@pytest.mark.parametrize("path", WHAT_IFS)
async def test_another_model_is_marked_as_such(classroom: httpx.AsyncClient, path: str) -> None:
    usual = await view(classroom, path)
    assert usual["what_if"] is False
    for query in ("method=latest", QUIZ_ONLY, f"method=average&{QUIZ_ONLY}"):
        answer = await view(classroom, f"{path}?{query}")
        assert answer["what_if"] is True, query
        assert answer["model"]["config_id"] != usual["model"]["config_id"]


@pytest.mark.parametrize("path", WHAT_IFS)
async def test_the_configured_model_by_name_is_no_other(classroom: httpx.AsyncClient, path: str) -> None:
    usual = await view(classroom, path)
    weights = "weights=completion=0.4, quiz=0.30,quality=0.2,consistency=0.1"
    for query in ("method=decaying_average", weights):
        assert await view(classroom, f"{path}?{query}") == usual


async def test_with_other_weights_the_scores_are_others_and_nothing_is_kept(classroom: httpx.AsyncClient) -> None:
    usual = await view(classroom, "mastery")
    rows = {one["student_id"]: one for one in (await view(classroom, f"mastery?{QUIZ_ONLY}"))["students"]}
    assert (rows["eve"]["score"], rows["amy"]["score"]) == (0.95, None)
    assert rows["eve"]["model"]["weights"] == {"completion": 0.0, "quiz": 1.0, "quality": 0.0, "consistency": 0.0}
    assert group_of(await view(classroom, f"triage?{QUIZ_ONLY}&open_struggles=2"), "eve") == "excelling"
    assert (await view(classroom, f"summary?{QUIZ_ONLY}"))["scored"] == 10
    assert await view(classroom, "mastery") == usual


async def test_a_file_says_by_which_model_it_was_made(classroom: httpx.AsyncClient) -> None:
    answer = await ask(classroom, "mastery?method=highest&topic=loops", Accept="text/csv")
    header, *rows = [line.split(",") for line in answer.text.splitlines()]
    assert {row[header.index("what_if")] for row in rows} == {"true"}


# -- comparisons


async def two_classes(client: httpx.AsyncClient) -> None:
    halves = {"early": STUDENTS[:6], "late": STUDENTS[6:]}
    for cohort_id, students in halves.items():
        content = CONTENT | {"students": students, "teachers": ["teacher-1"] if cohort_id == "early" else ["other"]}
        await client.put(f"/api/v1/cohorts/{cohort_id}", json=content, headers=ADMIN)


async def test_two_classes_are_compared_by_their_own_summaries(classroom: httpx.AsyncClient) -> None:
    await two_classes(classroom)
    answer = await classroom.get("/api/v1/cohorts/early/compare?with=late", headers=ADMIN)
    found = answer.json()
    for side, cohort_id in (("first", "early"), ("second", "late")):
        own = (await classroom.get(f"/api/v1/cohorts/{cohort_id}/summary", headers=ADMIN)).json()
        assert found[side] == {name: own[name] for name in found[side]}
    difference = found["difference"]
    assert (difference["design"], difference["students"]) == ("independent", [6, 5])
    assert difference["mean"] == pytest.approx(found["first"]["mean"] - found["second"]["mean"], abs=2e-6)
    assert difference["interval"]["low"] < difference["mean"] < difference["interval"]["high"]
    back = (await classroom.get("/api/v1/cohorts/late/compare?with=early", headers=ADMIN)).json()
    assert back["difference"]["mean"] == -difference["mean"]


async def test_both_classes_have_to_be_readable(classroom: httpx.AsyncClient) -> None:
    await two_classes(classroom)
    path = "/api/v1/cohorts/early/compare?with="
    statuses = {
        (who, other): (await classroom.get(path + other, headers=headers)).status_code
        for who, headers in (("teacher-1", TEACHER), ("other", bearer("teacher", user_id="other")), ("admin", ADMIN))
        for other in ("early", "late", "unknown")
    }
    assert statuses == {
        ("teacher-1", "early"): 200,
        ("teacher-1", "late"): 403,
        ("teacher-1", "unknown"): 403,
        ("other", "early"): 403,
        ("other", "late"): 403,
        ("other", "unknown"): 403,
        ("admin", "early"): 200,
        ("admin", "late"): 200,
        ("admin", "unknown"): 404,
    }


async def test_a_class_compared_with_itself_today_is_the_same(classroom: httpx.AsyncClient) -> None:
    for query in ("compare", f"compare?with={COHORT}&with_as_of=2026-01-15"):
        found = await view(classroom, query)
        assert found["first"] == found["second"]
        assert found["difference"] == {
            "design": "paired",
            "mean": 0.0,
            "interval": {"level": 0.95, "low": 0.0, "high": 0.0},
            "reason": None,
            "students": [11, 11],
        }


async def test_in_one_topic_only_who_has_evidence_is_compared(classroom: httpx.AsyncClient) -> None:
    found = await view(classroom, "compare?topic=numbers&with_as_of=2026-01-12")
    assert (found["topic"], found["difference"]["students"]) == ("numbers", [2, 2])


async def test_of_too_few_no_interval_is_claimed(classroom: httpx.AsyncClient) -> None:
    found = (await view(classroom, "compare?with_as_of=2025-12-31"))["difference"]
    assert (found["mean"], found["interval"], found["reason"]) == (None, None, "nobody_to_compare")
    assert (await view(classroom, "compare?with_as_of=2026-01-01"))["difference"]["reason"] == "too_few_students"


# -- thresholds


async def test_thresholds_are_tried_without_being_kept(classroom: httpx.AsyncClient) -> None:
    before = await view(classroom, "triage")
    assert (before["thresholds"], before["preview"]) == (USUAL, False)
    tried = await view(classroom, "triage?inactive_days=11&open_struggles=3&needs_help_below=0.28")
    assert (tried["preview"], tried["thresholds"]) == (
        True,
        USUAL | {"inactive_days": 11, "open_struggles": 3, "needs_help_below": 0.28},
    )
    assert {group_of(tried, one) for one in ("amy", "ben", "cal", "dan", "eve", "fay", "gus")} == {"on_track"}
    assert await view(classroom, "triage") == before
    assert (await view(classroom, "triage?inactive_days=7"))["preview"] is False


@pytest.mark.parametrize("headers", [TEACHER, ADMIN], ids=["teacher", "admin"])
async def test_thresholds_are_moved_for_one_class(classroom: httpx.AsyncClient, headers: dict[str, str]) -> None:
    await two_classes(classroom)
    moved = USUAL | {"excelling_from": 0.7, "needs_help_below": 0.1, "open_struggles": 2}
    answer = await classroom.put(THRESHOLDS, json=moved, headers=headers)
    assert (answer.status_code, answer.json()) == (200, moved)
    triage = await view(classroom, "triage")
    assert (triage["thresholds"], triage["preview"]) == (moved, False)
    assert [one["student_id"] for one in triage["groups"]["excelling"]] == ["ben", "eve", "jon", "kim"]
    other = (await classroom.get("/api/v1/cohorts/early/triage", headers=ADMIN)).json()
    assert other["thresholds"] == USUAL


async def test_thresholds_not_given_are_as_usual(classroom: httpx.AsyncClient) -> None:
    await move(classroom, {"inactive_days": 30, "open_struggles": 5})
    assert (await move(classroom, {"inactive_days": 14})).json() == USUAL | {"inactive_days": 14}
    assert (await move(classroom, {})).json() == USUAL


async def test_thresholds_outlive_a_change_of_members(classroom: httpx.AsyncClient) -> None:
    tag = (await classroom.get(URL, headers=ADMIN)).headers["ETag"]
    await move(classroom, {"inactive_days": 14})
    again = await classroom.put(URL, json=CONTENT, headers=ADMIN | {"If-Match": tag})
    assert (again.status_code, again.headers["ETag"]) == (200, tag)
    await classroom.put(URL, json=CONTENT | {"students": ["amy"]}, headers=ADMIN)
    assert (await view(classroom, "triage"))["thresholds"] == USUAL | {"inactive_days": 14}


@pytest.mark.parametrize(
    ("content", "field", "reason"),
    [
        ({"needs_help_below": 1.1}, "needs_help_below", "must be at most 1.0"),
        ({"excelling_from": -0.1}, "excelling_from", "must be at least 0.0"),
        ({"open_struggles": 0}, "open_struggles", "must be at least 1"),
        ({"open_struggles": 201}, "open_struggles", "must be at most 200"),
        ({"inactive_days": 91}, "inactive_days", "must be at most 90"),
        ({"inactive_days": 1.5}, "inactive_days", "must be a whole number"),
        ({"inactive_days": "7"}, "inactive_days", "must be a whole number"),
        ({"inactive_days": None}, "inactive_days", "must be a whole number"),
        ({"needs_help_below": 0.95}, "needs_help_below", "must not be more than excelling_from"),
        ({"CANARY": 1}, "", "has a field that is not known"),
        ([], "", "must be an object"),
    ],
)
async def test_thresholds_that_cannot_be_are_refused(
    classroom: httpx.AsyncClient, content: Any, field: str, reason: str
) -> None:
    answer = await move(classroom, content)
    assert (answer.status_code, answer.json()["errors"]) == (400, [{"field": field, "reason": reason}])
    assert "CANARY" not in answer.text
    assert (await view(classroom, "triage"))["thresholds"] == USUAL


async def test_who_does_not_teach_the_class_moves_nothing(classroom: httpx.AsyncClient) -> None:
    for caller in ("self", "other student", "teacher of others", "teacher of nobody", "service"):
        answer = await classroom.put(THRESHOLDS, json={"inactive_days": 14}, headers=CALLERS[caller])
        assert answer.status_code == 403
    assert (await view(classroom, "triage"))["thresholds"] == USUAL


async def test_there_are_no_thresholds_without_a_class(app_client: httpx.AsyncClient) -> None:
    assert (await app_client.put(THRESHOLDS, json={}, headers=ADMIN)).status_code == 404


# -- classes of which there is little to say


async def test_of_an_empty_class_every_view_is_empty(app_client: httpx.AsyncClient) -> None:
    await app_client.put(URL, json=CONTENT | {"students": []}, headers=ADMIN)
    found = {path: await view(app_client, path) for path in VIEWS}
    assert (found["mastery"]["students"], found["mastery"]["next"]) == ([], None)
    assert (found["summary"]["count"], found["summary"]["mean"], found["summary"]["topics"]) == (0, None, [])
    assert not any(found["triage"]["groups"].values())
    assert (found["hotspots"]["hotspots"], found["struggles"]) == ([], {"struggles": [], "next": None})
    assert found["compare"]["difference"]["reason"] == "nobody_to_compare"
    lines = (await ask(app_client, "mastery", Accept="text/csv")).text.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["student_id"]


async def test_a_class_without_evidence_is_told_as_such(app_client: httpx.AsyncClient) -> None:
    await app_client.put(URL, json=CONTENT, headers=ADMIN)
    summary = await view(app_client, "summary")
    assert (summary["count"], summary["scored"], summary["statuses"]["no_evidence"]) == (12, 0, 12)
    assert {row["status"] for row in (await view(app_client, "mastery"))["students"]} == {"no_evidence"}
    assert [one["student_id"] for one in (await view(app_client, "triage"))["groups"]["no_data"]] == STUDENTS


async def test_new_evidence_is_in_every_view_at_once(classroom: httpx.AsyncClient) -> None:
    before = {path: await view(classroom, path) for path in VIEWS}
    await send(
        classroom, wire("new", student_id="lea"), wire("help", "help.requested", student_id="lea", topic="lists")
    )
    after = {path: await view(classroom, path) for path in VIEWS}
    assert {path for path in VIEWS if before[path] != after[path]} == set(VIEWS)
    assert group_of(after["triage"], "lea") == "needs_help"
    assert after["struggles"]["struggles"][0]["student_id"] == "lea"


@pytest.mark.parametrize("path", VIEWS)
async def test_of_a_class_that_was_removed_nothing_is_told(classroom: httpx.AsyncClient, path: str) -> None:
    assert (await ask(classroom, path)).status_code == 200
    await classroom.delete(URL, headers=ADMIN)
    assert (await ask(classroom, path)).status_code == 403
    assert (await classroom.get(f"{URL}/{path}", headers=ADMIN)).status_code == 404
    assert (await classroom.get(f"{URL}/{path}", headers=ADMIN | {"Accept": "text/csv"})).status_code == 404


@pytest.mark.parametrize("path", VIEWS)
async def test_a_teacher_who_was_taken_out_reads_nothing_more(classroom: httpx.AsyncClient, path: str) -> None:
    assert (await ask(classroom, path)).status_code == 200
    await classroom.delete(f"{URL}/teachers/teacher-1", headers=ADMIN)
    assert (await ask(classroom, path)).status_code == 403
    assert (await move(classroom, {})).status_code == 403


async def test_a_student_who_was_taken_out_is_in_no_view(classroom: httpx.AsyncClient) -> None:
    await classroom.delete(f"{URL}/students/ben", headers=ADMIN)
    for path in VIEWS:
        assert "ben" not in (await ask(classroom, path)).text
    assert (await view(classroom, "summary"))["count"] == 11
