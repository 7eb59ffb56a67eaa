"""Notices from the embedded service to a web address, and what is stored of them meanwhile."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from src.ports import wall_clock
from tests.agents import Agent, agent
from tests.making import wire

from .serving import bearer_now, client_of, running_app
from .student import ADMIN

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STRUGGLE = "com.learnflow.mastery.struggle.detected.v1"
ADMIN_NOW = bearer_now("admin")
STUCK = wire("stuck", "help.requested")
PATH = "/api/v1/students/student-1"


def to(listening: Agent) -> dict[str, Any]:
    return {"notice_targets": SecretStr(f"{listening.url}/hooks"), "notice_secrets": SecretStr(KEY)}


async def heard(listening: Agent, number: int) -> list[Any]:
    """Wait for so many deliveries, and return what each says."""
    calls = [await _next(listening) for _ in range(number)]
    return [Webhook(KEY).verify(call.content, call.headers) for call in calls]


async def _next(listening: Agent) -> Any:
    return await asyncio.to_thread(listening.calls.get, timeout=30)


async def test_a_struggle_is_noticed_when_it_is_counted_and_once(tmp_path: Path) -> None:
    with agent() as listening:
        async with running_app(tmp_path, wall_clock, **to(listening)) as app, client_of(app) as client:
            event = STUCK | {"timestamp": wall_clock() // 1000}
            for _ in range(2):
                await client.post("/api/v1/events", json=event, headers=ADMIN_NOW | {"X-Request-ID": "from-me"})
            [call] = [await _next(listening)]
            told = Webhook(KEY).verify(call.content, call.headers)
            assert (told["type"], told["subject"]) == (STRUGGLE, "student-1")
            assert (call.headers["x-request-id"], call.headers["webhook-id"]) == ("from-me", told["id"])
    assert listening.calls.empty()


async def test_what_was_counted_before_a_target_was_there_is_delivered_after_a_restart(tmp_path: Path) -> None:
    with agent() as gone:
        pass
    event = STUCK | {"timestamp": wall_clock() // 1000}
    async with running_app(tmp_path, wall_clock, **to(gone)) as app, client_of(app) as client:
        assert (await client.post("/api/v1/events", json=event, headers=ADMIN_NOW)).json()["status"] == "applied"
        exported = (await client.get(f"{PATH}/export", headers=ADMIN_NOW)).json()
        assert len(exported["places"]["notices"]) == 1
    with agent(gone.port) as listening:
        async with running_app(tmp_path, wall_clock, **to(listening)):
            [told] = await heard(listening, 1)
    assert told["type"] == STRUGGLE


async def test_an_erasure_takes_what_was_still_to_be_heard(tmp_path: Path) -> None:
    with agent() as gone:
        pass
    event = STUCK | {"timestamp": wall_clock() // 1000}
    async with running_app(tmp_path, wall_clock, **to(gone)) as app, client_of(app) as client:
        await client.post("/api/v1/events", json=event, headers=ADMIN_NOW)
        receipt = (await client.delete(PATH, headers=ADMIN_NOW)).json()
        assert receipt["places"]["notices"] == {"entries": 1, "remaining": 0}
        assert receipt["verified"] is True


async def test_without_targets_nothing_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running_app(tmp_path) as app, client_of(app) as client:
        with caplog.at_level(logging.WARNING):
            await client.post("/api/v1/events", json=STUCK, headers=ADMIN)
        assert (await client.get(f"{PATH}/export", headers=ADMIN)).json()["places"]["notices"] is None
    assert not [record for record in caplog.records if record.name == "mastery_engine.notices"]
