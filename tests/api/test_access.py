"""Who may use which route: the routes come from the application, the rules stand here."""

import logging
from collections.abc import Mapping

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from src.main import create_app
from tests.making import wire

from .batch_jobs import made
from .school import (
    ADMINS,
    CALLERS,
    COHORT,
    COHORT_READERS,
    COHORTS,
    EVERYONE,
    INGESTERS,
    MISSING,
    MISSING_COHORT,
    OF_SIDECAR,
    OTHER,
    OWNERS,
    READERS,
    SIDECAR,
    STAFF,
    STUDENT,
    UNKNOWN,
    WITH_TOKEN,
    anonymised,
    open_school,
)
from .tokens import bearer

PUBLIC = ("/live", "/health", "/ready", "/metrics", "/docs", "/docs/assets/{name}", "/openapi.json")

RULES = {
    "GET /api/v1/students/{student_id}/mastery": READERS,
    "GET /api/v1/students/{student_id}/mastery/explanation": READERS,
    "GET /api/v1/students/{student_id}/mastery/history": READERS,
    "GET /api/v1/students/{student_id}/outcomes": READERS,
    "GET /api/v1/students/{student_id}/struggles": READERS,
    "GET /api/v1/students/{student_id}/predictions": READERS,
    "GET /api/v1/students/{student_id}/predictions/responses": READERS,
    "GET /api/v1/students/{student_id}/recommendations": READERS,
    "GET /api/v1/students/{student_id}/learning-path": READERS,
    "GET /api/v1/students/{student_id}/stream": READERS,
    "GET /api/v1/students/{student_id}/events/{event_id}": INGESTERS,
    "GET /api/v1/students/{student_id}/export": OWNERS,
    "DELETE /api/v1/students/{student_id}": ADMINS,
    "POST /api/v1/students/{student_id}/restore-consent": ADMINS,
    "POST /api/v1/events": INGESTERS,
    "GET /api/v1/dead-letters": ADMINS,
    "GET /api/v1/dead-letters/{letter_id}": ADMINS,
    "POST /api/v1/dead-letters/{letter_id}/replay": ADMINS,
    "POST /api/v1/dead-letters/{letter_id}/discard": ADMINS,
    "GET /api/v1/curriculum": WITH_TOKEN,
    "PUT /api/v1/curriculum": ADMINS,
    "GET /api/v1/cohorts": STAFF,
    "GET /api/v1/cohorts/{cohort_id}": COHORT_READERS,
    "GET /api/v1/cohorts/{cohort_id}/stream": COHORT_READERS,
    "PUT /api/v1/cohorts/{cohort_id}": ADMINS,
    "DELETE /api/v1/cohorts/{cohort_id}": ADMINS,
    "PUT /api/v1/cohorts/{cohort_id}/students/{student_id}": ADMINS,
    "DELETE /api/v1/cohorts/{cohort_id}/students/{student_id}": ADMINS,
    "PUT /api/v1/cohorts/{cohort_id}/teachers/{user_id}": ADMINS,
    "DELETE /api/v1/cohorts/{cohort_id}/teachers/{user_id}": ADMINS,
    "GET /api/v1/cohorts/{cohort_id}/mastery": COHORT_READERS,
    "GET /api/v1/cohorts/{cohort_id}/summary": COHORT_READERS,
    "GET /api/v1/cohorts/{cohort_id}/compare": COHORT_READERS,
    "GET /api/v1/cohorts/{cohort_id}/triage": COHORT_READERS,
    "PUT /api/v1/cohorts/{cohort_id}/triage/thresholds": COHORT_READERS,
    "GET /api/v1/cohorts/{cohort_id}/hotspots": COHORT_READERS,
    "GET /api/v1/cohorts/{cohort_id}/struggles": COHORT_READERS,
    "POST /api/v1/batch": COHORT_READERS,  # of the students asked about
    "GET /api/v1/batch/status/{batch_id}": COHORT_READERS,  # a teacher made it
    "GET /api/v1/batch/{batch_id}/results": COHORT_READERS,
    "DELETE /api/v1/batch/{batch_id}": COHORT_READERS,
    "POST /process": WITH_TOKEN,  # the rule of each intent is below
    "POST /api/v1/process": WITH_TOKEN,
    "GET /dapr/subscribe": SIDECAR,
    "POST /dapr/events": SIDECAR,
    "GET /api/v1/models": ADMINS,
    "POST /api/v1/models/{model_id}/activate": ADMINS,
    "POST /api/v1/models/rollback": ADMINS,
    "GET /api/v1/audit": ADMINS,
    "GET /api/v1/me": WITH_TOKEN,
} | {f"{method} {path}": EVERYONE for path in PUBLIC for method in ("GET", "HEAD")}

ABOUT_STUDENT = {"student_id": STUDENT}
INTENTS = {
    "mastery_calculation": (ABOUT_STUDENT, READERS),
    "get_mastery": (ABOUT_STUDENT, READERS),
    "explain_mastery": (ABOUT_STUDENT, READERS),
    "get_prediction": (ABOUT_STUDENT, READERS),
    "get_recommendations": (ABOUT_STUDENT, READERS),
    "generate_path": (ABOUT_STUDENT | {"target": "loops"}, READERS),
    "ingest_event": (wire("e-intent"), INGESTERS),
    "list_intents": ({}, WITH_TOKEN),
}

BODIES: dict[str, object] = {
    "POST /api/v1/batch": {"kind": "mastery", "student_ids": [STUDENT]},
    "POST /api/v1/dead-letters/{letter_id}/replay": wire(),
    "POST /api/v1/dead-letters/{letter_id}/discard": {"reason": "a test"},
    "POST /api/v1/events": [],
    "PUT /api/v1/cohorts/{cohort_id}": COHORTS[COHORT],
    "PUT /api/v1/curriculum": {"topics": [{"topic": "loops", "title": "Loops", "module": "Control flow"}]},
    "PUT /api/v1/cohorts/{cohort_id}/triage/thresholds": {"inactive_days": 14},
    "POST /dapr/events": wire(),
    "POST /process": {"intent": "list_intents"},
    "POST /api/v1/process": {"intent": "list_intents"},
}
QUERIES = {
    "GET /api/v1/students/{student_id}/learning-path": {"target": "loops"},
    "GET /api/v1/students/{student_id}/stream": {"seconds": "0"},
    "GET /api/v1/cohorts/{cohort_id}/stream": {"seconds": "0"},
    "GET /api/v1/students/{student_id}/predictions/responses": {"item": "loops-1"},
}


def routes_of_the_application() -> list[str]:
    """Return all but those of the dashboard, whose rules are in ``tests/dashboard``."""
    contexts = [context for context in iter_route_contexts(create_app().routes) if context.path is not None]
    routes = {f"{method} {context.path}" for context in contexts for method in context.methods or {"ANY"}}
    return sorted(route for route in routes if not route.split()[1].startswith("/dashboard"))


ROUTES = routes_of_the_application()
STUDENT_ROUTES = [route for route in ROUTES if "{student_id}" in route]
COHORT_ROUTES = [route for route in ROUTES if "{cohort_id}" in route]
BATCH_ROUTES = [route for route in ROUTES if "{batch_id}" in route]


@pytest.fixture
async def app_client(app_client: httpx.AsyncClient) -> httpx.AsyncClient:
    await open_school(app_client)
    return app_client


async def ask(
    client: httpx.AsyncClient,
    route: str,
    caller: str,
    student_id: str = STUDENT,
    cohort_id: str = COHORT,
    batch_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    method, path = route.split()
    if "{batch_id}" in path and batch_id is None:
        batch_id = await made(client, STUDENT, headers=CALLERS["teacher"])
    ids = {"student_id": student_id, "cohort_id": cohort_id, "batch_id": batch_id, "user_id": "teacher-1"}
    target = path.format(event_id="e-1", letter_id="0-0", name="swagger-ui.css", model_id="0" * 32, **ids)
    given = CALLERS[caller] if headers is None else headers
    return await client.request(method, target, headers=given, json=BODIES.get(route), params=QUERIES.get(route))


def verdict(answer: httpx.Response) -> str:
    passes = dict.fromkeys((200, 201, 202, 204, 304, 404, 409), "passes")
    return {401: "401", 403: "403", **passes}[answer.status_code]


def expected(allowed: set[str]) -> dict[str, str]:
    # The token of a user says nothing to a route that is for the sidecar.
    denied = {caller: "401" if caller in UNKNOWN or allowed == SIDECAR else "403" for caller in CALLERS}
    return denied | dict.fromkeys(allowed - SIDECAR, "passes")


def test_every_route_of_the_application_has_a_rule_and_no_rule_is_left_over() -> None:
    assert ROUTES
    assert not set(ROUTES) - set(RULES), "routes without a rule"
    assert {rule for rule in RULES if not rule.startswith("HEAD ")} <= set(ROUTES), "rules without a route"


def test_only_the_routes_for_probes_and_documentation_are_public() -> None:
    public = {route.split()[1] for route in ROUTES if RULES[route] == EVERYONE}
    assert public == set(PUBLIC)


@pytest.mark.parametrize("route", ROUTES)
async def test_a_route_lets_pass_whom_its_rule_names_and_nobody_else(app_client: httpx.AsyncClient, route: str) -> None:
    found = {caller: verdict(await ask(app_client, route, caller)) for caller in CALLERS}
    assert found == expected(RULES[route])


@pytest.mark.parametrize("route", ROUTES)
async def test_the_token_of_the_sidecar_opens_what_is_for_it_and_nothing_else(
    app_client: httpx.AsyncClient, route: str
) -> None:
    answer = await ask(app_client, route, "sidecar", headers=OF_SIDECAR)
    assert verdict(answer) == ("passes" if RULES[route] in (SIDECAR, EVERYONE) else "401")


@pytest.mark.parametrize("path", ["/process", "/api/v1/process"])
@pytest.mark.parametrize("intent", INTENTS)
async def test_an_intent_keeps_the_rule_of_the_route_that_does_the_same(
    app_client: httpx.AsyncClient, intent: str, path: str
) -> None:
    payload, allowed = INTENTS[intent]
    body = {"intent": intent, "payload": payload}
    found = {
        caller: verdict(await app_client.post(path, json=body, headers=headers)) for caller, headers in CALLERS.items()
    }
    assert found == expected(allowed)


async def test_every_intent_has_a_rule(app_client: httpx.AsyncClient) -> None:
    answer = await app_client.post("/process", json={"intent": "list_intents"}, headers=CALLERS["no roles"])
    assert set(answer.json()["result"]["intents"]) == set(INTENTS)


@pytest.mark.parametrize("route", STUDENT_ROUTES)
async def test_a_denial_does_not_tell_whether_the_student_exists(app_client: httpx.AsyncClient, route: str) -> None:
    for caller in EVERYONE - RULES[route]:
        existing = await ask(app_client, route, caller)
        missing = await ask(app_client, route, caller, MISSING)
        assert existing.status_code in (401, 403), caller
        assert anonymised(existing) == anonymised(missing), caller


@pytest.mark.parametrize("route", COHORT_ROUTES)
async def test_a_denial_does_not_tell_whether_the_cohort_exists(app_client: httpx.AsyncClient, route: str) -> None:
    for caller in EVERYONE - RULES[route]:
        existing = await ask(app_client, route, caller)
        missing = await ask(app_client, route, caller, cohort_id=MISSING_COHORT)
        assert existing.status_code in (401, 403), caller
        assert anonymised(existing) == anonymised(missing), caller


@pytest.mark.parametrize("route", COHORT_ROUTES)
async def test_a_missing_cohort_is_told_to_an_admin(app_client: httpx.AsyncClient, route: str) -> None:
    answer = await ask(app_client, route, "admin", cohort_id=MISSING_COHORT)
    assert answer.status_code == (201 if route == "PUT /api/v1/cohorts/{cohort_id}" else 404)


@pytest.mark.parametrize("route", BATCH_ROUTES)
async def test_a_denial_does_not_tell_whether_the_job_exists(app_client: httpx.AsyncClient, route: str) -> None:
    for caller in EVERYONE - RULES[route]:
        existing = await ask(app_client, route, caller)
        missing = await ask(app_client, route, caller, batch_id="missing")
        assert existing.status_code in (401, 403), caller
        assert anonymised(existing) == anonymised(missing), caller


@pytest.mark.parametrize("route", BATCH_ROUTES)
async def test_a_missing_job_is_told_to_an_admin(app_client: httpx.AsyncClient, route: str) -> None:
    assert (await ask(app_client, route, "admin", batch_id="missing")).status_code == 404


@pytest.mark.parametrize("intent", ["get_mastery", "mastery_calculation", "explain_mastery"])
async def test_a_denied_intent_does_not_tell_whether_the_student_exists(
    app_client: httpx.AsyncClient, intent: str
) -> None:
    answers = [
        await app_client.post(
            "/process", json={"intent": intent, "payload": {"student_id": student}}, headers=CALLERS["other student"]
        )
        for student in (STUDENT, MISSING)
    ]
    assert answers[0].status_code == 403
    assert anonymised(answers[0]) == anonymised(answers[1])


async def test_an_unknown_student_is_an_answer_without_evidence_to_an_admin(app_client: httpx.AsyncClient) -> None:
    answer = await app_client.get(f"/api/v1/students/{MISSING}/mastery", headers=CALLERS["admin"])
    assert (answer.status_code, answer.json()["status"], answer.json()["score"]) == (200, "no_evidence", None)


async def test_a_student_reads_nobody_whose_id_their_own_begins(app_client: httpx.AsyncClient) -> None:
    for other in (STUDENT[:-1], f"{STUDENT}0", STUDENT.upper(), f"{STUDENT}."):
        answer = await app_client.get(f"/api/v1/students/{other}/mastery", headers=CALLERS["self"])
        assert answer.status_code == 403


async def test_roles_add_up(app_client: httpx.AsyncClient) -> None:
    both = bearer("service", "student", user_id=STUDENT)
    assert (await app_client.get(f"/api/v1/students/{STUDENT}/mastery", headers=both)).status_code == 200
    assert (await app_client.post("/api/v1/events", json=[], headers=both)).status_code == 200
    assert (await app_client.get(f"/api/v1/students/{OTHER}/mastery", headers=both)).status_code == 403


async def test_who_asks_is_checked_before_anything_that_they_sent(app_client: httpx.AsyncClient) -> None:
    for path in ("/api/v1/events", "/process", "/api/v1/process"):
        for content_type, content in (
            ("text/plain", b"x"),
            ("application/json", b"{"),
            ("application/json", b"x" * 2**21),
        ):
            answer = await app_client.post(path, content=content, headers={"Content-Type": content_type})
            assert answer.status_code == 401


@pytest.mark.parametrize("caller", ["none", "bad token", "teacher of others"])
async def test_a_denial_is_in_the_audit_log_without_the_token_or_the_student(
    app_client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, caller: str
) -> None:
    with caplog.at_level(logging.WARNING, "mastery_engine.audit"):
        answer = await ask(app_client, "GET /api/v1/students/{student_id}/mastery", caller)
    [record] = [record for record in caplog.records if record.name == "mastery_engine.audit"]
    assert record.getMessage() == "AUDIT access denied"
    fields = vars(record)
    assert fields["status"] == answer.status_code
    assert fields["action"] == "students.mastery"
    assert STUDENT not in str(fields)
    assert not any(part in str(fields) for part in CALLERS[caller].get("Authorization", "").split(".") if part)
