"""Who may use which route: the routes come from the application, the rules stand here."""

import logging
from collections.abc import Mapping

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from src.main import create_app
from tests.making import wire

from .tokens import SECRET, bearer

PUBLIC = ("/live", "/health", "/ready", "/metrics", "/docs", "/docs/assets/{name}", "/openapi.json")

STUDENT, OTHER, MISSING = "student-1", "student-2", "student-unknown"

CALLERS: Mapping[str, dict[str, str]] = {
    "none": {},
    "bad token": {"Authorization": f"Bearer {SECRET}.{SECRET}.{SECRET}"},
    "self": bearer("student", user_id=STUDENT),
    "other student": bearer("student", user_id=OTHER),
    "teacher": bearer("teacher"),
    "admin": bearer("admin"),
    "service": bearer("service"),
    "unknown role": bearer("owner"),
    "no roles": bearer(),
}
UNKNOWN = {"none", "bad token"}
EVERYONE = set(CALLERS)
WITH_TOKEN = EVERYONE - UNKNOWN
READERS = {"self", "admin"}
INGESTERS = {"admin", "service"}
ADMINS = {"admin"}

RULES = {
    "GET /api/v1/students/{student_id}/mastery": READERS,
    "GET /api/v1/students/{student_id}/mastery/explanation": READERS,
    "GET /api/v1/students/{student_id}/mastery/history": READERS,
    "GET /api/v1/students/{student_id}/outcomes": READERS,
    "GET /api/v1/students/{student_id}/struggles": READERS,
    "GET /api/v1/students/{student_id}/events/{event_id}": INGESTERS,
    "POST /api/v1/events": INGESTERS,
    "GET /api/v1/dead-letters": ADMINS,
    "GET /api/v1/dead-letters/{letter_id}": ADMINS,
    "POST /api/v1/dead-letters/{letter_id}/replay": ADMINS,
    "POST /api/v1/dead-letters/{letter_id}/discard": ADMINS,
    "POST /process": WITH_TOKEN,  # the rule of each intent is below
    "POST /api/v1/process": WITH_TOKEN,
    "GET /api/v1/me": WITH_TOKEN,
} | {f"{method} {path}": EVERYONE for path in PUBLIC for method in ("GET", "HEAD")}

ABOUT_STUDENT = {"student_id": STUDENT}
INTENTS = {
    "mastery_calculation": (ABOUT_STUDENT, READERS),
    "get_mastery": (ABOUT_STUDENT, READERS),
    "explain_mastery": (ABOUT_STUDENT, READERS),
    "ingest_event": (wire("e-intent"), INGESTERS),
    "list_intents": ({}, WITH_TOKEN),
}

BODIES: dict[str, object] = {
    "POST /api/v1/dead-letters/{letter_id}/replay": wire(),
    "POST /api/v1/dead-letters/{letter_id}/discard": {"reason": "a test"},
    "POST /api/v1/events": [],
    "POST /process": {"intent": "list_intents"},
    "POST /api/v1/process": {"intent": "list_intents"},
}


def routes_of_the_application() -> list[str]:
    contexts = [context for context in iter_route_contexts(create_app().routes) if context.path is not None]
    return sorted({f"{method} {context.path}" for context in contexts for method in context.methods or {"ANY"}})


ROUTES = routes_of_the_application()
STUDENT_ROUTES = [route for route in ROUTES if "{student_id}" in route]


async def ask(client: httpx.AsyncClient, route: str, caller: str, student_id: str = STUDENT) -> httpx.Response:
    method, path = route.split()
    target = path.format(student_id=student_id, event_id="e-1", letter_id="0-0", name="swagger-ui.css")
    return await client.request(method, target, headers=CALLERS[caller], json=BODIES.get(route))


def verdict(answer: httpx.Response) -> str:
    return {401: "401", 403: "403", 200: "passes", 304: "passes", 404: "passes"}[answer.status_code]


def expected(allowed: set[str]) -> dict[str, str]:
    denied = {caller: "401" if caller in UNKNOWN else "403" for caller in CALLERS}
    return denied | dict.fromkeys(allowed, "passes")


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


def anonymised(answer: httpx.Response) -> tuple[int, dict[str, object], dict[str, str]]:
    """Return everything that tells one answer from another but the id that every answer has of its own."""
    body = {name: value for name, value in answer.json().items() if name != "correlation_id"}
    return answer.status_code, body, {name: value for name, value in answer.headers.items() if name != "x-request-id"}


@pytest.mark.parametrize("caller", ["other student", "teacher", "service", "unknown role", "no roles", "none"])
@pytest.mark.parametrize("route", STUDENT_ROUTES)
async def test_a_denial_does_not_tell_whether_the_student_exists(
    app_client: httpx.AsyncClient, route: str, caller: str
) -> None:
    if caller in RULES[route]:
        caller = "teacher"
    await app_client.post("/api/v1/events", json=wire("e-1", student_id=STUDENT), headers=CALLERS["admin"])
    existing = await ask(app_client, route, caller)
    missing = await ask(app_client, route, caller, MISSING)
    assert existing.status_code in (401, 403)
    assert anonymised(existing) == anonymised(missing)


@pytest.mark.parametrize("intent", ["get_mastery", "mastery_calculation", "explain_mastery"])
async def test_a_denied_intent_does_not_tell_whether_the_student_exists(
    app_client: httpx.AsyncClient, intent: str
) -> None:
    await app_client.post("/api/v1/events", json=wire("e-1", student_id=STUDENT), headers=CALLERS["admin"])
    answers = [
        await app_client.post(
            "/process", json={"intent": intent, "payload": {"student_id": student}}, headers=CALLERS["other student"]
        )
        for student in (STUDENT, MISSING)
    ]
    assert answers[0].status_code == 403
    assert anonymised(answers[0]) == anonymised(answers[1])


@pytest.mark.parametrize("route", [route for route in STUDENT_ROUTES if RULES[route] == READERS])
async def test_the_denial_of_a_teacher_says_that_there_are_no_cohorts_yet(
    app_client: httpx.AsyncClient, route: str
) -> None:
    answer = await ask(app_client, route, "teacher")
    assert answer.json()["detail"] == (
        "You may not read this student. A teacher reads the students of their cohorts, and there are no cohorts yet."
    )
    assert "cohort" not in (await ask(app_client, route, "other student")).text


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


@pytest.mark.parametrize("caller", ["none", "bad token", "teacher"])
async def test_a_denial_is_in_the_audit_log_without_the_token_or_the_student(
    app_client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, caller: str
) -> None:
    with caplog.at_level(logging.WARNING, "mastery_engine.audit"):
        answer = await ask(app_client, "GET /api/v1/students/{student_id}/mastery", caller)
    [record] = [record for record in caplog.records if record.name == "mastery_engine.audit"]
    assert record.getMessage() == "AUDIT access denied"
    fields = vars(record)
    assert fields["status"] == answer.status_code
    assert fields["route"] == "/api/v1/students/{student_id}/mastery"
    assert STUDENT not in str(fields)
    assert not any(part in str(fields) for part in CALLERS[caller].get("Authorization", "").split(".") if part)
