"""What to do next: the curriculum, recommendations, the way to a topic, the forecast, and what if."""

from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from src.domain.curriculum import DEFAULT
from src.domain.days import from_date
from tests.making import NOW_US, wire

from .serving import client_of, running_app
from .student import ADMIN, EVENTS, STUDENT, get, read, send
from .tokens import bearer

CURRICULUM = "/api/v1/curriculum"
SMALL = {
    "topics": [
        {"topic": "loops", "title": "Loops", "module": "Control flow", "skills": ["loops.for"], "prerequisites": []},
        {"topic": "lists", "title": "Lists", "module": "Data", "skills": [], "prerequisites": ["loops"]},
    ]
}
HOUR_US = 3_600_000_000
LIKE_AVERAGE = {"completion": 0.25, "quiz": 0.25, "quality": 0.25, "consistency": 0.25}


async def put(client: httpx.AsyncClient, content: object, **headers: str) -> httpx.Response:
    return await client.put(CURRICULUM, json=content, headers=ADMIN | headers)


def topics(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"topics": [{"topic": f"t-{n}", "title": "T", "module": "M"} | one for n, one in enumerate(changes)]}


# -- curriculum


async def test_the_default_is_given_until_another_is_put(app_client: httpx.AsyncClient) -> None:
    found = (await app_client.get(CURRICULUM, headers=bearer("student"))).json()["topics"]
    assert [one["topic"] for one in found] == list(DEFAULT.by_name)
    answer = await put(app_client, SMALL)
    assert (answer.status_code, answer.json()) == (200, SMALL)
    assert (await app_client.get(CURRICULUM, headers=ADMIN)).json() == SMALL


async def test_the_tag_changes_with_the_curriculum_only(app_client: httpx.AsyncClient) -> None:
    before = (await app_client.get(CURRICULUM, headers=ADMIN)).headers["etag"]
    tag = (await put(app_client, SMALL)).headers["etag"]
    assert tag != before
    assert (await put(app_client, SMALL)).headers["etag"] == tag
    assert (await app_client.get(CURRICULUM, headers=ADMIN | {"If-None-Match": tag})).status_code == 304


async def test_a_curriculum_that_somebody_else_has_changed_is_not_replaced(app_client: httpx.AsyncClient) -> None:
    tag = (await app_client.get(CURRICULUM, headers=ADMIN)).headers["etag"]
    assert (await put(app_client, SMALL, **{"If-Match": tag})).status_code == 200
    assert (await put(app_client, topics({}), **{"If-Match": tag})).status_code == 412
    assert (await app_client.get(CURRICULUM, headers=ADMIN)).json() == SMALL


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ({}, ["topics"]),
        ({"topics": []}, ["topics"]),
        (topics({"topic": "a b"}), ["topics.0.topic"]),
        (topics({"title": "a\nb"}), ["topics.0.title"]),
        (topics({"title": ""}, {"module": " "}), ["topics.0.title", "topics.1.module"]),
        (topics({"skills": "for"}), ["topics.0.skills"]),
        (topics({"CANARY": 1}), [""]),
        (topics({"prerequisites": ["t-9"]}), ["topics.0.prerequisites"]),
        (topics({"prerequisites": ["t-1"]}, {"prerequisites": ["t-0"]}), [f"topics.{n}.prerequisites" for n in (0, 1)]),
        (topics({}, {"topic": "t-0"}), ["topics.1.topic"]),
        (topics(*({} for _ in range(501))), ["topics"]),
    ],
)
async def test_a_bad_curriculum_is_400_and_every_reason_is_told(
    app_client: httpx.AsyncClient, content: object, fields: list[str]
) -> None:
    answer = await put(app_client, content)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == fields
    assert "CANARY" not in answer.text


# -- recommendations and the way to a topic


async def test_without_evidence_the_start_of_the_curriculum_is_recommended(app_client: httpx.AsyncClient) -> None:
    (one,) = (await read(app_client, "recommendations"))["recommendations"]
    assert (one["topic"], one["action"], one["due"]) == ("variables", "learn", None)
    assert {"code", "text", "facts"} == set(one["reasons"][0])


async def test_recommendations_follow_the_curriculum_and_the_evidence_at_once(app_client: httpx.AsyncClient) -> None:
    await read(app_client, "recommendations")
    await put(app_client, SMALL)
    assert [one["topic"] for one in (await read(app_client, "recommendations"))["recommendations"]] == ["loops"]
    await send(
        app_client,
        *(wire(f"e-{n}", data={"total_questions": 20, "correct_answers": 19}) for n in range(3)),
        *(wire(f"x-{n}", "exercise.completed", data={"passed": True}) for n in range(3)),
    )
    found = (await read(app_client, "recommendations"))["recommendations"]
    assert [(one["topic"], one["action"]) for one in found] == [("lists", "learn"), ("loops", "consolidate")]
    assert found[1]["due"] > "2026-01-15"


async def test_as_many_are_recommended_as_asked_for(client: httpx.AsyncClient) -> None:
    assert len((await read(client, "recommendations?limit=1"))["recommendations"]) == 1
    for limit in ("0", "51", "x"):
        assert (await get(client, f"recommendations?limit={limit}")).status_code == 400


async def test_the_way_to_a_topic_ends_with_it(client: httpx.AsyncClient) -> None:
    answer = await read(client, "learning-path?target=lists")
    assert answer["target"] == "lists"
    steps = answer["steps"]
    assert steps[-1]["topic"] == "lists"
    assert {step["status"] for step in steps} <= {"mastered", "ready", "blocked"}
    assert set(steps[0]) == {"topic", "status", "score", "missing_prerequisites"}


@pytest.mark.parametrize("query", ["", "?target=", "?target=CANARY", "?target=a%20b"])
async def test_a_target_that_is_no_topic_is_400(client: httpx.AsyncClient, query: str) -> None:
    answer = await get(client, f"learning-path{query}")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["target"]
    assert "CANARY" not in answer.text


async def test_what_is_recommended_is_kept_by_no_cache(client: httpx.AsyncClient) -> None:
    for path in ("recommendations", "learning-path?target=lists", "predictions"):
        answer = await get(client, path)
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers


# -- forecast


async def test_the_forecast_says_what_is_expected_and_how_sure_that_is(client: httpx.AsyncClient) -> None:
    answer = await read(client, "predictions?horizon_days=14")
    now = await read(client, "mastery")
    assert (answer["as_of"], answer["horizon_days"], answer["expected"]) == ("2026-01-15", 14, now["score"])
    assert answer["interval"]["low"] < answer["expected"] < answer["interval"]["high"]
    assert set(answer["risk"]) == {"threshold", "probability"}
    assert (answer["trend"], answer["status"]) == ("steady", "ok")


async def test_without_evidence_nothing_is_expected(app_client: httpx.AsyncClient) -> None:
    answer = await read(app_client, "predictions")
    assert answer["status"] == "no_evidence"
    assert {answer[name] for name in ("expected", "interval", "risk", "trend")} == {None}


async def test_the_last_forecast_is_kept_for_an_hour_with_what_it_came_from(tmp_path: Path) -> None:
    now_us = NOW_US
    async with running_app(tmp_path, lambda: now_us) as app, client_of(app) as client:
        await send(client, *EVENTS)
        told = [await read(client, f"predictions?horizon_days={days}") for days in (7, 14)]
        tag = (await get(client, "mastery")).headers["etag"].strip('"')
        kept = (await read(client, "export"))["places"]["state"]["snapshots"]["prediction:student-1:cache"]["value"]
        assert kept["prediction"] == told[1]
        assert f"{kept['version']}-{from_date(date.fromisoformat(kept['day']))}-{kept['model']}" == tag
        for later, there in ((HOUR_US - 1, True), (HOUR_US, False)):
            now_us = NOW_US + later
            await app.state.resources.state.trim()
            answer = await get(client, "export", **bearer("admin", now_s=now_us // 1_000_000))
            snapshots = answer.json()["places"]["state"]["snapshots"]
            assert ("prediction:student-1:cache" in snapshots) is there
            assert f"student:student-1:mastery:{kept['day']}" in snapshots


@pytest.mark.parametrize("days", ["0", "31", "x", ""])
async def test_a_forecast_reaches_one_to_thirty_days(client: httpx.AsyncClient, days: str) -> None:
    assert (await get(client, f"predictions?horizon_days={days}")).status_code == 400


# -- what if


@pytest.mark.parametrize("path", ["mastery", "mastery/history"])
async def test_another_configuration_is_marked_and_leaves_the_answer_alone(
    client: httpx.AsyncClient, path: str
) -> None:
    usual = await read(client, path)
    weights = ",".join(f"{name}={weight}" for name, weight in LIKE_AVERAGE.items())
    other = await read(client, f"{path}?weights={weights}&method=average")
    assert (usual["what_if"], other["what_if"]) == (False, True)
    assert (other["model"]["weights"], other["model"]["method"]) == (LIKE_AVERAGE, "average")
    assert other["model"]["config_id"] != usual["model"]["config_id"]
    assert await read(client, path) == usual


async def test_the_configuration_of_the_service_is_no_what_if(client: httpx.AsyncClient) -> None:
    asked = "mastery?method=decaying_average&weights=completion=0.4,quiz=0.3,quality=0.2,consistency=0.1"
    assert await read(client, asked) == await read(client, "mastery")


@pytest.mark.parametrize(
    "weights", ["", "completion=1", "completion=0.5,quiz=0.5,quality=0.5,consistency=-0.5", "CANARY", "completion=a"]
)
async def test_bad_weights_are_400(client: httpx.AsyncClient, weights: str) -> None:
    answer = await client.get(f"{STUDENT}/mastery", params={"weights": weights}, headers=ADMIN)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["weights"]
    assert "CANARY" not in answer.text
