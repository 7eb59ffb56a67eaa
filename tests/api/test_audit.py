"""What the service records of its requests, and ``GET /api/v1/audit``."""

import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from src.api.access import Admin
from src.audit import Entry
from src.audit_history import Wanted
from src.config import Settings
from src.main import create_app
from src.resources import Resources, open_resources
from tests.audit import FailingAudit, Place
from tests.making import wire

from .serving import AUDIT_KEY, Server, bearer_now, client_of, fixed_clock
from .student import ADMIN, STUDENT
from .test_access import RULES
from .tokens import SECRET, bearer

AUDIT = "/api/v1/audit"
CANARY = "canary.person"
OWN = bearer("student", user_id="student-1")
OTHER = bearer("student", user_id="student-2")
SERVICE = bearer("service", user_id="agent-1")
MARK = Entry("test.mark")
NOBODY = Wanted()


async def recorded(client: httpx.AsyncClient, app: FastAPI) -> list[dict[str, Any]]:
    """Return every row in the order of writing, without the start of the service and the reading of the trail."""
    resources: Resources = app.state.resources
    await resources.audit.record(MARK)  # what waits is written before it
    page = await client.get(AUDIT, headers=ADMIN, params={"limit": 1000})
    assert page.status_code == 200
    others = {"service.started", "audit.read", MARK.action}
    return [entry for entry in page.json()["entries"][::-1] if entry["action"] not in others]


def told(entries: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, int]]:
    return [(one["action"], ",".join(one["roles"]), one["outcome"], one["status"]) for one in entries]


async def test_reading_another_person_is_recorded_and_reading_oneself_is_not(
    app: FastAPI, app_client: httpx.AsyncClient
) -> None:
    for path in ("mastery", "outcomes"):
        for who in (ADMIN, OWN):
            assert (await app_client.get(f"{STUDENT}/{path}", headers=who)).status_code == 200
    entries = await recorded(app_client, app)
    assert told(entries) == [
        ("students.mastery", "admin", "allowed", 200),
        ("students.outcomes", "admin", "allowed", 200),
    ]


async def test_an_answer_that_had_not_changed_was_read_too(app: FastAPI, client: httpx.AsyncClient) -> None:
    tag = (await client.get(f"{STUDENT}/mastery", headers=OWN)).headers["ETag"]
    answer = await client.get(f"{STUDENT}/mastery", headers=ADMIN | {"If-None-Match": tag})
    assert answer.status_code == 304
    assert told(await recorded(client, app))[-1] == ("students.mastery", "admin", "allowed", 304)


async def test_refusals_are_recorded_with_who_asked_for_whom(app: FastAPI, app_client: httpx.AsyncClient) -> None:
    await app_client.get(f"{STUDENT}/mastery", headers=OTHER)
    await app_client.get(f"{STUDENT}/mastery")
    await app_client.get("/api/v1/dead-letters", headers=SERVICE)
    entries = await recorded(app_client, app)
    assert told(entries) == [
        ("students.mastery", "student", "denied", 403),
        ("students.mastery", "", "denied", 401),
        ("dead-letters.list", "service", "denied", 403),
    ]
    assert [(one["actor"] is None, one["subject"] is None) for one in entries] == [
        (False, False),
        (True, True),  # a stranger could name as many people as they like
        (False, True),
    ]


async def test_events_of_an_admin_are_recorded_and_those_of_a_service_are_not(
    app: FastAPI, app_client: httpx.AsyncClient
) -> None:
    for who in (SERVICE, ADMIN):
        assert (await app_client.post("/api/v1/events", json=[wire()], headers=who)).status_code == 200
        assert (await app_client.get(f"{STUDENT}/events/e-1", headers=who)).status_code == 200
    assert told(await recorded(app_client, app)) == [
        ("events.event", "service", "allowed", 200),
        ("events.ingest", "admin", "allowed", 200),
        ("events.event", "admin", "allowed", 200),
    ]


async def test_an_intent_is_recorded_under_its_own_name(app: FastAPI, app_client: httpx.AsyncClient) -> None:
    async def ask(intent: str, payload: dict[str, Any], who: dict[str, str]) -> int:
        answer = await app_client.post("/process", json={"intent": intent, "payload": payload}, headers=who)
        return answer.status_code

    about = {"student_id": "student-1"}
    assert [await ask("get_mastery", about, who) for who in (OWN, OTHER, ADMIN)] == [200, 403, 200]
    assert [await ask("ingest_event", wire(), who) for who in (SERVICE, ADMIN)] == [200, 200]
    assert [await ask("list_intents", {}, who) for who in (OWN, ADMIN)] == [200, 200]
    entries = await recorded(app_client, app)
    assert told(entries) == [
        ("agents.get-mastery", "student", "denied", 403),
        ("agents.get-mastery", "admin", "allowed", 200),
        ("agents.ingest-event", "admin", "allowed", 200),
    ]
    assert entries[0]["subject"] == entries[1]["subject"] is not None


async def test_a_batch_job_is_recorded_with_what_it_is_about_and_without_the_students(
    app: FastAPI, app_client: httpx.AsyncClient
) -> None:
    asked = {"kind": "mastery", "student_ids": [CANARY, "another"]}
    made = await app_client.post("/api/v1/batch", json=asked, headers=ADMIN)
    batch_id = made.json()["batch_id"]
    await app_client.get(f"/api/v1/batch/{batch_id}/results", headers=ADMIN)
    entries = await recorded(app_client, app)
    assert told(entries) == [("batch.create", "admin", "allowed", 202), ("batch.results", "admin", "allowed", 200)]
    assert [entry["facts"] for entry in entries] == [
        {"batch_id": batch_id, "kind": "mastery", "students": 2},
        {"batch_id": batch_id},
    ]
    assert CANARY not in json.dumps(entries)


async def test_what_the_client_got_wrong_is_not_recorded(app: FastAPI, app_client: httpx.AsyncClient) -> None:
    assert (await app_client.post("/api/v1/events", content=b"{", headers=ADMIN)).status_code == 415
    assert (await app_client.get("/nowhere", headers=ADMIN)).status_code == 404
    assert (await app_client.get(f"{STUDENT}/mastery?as_of=x", headers=ADMIN)).status_code == 400
    assert await recorded(app_client, app) == []


async def test_a_change_that_meets_a_defect_is_recorded_and_a_read_is_not(
    app: FastAPI, app_client: httpx.AsyncClient
) -> None:
    async def fail(who: Admin) -> None:
        raise ZeroDivisionError(who.user_id)

    app.add_api_route("/fail", fail, methods=["GET", "POST"], response_model=None, tags=["tests"])
    for method in ("GET", "POST"):
        assert (await app_client.request(method, "/fail", headers=ADMIN)).status_code == 500
    assert told(await recorded(app_client, app)) == [("tests.fail", "admin", "failed", 500)]


async def test_the_start_is_recorded_with_what_changed_since_the_last(tmp_path: Path) -> None:
    facts = []
    for half_life in (30, 30, 20):
        settings = Settings(
            jwt_secret=SecretStr(SECRET),
            audit_key=SecretStr(AUDIT_KEY),
            data_dir=tmp_path,
            mastery_half_life_days=half_life,
        )
        async with open_resources(settings, clock=fixed_clock) as resources:
            await resources.audit.record_start(settings, version="1", role="api")
            page = await resources.audit_history.page(NOBODY, limit=1)
            facts.append(page.entries[0].facts)
    assert [one["changed"] for one in facts] == [None, [], ["MASTERY_HALF_LIFE_DAYS"]]
    assert facts[2]["settings"]["MASTERY_HALF_LIFE_DAYS"] == "20"
    assert SECRET not in str(facts)
    assert AUDIT_KEY not in str(facts)


# -- the route


async def test_rows_are_asked_for_by_raw_ids_and_that_is_recorded_too(
    app: FastAPI, app_client: httpx.AsyncClient
) -> None:
    await app_client.get(f"{STUDENT}/mastery", headers=OTHER)
    await app_client.get("/api/v1/students/student-2/mastery", headers=ADMIN)
    await recorded(app_client, app)

    async def asked(**parameters: str) -> list[tuple[str, str, str, int]]:
        answer = await app_client.get(AUDIT, headers=ADMIN, params=parameters)
        assert answer.status_code == 200
        await recorded(app_client, app)
        return [one for one in told(answer.json()["entries"]) if one[0] != "service.started"]

    denied, allowed = ("students.mastery", "student", "denied", 403), ("students.mastery", "admin", "allowed", 200)
    assert await asked(subject="student-1") == [denied]
    assert await asked(actor="student-2") == [denied]
    assert await asked(subject="student-2") == [allowed]
    assert await asked(subject="student-2") == [("audit.read", "admin", "allowed", 200), allowed]
    assert await asked(subject="nobody") == []
    assert await asked(to="2026-01-14") == []
    assert len(await asked(**{"from": "2026-01-15"}, to="2026-01-15", limit="1")) <= 1


@pytest.mark.parametrize(
    "parameters",
    [{"from": "x"}, {"to": "2026-1-1"}, {"limit": "0"}, {"cursor": "!"}, {"subject": "a b"}, {"actor": "é"}],
)
async def test_a_question_that_makes_no_sense_is_refused_by_field(
    app_client: httpx.AsyncClient, parameters: dict[str, str]
) -> None:
    answer = await app_client.get(AUDIT, headers=ADMIN, params=parameters)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == list(parameters)


async def test_every_route_with_a_rule_has_a_word_of_its_own(app: FastAPI, app_client: httpx.AsyncClient) -> None:
    protected = [route for route, who in RULES.items() if "none" not in who]
    for route in protected:
        method, path = route.split()
        await app_client.request(method, path.replace("{", "").replace("}", ""))
    words = [one["action"] for one in await recorded(app_client, app)]
    # The trail's own is left out above; the two paths of the agents are one route.
    assert len(words) == len(protected) - 1
    assert len(set(words)) == len(protected) - 2
    assert all(word == word.lower() and "." in word for word in words)


# -- where the trail cannot be written


@asynccontextmanager
async def over(store: FailingAudit, data_dir: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Run the application with another store of the audit trail than that of everything else."""
    settings = Settings(jwt_secret=SecretStr(SECRET), audit_key=SecretStr(AUDIT_KEY), data_dir=data_dir)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Resources]:
        async with open_resources(settings, clock=fixed_clock) as resources, Place(store).process() as audit:
            yield replace(resources, audit=audit.trail, audit_history=audit.history)

    app = create_app(opened)
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client


async def test_without_the_trail_a_change_is_refused_and_a_refusal_still_goes_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = FailingAudit()
    async with over(store, tmp_path) as client:
        store.away = True
        change = await client.post("/api/v1/events", json=[wire()], headers=ADMIN)
        denial = await client.get(f"{STUDENT}/mastery", headers=OTHER)
        read = await client.get(f"{STUDENT}/mastery", headers=ADMIN)
        own = await client.get(f"{STUDENT}/mastery", headers=OWN)
        store.away = False
    assert (change.status_code, change.json()["type"]) == (503, "urn:mastery-engine:problem:audit-unavailable")
    assert change.headers["Retry-After"]
    assert (denial.status_code, read.status_code, own.status_code) == (403, 200, 200)
    lost = [vars(record) for record in caplog.records if record.getMessage() == "AUDIT not stored"]
    assert {"events.ingest", "students.mastery"} <= {line["action"] for line in lost}
    # What happened meanwhile was written when the trail was back.
    actions = [json.loads(row.body)["action"] for row in store.rows]
    assert actions.count("students.mastery") == 2
    assert actions.count("events.ingest") == 1


# -- from outside


def test_the_lines_of_the_log_are_what_the_trail_holds_and_name_nobody(server: Server) -> None:
    with httpx.Client(base_url=server.url) as client:
        for who in (bearer_now("teacher", user_id=CANARY), bearer_now("admin", user_id=CANARY)):
            client.get(f"/api/v1/students/{CANARY}/mastery", headers=who)
            client.post("/process", json={"intent": "get_mastery", "payload": {"student_id": CANARY}}, headers=who)
        admin = bearer_now("admin", user_id=CANARY)
        client.get("/api/v1/audit", headers=admin, params={"subject": CANARY, "actor": CANARY})
        client.get(f"/api/v1/dead-letters/{CANARY}", headers=admin)
        client.post("/api/v1/events", json=[], headers=admin)  # written before its answer, and with it all before
        page = client.get("/api/v1/audit", headers=admin, params={"limit": 1000})
    lines = [json.loads(line) for line in server.log().splitlines() if '"message":"AUDIT' in line]
    seals = {line["seq"]: line["mac"] for line in lines if "seq" in line}
    entries = page.json()["entries"]
    assert {entry["seq"]: entry["mac"] for entry in entries}.items() <= seals.items()
    assert {"students.mastery", "agents.get-mastery", "events.ingest", "audit.read"} <= {
        one["action"] for one in entries
    }
    assert CANARY not in json.dumps(lines)
    assert CANARY not in page.text
    assert logging.getLevelName(logging.INFO) in {line["level"] for line in lines}
