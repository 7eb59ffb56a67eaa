"""What the routes about mastery answer: shapes, days, topics, methods, tags."""

from datetime import date
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from tests.making import NOW_US, wire

from .serving import client_of, running_app
from .student import ADMIN, EVENTS, PERSONAL, STUDENT, TAGGED, get, read, send
from .tokens import DAY_S, NOW_S, bearer

STANDING = {"score", "level", "status", "confidence", "components"}
VALUE = {"score", "confidence", "weight", "effective_weight"}


async def test_mastery_has_the_documented_shape(client: httpx.AsyncClient) -> None:
    answer = await read(client, "mastery")
    assert set(answer) == {"student_id", "as_of", *STANDING, "topics", "model", "complete", "evidence_from", "what_if"}
    assert list(answer["components"]) == ["completion", "quiz", "quality", "consistency"]
    assert all(set(value) == VALUE for value in answer["components"].values())
    assert [topic["topic"] for topic in answer["topics"]] == ["functions", "lists", "loops"]
    for topic in answer["topics"]:
        assert set(topic) == {"topic", *STANDING}
        assert list(topic["components"]) == ["completion", "quiz", "quality"]
    assert set(answer["model"]) == {"version", "method", "weights", "half_life_days", "config_id"}
    assert (answer["student_id"], answer["as_of"]) == ("student-1", "2026-01-15")
    assert (answer["complete"], answer["evidence_from"]) == (True, None)


async def test_a_component_without_evidence_is_null_and_the_others_share_its_weight(
    app_client: httpx.AsyncClient,
) -> None:
    await send(app_client, wire())
    answer = await read(app_client, "mastery")
    assert answer["components"]["completion"] is answer["components"]["quality"] is None
    assert answer["components"]["quiz"] == {
        "score": 0.8,
        "confidence": 0.625,
        "weight": 0.3,
        "effective_weight": 0.75,
    }
    assert answer["components"]["consistency"]["effective_weight"] == 0.25
    assert answer["score"] == 0.625  # 0.75 * 0.8 + 0.25 * 0.1


async def test_an_unknown_student_has_no_evidence_in_the_same_shape(app_client: httpx.AsyncClient) -> None:
    answer = await read(app_client, "mastery")
    assert set(answer["components"].values()) == {None}
    assert (answer["score"], answer["level"], answer["status"]) == (None, None, "no_evidence")
    assert (answer["confidence"], answer["topics"]) == (0.0, [])
    explanation = await read(app_client, "mastery/explanation")
    assert (explanation["score"], explanation["contributions"]) == (None, [])
    assert await read(app_client, "outcomes") == {"outcomes": [], "next": None}
    assert await read(app_client, "struggles") == {"struggles": []}


async def test_an_earlier_day_is_answered_as_it_stood_at_its_end(client: httpx.AsyncClient) -> None:
    answer = await read(client, "mastery?as_of=2026-01-13")
    assert answer["as_of"] == "2026-01-13"
    assert [topic["topic"] for topic in answer["topics"]] == ["lists"]
    assert answer["score"] == 0.2125  # 0.75 * 0.25 + 0.25 * 0.1


async def test_a_day_whose_window_retention_has_cut_says_so(client: httpx.AsyncClient) -> None:
    answer = await read(client, "mastery?as_of=2026-01-14")
    assert (answer["complete"], answer["evidence_from"]) == (False, "2025-10-18")
    assert (await read(client, "mastery?as_of=0001-01-01"))["status"] == "no_evidence"


@pytest.mark.parametrize("path", ["mastery?as_of=2026-01-16", "mastery/explanation?as_of=9999-12-31"])
async def test_a_day_to_come_is_400(client: httpx.AsyncClient, path: str) -> None:
    answer = await get(client, path)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "as_of", "reason": "must not be after today"}]


async def test_a_topic_is_answered_alone(client: httpx.AsyncClient) -> None:
    answer = await read(client, "mastery?topic=loops")
    assert list(answer["components"]) == ["completion", "quiz", "quality"]
    assert [topic["topic"] for topic in answer["topics"]] == ["loops"]
    whole = await read(client, "mastery")
    assert answer["topics"][0] in whole["topics"]
    assert {name: answer[name] for name in STANDING} == {name: answer["topics"][0][name] for name in STANDING}


async def test_a_topic_without_evidence_is_answered_as_such(client: httpx.AsyncClient) -> None:
    answer = await read(client, "mastery?topic=recursion")
    assert (answer["score"], answer["status"]) == (None, "no_evidence")


async def test_each_method_answers_from_the_same_evidence(client: httpx.AsyncClient) -> None:
    quiz = {}
    for method in ("decaying_average", "average", "latest", "highest"):
        answer = await read(client, f"mastery?method={method}")
        assert answer["model"]["method"] == method
        quiz[method] = answer["components"]["quiz"]["score"]
    # 4 of 5 twice on the 15th, 1 of 4 two days before, which counts for a little less than the rest.
    assert quiz["average"] == 0.642857
    assert quiz["latest"] == quiz["highest"] == 0.8
    assert 0.642857 < quiz["decaying_average"] < 0.66


async def test_each_configuration_has_an_id_of_its_own(client: httpx.AsyncClient) -> None:
    ids = {(await read(client, f"mastery?method={m}"))["model"]["config_id"] for m in ("average", "latest", "highest")}
    assert len({*ids, (await read(client, "mastery"))["model"]["config_id"]}) == 4


@pytest.mark.parametrize("query", ["", "?topic=loops", "?as_of=2026-01-14", "?as_of=2026-01-14&topic=functions"])
async def test_the_parts_of_an_explanation_add_up_to_the_score_of_the_answer(
    client: httpx.AsyncClient, query: str
) -> None:
    answer = await read(client, f"mastery/explanation{query}")
    assert set(answer) == {"score", "contributions", "improvements"}
    assert all(set(part) == {"component", "topic", "day", "value"} for part in answer["contributions"])
    assert all(set(part) == {"component", "topic", "action", "gain"} for part in answer["improvements"])
    parts = [round(part["value"] * 1_000_000) for part in answer["contributions"]]
    assert sum(parts) == round(answer["score"] * 1_000_000)
    assert answer["score"] == (await read(client, f"mastery{query}"))["score"]
    gains = [part["gain"] for part in answer["improvements"]]
    assert gains == sorted(gains, reverse=True)


async def test_a_history_has_a_point_for_every_day_and_ends_like_the_answer_of_today(client: httpx.AsyncClient) -> None:
    answer = await read(client, "mastery/history")
    assert set(answer) == {"points", "model", "what_if"}
    points = answer["points"]
    assert all(set(point) == {"date", *STANDING} for point in points)
    days = [date.fromisoformat(point["date"]) for point in points]
    assert (days[0], days[-1], len(days)) == (date(2025, 12, 17), date(2026, 1, 15), 30)
    assert {(later - earlier).days for earlier, later in pairwise(days)} == {1}
    today = await read(client, "mastery")
    assert {name: points[-1][name] for name in STANDING} == {name: today[name] for name in STANDING}


@pytest.mark.parametrize(
    ("query", "dates"),
    [
        ("from=2026-01-13&to=2026-01-15", ["2026-01-13", "2026-01-14", "2026-01-15"]),
        ("from=2026-01-15", ["2026-01-15"]),
        ("from=2025-12-28&to=2026-01-11&interval=week", ["2025-12-28", "2026-01-04", "2026-01-11"]),
        ("from=2025-12-29&interval=week", ["2026-01-04", "2026-01-11", "2026-01-15"]),
        ("from=2025-11-30&interval=month", ["2025-11-30", "2025-12-31", "2026-01-15"]),
        ("from=2025-11-30&to=2025-12-31&interval=month", ["2025-11-30", "2025-12-31"]),
        ("from=2024-12-12&interval=day", None),
        ("from=0001-01-01&to=0001-01-02", ["0001-01-01", "0001-01-02"]),
    ],
)
async def test_a_history_has_its_points_where_the_interval_ends(
    client: httpx.AsyncClient, query: str, dates: list[str] | None
) -> None:
    points = (await read(client, f"mastery/history?{query}"))["points"]
    assert [point["date"] for point in points] == dates if dates else len(points) == 400


async def test_a_history_of_a_topic_is_the_history_of_that_topic(client: httpx.AsyncClient) -> None:
    points = (await read(client, "mastery/history?from=2026-01-13&topic=lists"))["points"]
    for point in points:
        answer = await read(client, f"mastery?topic=lists&as_of={point['date']}")
        assert {name: point[name] for name in STANDING} == {name: answer[name] for name in STANDING}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("to=2026-01-16", "to"),
        ("from=2026-01-15&to=2026-01-14", "from"),
        ("from=2024-12-11", "from"),
        ("from=0001-01-01", "from"),
        ("interval=year", "interval"),
        ("from=2026-13-01", "from"),
        ("to=2026-02-30", "to"),
    ],
)
async def test_a_history_that_cannot_be_is_400(client: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await get(client, f"mastery/history?{query}")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("path", TAGGED)
async def test_an_answer_known_to_the_client_is_304_until_an_event_changes_it(
    client: httpx.AsyncClient, path: str
) -> None:
    first = await get(client, path)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    for known in (tag, f'"else", {tag}', f"W/{tag}", "*"):
        same = await get(client, path, **{"If-None-Match": known})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
        assert same.headers["Cache-Control"] == "private, no-cache"
    await send(client, wire("one-more", "quality.assessed"))
    changed = await get(client, path, **{"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
    assert changed.content != first.content


@pytest.mark.parametrize("path", TAGGED)
async def test_a_tag_that_is_not_the_answers_gets_the_answer(client: httpx.AsyncClient, path: str) -> None:
    tag = (await get(client, path)).headers["ETag"]
    for other in ("", '"', '"else"', tag.strip('"'), tag[:-2] + '"', "x" * 100_000, ",,,"):
        assert (await get(client, path, **{"If-None-Match": other})).status_code == 200


@pytest.mark.parametrize("path", TAGGED)
async def test_what_changes_nothing_leaves_the_tag(client: httpx.AsyncClient, path: str) -> None:
    tag = (await get(client, path)).headers["ETag"]
    await client.post("/api/v1/events", json=[EVENTS[0], wire("other", student_id="student-2")], headers=ADMIN)
    assert (await get(client, path)).headers["ETag"] == tag


async def test_the_tag_changes_with_the_day_and_the_answer_decays(tmp_path: Path) -> None:
    now_us = NOW_US

    def clock() -> int:
        return now_us

    async with running_app(tmp_path, clock) as app, client_of(app) as client:
        await send(client, *EVENTS)
        today = await get(client, "mastery")
        now_us += DAY_S * 1_000_000
        headers = bearer("admin", now_s=NOW_S + DAY_S) | {"If-None-Match": today.headers["ETag"]}
        tomorrow = await client.get(f"{STUDENT}/mastery", headers=headers)
    assert tomorrow.status_code == 200
    assert tomorrow.json()["as_of"] == "2026-01-16"
    assert tomorrow.json()["confidence"] < today.json()["confidence"]


async def test_the_tag_of_a_student_is_not_known_to_who_may_not_read_them(client: httpx.AsyncClient) -> None:
    tag = (await get(client, "mastery")).headers["ETag"]
    headers = bearer("student", user_id="student-2") | {"If-None-Match": tag}
    answer = await client.get(f"{STUDENT}/mastery", headers=headers)
    assert (answer.status_code, "ETag" in answer.headers) == (403, False)


async def test_answers_survive_a_restart(tmp_path: Path) -> None:
    async with running_app(tmp_path) as app, client_of(app) as client:
        await send(client, *EVENTS)
        before = [(await get(client, path)).content for path in TAGGED + PERSONAL]
    async with running_app(tmp_path) as app, client_of(app) as client:
        assert [(await get(client, path)).content for path in TAGGED + PERSONAL] == before
