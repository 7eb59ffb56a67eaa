"""Asking for batch jobs, and waiting for their end."""

import asyncio
from typing import Any

import httpx

from .student import ADMIN

BATCH = "/api/v1/batch"
WITHIN_S = 30
LIGHTER = {"weights": {"completion": 0.1, "quiz": 0.1, "quality": 0.1, "consistency": 0.7}}


async def ask(
    client: httpx.AsyncClient, *students: str, kind: str = "mastery", headers: dict[str, str] = ADMIN, **content: Any
) -> httpx.Response:
    about = {"student_ids": list(students)} if students else {}
    return await client.post(BATCH, json={"kind": kind, **about, **content}, headers=headers)


async def made(client: httpx.AsyncClient, *students: str, **content: Any) -> str:
    answer = await ask(client, *students, **content)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["batch_id"])


async def status(client: httpx.AsyncClient, batch_id: str, headers: dict[str, str] = ADMIN) -> Any:
    answer = await client.get(f"{BATCH}/status/{batch_id}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ended(client: httpx.AsyncClient, batch_id: str, headers: dict[str, str] = ADMIN) -> Any:
    """Return the status of a job as soon as it is ended."""
    async with asyncio.timeout(WITHIN_S):
        while (found := await status(client, batch_id, headers))["finished_at"] is None:  # noqa: ASYNC110  # as a user asks
            await asyncio.sleep(0.005)
    return found


async def results(client: httpx.AsyncClient, batch_id: str, limit: int = 1000) -> list[Any]:
    """Return all results of a job, page by page."""
    found, cursor = [], None
    while True:
        query = {"limit": limit} | ({} if cursor is None else {"cursor": cursor})
        answer = await client.get(f"{BATCH}/{batch_id}/results", params=query, headers=ADMIN)
        assert answer.status_code == 200, answer.text
        found += answer.json()["results"]
        cursor = answer.json()["next"]
        if cursor is None:
            return found
