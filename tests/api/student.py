"""A student with evidence of every kind, and how to send and ask."""

from typing import Any

import httpx

from tests.making import wire

from .tokens import bearer

ADMIN = bearer("admin")
STUDENT = "/api/v1/students/student-1"
TAGGED = ["mastery", "mastery/explanation", "mastery/history"]
PERSONAL = ["outcomes", "struggles"]
EVENTS = [
    wire("quiz-loops"),
    wire("quiz-again"),
    wire(
        "long",
        "exercise.completed",
        timestamp="2026-01-14T10:00:00Z",
        topic="functions",
        data={"passed": True, "difficulty": "advanced", "time_spent_s": 700, "exercise_id": "ex-9"},
    ),
    wire("rated", "quality.assessed"),
    wire("stuck", "help.requested", topic="lists"),
    wire(
        "quiz-lists",
        timestamp="2026-01-13T10:00:00Z",
        topic="lists",
        data={
            "total_questions": 4,
            "correct_answers": 1,
            "quiz_id": "quiz-7",
            "responses": [{"item": "i-1", "skills": ["len"], "correct": True}],
        },
    ),
]


async def send(client: httpx.AsyncClient, *events: dict[str, Any]) -> None:
    answer = await client.post("/api/v1/events", json=events, headers=ADMIN)
    assert {result["status"] for result in answer.json()["results"]} == {"applied"}


async def get(client: httpx.AsyncClient, path: str, **headers: str) -> httpx.Response:
    return await client.get(f"{STUDENT}/{path}", headers=ADMIN | headers)


async def read(client: httpx.AsyncClient, path: str) -> Any:
    answer = await get(client, path)
    assert answer.status_code == 200, answer.text
    return answer.json()
