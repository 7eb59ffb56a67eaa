"""What a student will answer over HTTP, and which model predicts it."""

import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from src.adapters.model_files import ModelFiles
from src.domain.days import to_text
from src.domain.learner import Asked, predict, smoothed_rate
from src.domain.outcomes import Outcome, OutcomeKind
from src.drift import SHARE
from src.fitting.scoring import score
from src.model_artefact import read_artefact
from tests.learner import artefact
from tests.making import NOW_US, event, wire

from .serving import client_of, running_app
from .student import ADMIN, get, read, send

DATA, OTHER = artefact(), artefact(start=0.7)
MODEL = read_artefact(DATA)
MODELS = "/api/v1/models"
HOUR_US = 3_600_000_000
WRONG = {
    "total_questions": 1,
    "correct_answers": 0,
    "responses": [{"item": "easy", "skills": ["add"], "correct": False}],
}
QUERY = "predictions/responses?item=easy,hard,new&skills=add;add,carry;never-seen"
ASKED = [Asked("easy", ("add",)), Asked("hard", ("add", "carry")), Asked("new", ("never-seen",))]


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[FastAPI]:
    for data in (DATA, OTHER):
        ModelFiles(tmp_path).write(read_artefact(data).model_id, data)
    async with running_app(tmp_path) as app:
        yield app


def quizzes(number: int, seed: int = 5) -> list[dict[str, Any]]:
    """Return quizzes of three questions each, an hour apart, the last an hour ago."""
    dice = random.Random(seed)
    return [
        wire(
            f"quiz-{place}",
            timestamp=to_text(NOW_US - (number - place) * HOUR_US),
            data={
                "total_questions": 3,
                "correct_answers": 2,
                "responses": [
                    {
                        "item": dice.choice(("easy", "hard", "new")),
                        "skills": dice.choice((["add"], ["add", "carry"], [])),
                        "correct": dice.random() < 0.6,
                    }
                    for _ in range(3)
                ],
            },
        )
        for place in range(number)
    ]


def answered(sent: list[dict[str, Any]]) -> list[Outcome]:
    """Return the answers of quizzes, as they are stored."""
    outcomes = [outcome for quiz in sent for outcome in event(**quiz).outcomes]
    return [outcome for outcome in outcomes if outcome.kind is OutcomeKind.ANSWER]


async def activate(client: httpx.AsyncClient, model_id: str = MODEL.model_id) -> Any:
    answer = await client.post(f"{MODELS}/{model_id}/activate", headers=ADMIN)
    assert answer.status_code == 200, answer.text
    return answer.json()


def probabilities(answer: dict[str, Any]) -> list[float]:
    return [one["probability"] for one in answer["predictions"]]


# -- predictions


async def test_without_a_model_it_is_a_smoothed_rate_and_says_so(app_client: httpx.AsyncClient) -> None:
    sent = quizzes(4)
    await send(app_client, *sent)
    answer = await read(app_client, QUERY)
    assert answer["model"] == {"id": None, "kind": "smoothed_rate", "fitted_at": None}
    assert answer["answers"] == 12
    assert probabilities(answer) == list(smoothed_rate(answered(sent), ASKED))


async def test_the_active_model_predicts_from_the_newest_answers(app_client: httpx.AsyncClient) -> None:
    sent = quizzes(80)
    await send(app_client, *sent)
    await activate(app_client)
    answer = await read(app_client, QUERY)
    assert answer["model"] == {"id": MODEL.model_id, "kind": "fitted", "fitted_at": "2026-01-15T10:30:00Z"}
    assert answer["answers"] == 200
    assert [(one["item"], one["skills"]) for one in answer["predictions"]] == [
        ("easy", ["add"]),
        ("hard", ["add", "carry"]),
        ("new", ["never-seen"]),
    ]
    expected = predict(MODEL, answered(sent), ASKED, now_us=NOW_US)
    assert probabilities(answer) == list(expected)


async def test_predictions_are_the_same_whatever_the_order_of_arrival_and_duplicates(
    app: FastAPI, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sent, folder = quizzes(90), tmp_path_factory.mktemp("shuffled")
    dice = random.Random(8)
    twice = [*sent, *dice.sample(sent, 30)]
    ModelFiles(folder).write(MODEL.model_id, DATA)
    async with client_of(app) as one, running_app(folder) as shuffled, client_of(shuffled) as other:
        await send(one, *sent)
        await activate(other)
        for part in range(0, 120, 7):
            dice.shuffle(twice)
            some, twice = twice[:7], twice[7:]
            answer = await other.post("/api/v1/events", json=some, headers=ADMIN)
            assert {result["status"] for result in answer.json()["results"]} <= {"applied", "duplicate"}, part
        await activate(one)
        answers = [await get(client, QUERY) for client in (one, other)]
    assert answers[0].content == answers[1].content
    assert answers[0].headers["etag"] == answers[1].headers["etag"]


async def test_it_predicts_what_model_evaluate_says_of_the_same_answers(app_client: httpx.AsyncClient) -> None:
    await activate(app_client)
    dice = random.Random(11)
    sent = [
        wire(
            f"answer-{place:03}",
            timestamp=to_text(NOW_US - (230 - place) * 8 * HOUR_US),
            data={
                "total_questions": 1,
                "correct_answers": 1,
                "responses": [
                    {"item": dice.choice(("easy", "new")), "skills": ["add"], "correct": dice.random() < 0.5}
                ],
            },
        )
        for place in range(230)
    ]
    scored = list(score(MODEL, answered(sent)))
    for place, quiz in enumerate(sent):
        if place % 10 == 9:
            item = quiz["data"]["responses"][0]["item"]
            query = f"predictions/responses?item={item}&skills=add&at={quiz['timestamp']}"
            assert probabilities(await read(app_client, query)) == [scored[place]]
        await send(app_client, quiz)


async def test_as_of_a_moment_later_answers_do_not_count(app_client: httpx.AsyncClient) -> None:
    sent = quizzes(30)
    await send(app_client, *sent)
    await activate(app_client)
    at_us = NOW_US - 10 * HOUR_US
    answer = await read(app_client, f"{QUERY}&at={to_text(at_us)}")
    before = [one for one in answered(sent) if one.occurred_us <= at_us]
    assert answer["answers"] == len(before) < 90
    assert probabilities(answer) == list(predict(MODEL, before, ASKED, now_us=at_us))


async def test_the_tag_changes_with_the_answers_and_with_the_model(app_client: httpx.AsyncClient) -> None:
    tags = []
    for step in (send(app_client, *quizzes(3)), activate(app_client), send(app_client, wire("e-2", data=WRONG))):
        await step
        answer = await get(app_client, QUERY)
        assert answer.headers["cache-control"] == "private, no-cache"
        tags.append(answer.headers["etag"])
        assert (await get(app_client, QUERY, **{"If-None-Match": tags[-1]})).status_code == 304
    assert len(set(tags)) == 3


async def test_a_student_of_whom_nothing_is_known_is_judged_by_the_question(app_client: httpx.AsyncClient) -> None:
    await activate(app_client)
    easy, hard, _ = probabilities(await read(app_client, QUERY))
    assert easy > hard


@pytest.mark.parametrize(
    ("query", "skills"),
    [
        ("item=a", [[]]),
        ("item=a,b", [[], []]),
        ("item=a,b&skills=x,y", [["x", "y"], ["x", "y"]]),
        ("item=a,b&skills=x;", [["x"], []]),
        ("skills=x,y", [["x", "y"]]),
    ],
)
async def test_a_question_is_an_item_or_skills_or_both(
    app_client: httpx.AsyncClient, query: str, skills: list[list[str]]
) -> None:
    answer = await read(app_client, f"predictions/responses?{query}")
    assert [one["skills"] for one in answer["predictions"]] == skills


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "item"),
        ("skills=", "item"),
        ("item=", "item"),
        ("item=CANARY%20x", "item"),
        ("item=a,,b", "item"),
        ("item=" + ",".join(map(str, range(21))), "item"),
        ("item=a&item=b", "item"),
        ("item=a&skills=CANARY%00", "skills"),
        ("item=a,b&skills=x;y;z", "skills"),
        ("item=a&skills=" + ",".join(map(str, range(51))), "skills"),
        ("item=a&at=yesterday", "at"),
        ("item=a&at=2026-01-15T10:30:00", "at"),
        ("item=a&at=2027-01-15T10:30:00Z", "at"),
        ("item=a&at=0001-01-01T00:00:00Z", "at"),
    ],
)
async def test_a_question_that_cannot_be_is_told_by_field(
    app_client: httpx.AsyncClient, query: str, field: str
) -> None:
    answer = await get(app_client, f"predictions/responses?{query}")
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {field}
    assert "CANARY" not in answer.text


# -- models


async def test_an_admin_sees_activates_and_rolls_back(app_client: httpx.AsyncClient) -> None:
    other_id = read_artefact(OTHER).model_id
    listed = (await app_client.get(MODELS, headers=ADMIN)).json()
    assert (listed["active"], {one["id"] for one in listed["models"]}) == (None, {MODEL.model_id, other_id})
    assert (await activate(app_client))["active"] == MODEL.model_id
    assert (await activate(app_client, other_id))["previous"] == MODEL.model_id
    health = (await app_client.get("/health")).json()
    assert health["checks"]["model"]["detail"] == f"model {other_id}"
    rolled = await app_client.post(f"{MODELS}/rollback", headers=ADMIN)
    assert (rolled.status_code, rolled.json()["active"]) == (200, MODEL.model_id)
    assert (await read(app_client, QUERY))["model"]["id"] == MODEL.model_id
    trail = (await app_client.get("/api/v1/audit", headers=ADMIN)).json()["entries"]
    acts = [
        (one["action"], one["facts"]["model"]) for one in trail if one["action"].startswith("models.") and one["facts"]
    ]
    assert acts == [
        ("models.rollback", MODEL.model_id),
        ("models.activate", other_id),
        ("models.activate", MODEL.model_id),
    ]


@pytest.mark.parametrize(("model_id", "status"), [("0" * 32, 404), ("CANARY", 400), ("0" * 31, 400)])
async def test_a_model_that_is_none_is_refused(app_client: httpx.AsyncClient, model_id: str, status: int) -> None:
    answer = await app_client.post(f"{MODELS}/{model_id}/activate", headers=ADMIN)
    assert answer.status_code == status
    assert "CANARY" not in answer.text


async def test_a_damaged_model_is_refused_with_the_reason(app_client: httpx.AsyncClient, tmp_path: Path) -> None:
    ModelFiles(tmp_path).write(MODEL.model_id, DATA[:-9])
    answer = await app_client.post(f"{MODELS}/{MODEL.model_id}/activate", headers=ADMIN)
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "The model cannot be used: it is cut off or too large.",
    )
    assert (await app_client.post(f"{MODELS}/rollback", headers=ADMIN)).status_code == 409


async def test_the_active_model_holds_after_a_restart_and_a_lost_one_only_degrades(tmp_path: Path) -> None:
    ModelFiles(tmp_path).write(MODEL.model_id, DATA)
    async with running_app(tmp_path) as app, client_of(app) as client:
        await activate(client)
    ModelFiles(tmp_path).path(MODEL.model_id).unlink()
    async with running_app(tmp_path) as app, client_of(app) as client:
        assert (await read(client, QUERY))["model"]["id"] == MODEL.model_id
    with closing(sqlite3.connect(tmp_path / "mastery.db")) as database, database:
        database.execute("UPDATE document SET body = x'00' WHERE name LIKE 'model:%'")
    async with running_app(tmp_path) as app, client_of(app) as client:
        assert (await read(client, QUERY))["model"]["kind"] == "smoothed_rate"
        health, ready = await client.get("/health"), await client.get("/ready")
    assert (health.status_code, health.json()["status"], ready.status_code) == (200, "degraded", 200)
    check = health.json()["checks"]["model"]
    assert check["status"] == "degraded"
    assert check["detail"].startswith("The active model is cut off")


# -- drift


async def test_answers_are_predicted_before_they_are_added_and_the_figures_exported(
    app: FastAPI, app_client: httpx.AsyncClient
) -> None:
    await activate(app_client)
    sent = quizzes(600)
    for start in range(0, 600, 10):
        await send(app_client, *sent[start : start + 10])
    before = await figures(app)
    await app_client.post("/api/v1/events", json=sent[:100], headers=ADMIN)
    assert await figures(app) == before
    scored, auc, error, window = (before[f"mastery_engine_{name}"] for name in FIGURES)
    assert 50 < scored == window < 300
    assert 0 < auc < 1
    assert 0 < error < 1
    chosen = [place for place, quiz in enumerate(sent) if not event(**quiz).digest % SHARE]
    assert scored <= 3 * len(chosen)


FIGURES = (
    "predictions_scored_total",
    "prediction_auc",
    "prediction_calibration_error",
    "prediction_window",
)


async def figures(app: FastAPI) -> dict[str, float]:
    """Return the figures of drift of the model."""
    found = {}
    for family in text_string_to_metric_families((await app.state.resources.exposition()).decode()):
        for sample in family.samples:
            if sample.labels.get("model") == MODEL.model_id and not sample.name.endswith("_created"):
                found[sample.name] = sample.value
    return found
