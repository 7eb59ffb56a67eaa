"""Who may see which page: the routes come from the application, the rules stand here."""

import httpx
from fastapi.routing import iter_route_contexts

from src.main import create_app
from tests.api.school import (
    ADMINS,
    COHORT,
    COHORT_READERS,
    EVERYONE,
    MISSING,
    MISSING_COHORT,
    READERS,
    STAFF,
    STUDENT,
    UNKNOWN,
    WITH_TOKEN,
)

from .visitors import FROM_A_PAGE, VISITORS, signed_in, token_on

WITH_PAGES = WITH_TOKEN - {"service", "unknown role", "no roles"}
RULES = {
    "GET /dashboard": WITH_PAGES,
    "GET /dashboard/assets/{name}": EVERYONE,
    "GET /dashboard/sign-in": EVERYONE,
    "POST /dashboard/sign-in": EVERYONE,
    "POST /dashboard/sign-in/demo": EVERYONE,  # and nobody is there to sign in as
    "POST /dashboard/sign-out": WITH_TOKEN,
    "GET /dashboard/classes": STAFF,
    "GET /dashboard/classes/{cohort_id}": COHORT_READERS,
    "GET /dashboard/classes/{cohort_id}/struggles": COHORT_READERS,
    "GET /dashboard/classes/{cohort_id}/stream": COHORT_READERS,
    "GET /dashboard/classes/{cohort_id}/heat-map": COHORT_READERS,
    "GET /dashboard/classes/{cohort_id}/table": COHORT_READERS,
    "GET /dashboard/classes/{cohort_id}/table.csv": COHORT_READERS,
    "GET /dashboard/classes/{cohort_id}/compare": COHORT_READERS,
    "GET /dashboard/classes/{cohort_id}/thresholds": COHORT_READERS,
    "POST /dashboard/classes/{cohort_id}/thresholds": COHORT_READERS,
    "GET /dashboard/admin": ADMINS,
    "GET /dashboard/admin/figures": ADMINS,
    "GET /dashboard/admin/dead-letters": ADMINS,
    "GET /dashboard/admin/dead-letters/{letter_id}": ADMINS,
    "POST /dashboard/admin/dead-letters/{letter_id}/replay": ADMINS,
    "POST /dashboard/admin/dead-letters/{letter_id}/discard": ADMINS,
    "GET /dashboard/admin/personal-data": ADMINS,
    "GET /dashboard/admin/personal-data/{student_id}": ADMINS,
    "GET /dashboard/admin/personal-data/{student_id}/export": ADMINS,
    "POST /dashboard/admin/personal-data/{student_id}/erase": ADMINS,
    "POST /dashboard/admin/personal-data/{student_id}/restore-consent": ADMINS,
    "GET /dashboard/admin/audit": ADMINS,
    "GET /dashboard/admin/classes": ADMINS,
    "POST /dashboard/admin/classes": ADMINS,
    "GET /dashboard/admin/classes/{cohort_id}": ADMINS,
    "POST /dashboard/admin/classes/{cohort_id}": ADMINS,
    "POST /dashboard/admin/classes/{cohort_id}/remove": ADMINS,
    "GET /dashboard/admin/curriculum": ADMINS,
    "POST /dashboard/admin/curriculum": ADMINS,
    "GET /dashboard/admin/curriculum/{topic}": ADMINS,
    "POST /dashboard/admin/curriculum/{topic}": ADMINS,
    "POST /dashboard/admin/curriculum/{topic}/move": ADMINS,
    "POST /dashboard/admin/curriculum/{topic}/remove": ADMINS,
    "GET /dashboard/admin/jobs": ADMINS,
    "POST /dashboard/admin/jobs": ADMINS,
    "GET /dashboard/admin/jobs/unfinished": ADMINS,
    "GET /dashboard/admin/jobs/{batch_id}": ADMINS,
    "GET /dashboard/admin/jobs/{batch_id}/progress": ADMINS,
    "POST /dashboard/admin/jobs/{batch_id}/cancel": ADMINS,
    "GET /dashboard/students/{student_id}": READERS,
    "GET /dashboard/students/{student_id}/explanation": READERS,
    "GET /dashboard/students/{student_id}/history": READERS,
    "GET /dashboard/students/{student_id}/next": READERS,
    "GET /dashboard/students/{student_id}/map": READERS,
    "GET /dashboard/students/{student_id}/topics/{topic}": READERS,
}
ROUTES = sorted(
    f"{method} {context.path}"
    for context in iter_route_contexts(create_app().routes)
    if context.path is not None and context.path.startswith("/dashboard")
    for method in context.methods or {"ANY"}
)
POSTS = [route for route in ROUTES if route.startswith("POST ") and "/sign-" not in route]
PAGES = [route for route in ROUTES if route.startswith("GET ") and RULES.get(route) != EVERYONE]
SIGN_IN = "/dashboard/sign-in"


def address_of(route: str, **about: str) -> str:
    """Return the address of a page about what there is in the school; there are no dead letters and no jobs."""
    usual = {"student_id": STUDENT, "cohort_id": COHORT, "topic": "loops", "letter_id": "0-0", "batch_id": "none"}
    return route.split()[1].format(**usual | about)


async def ask(
    client: httpx.AsyncClient, route: str, visitor: str, student_id: str = STUDENT, cohort_id: str = COHORT
) -> httpx.Response:
    target = address_of(route, student_id=student_id, cohort_id=cohort_id)
    seconds = {"seconds": "0"} if target.endswith("/stream") else {}
    return await client.get(target, headers=VISITORS[visitor], params=seconds)


def verdict(answer: httpx.Response) -> str:
    if answer.status_code == 303:
        return "sign in" if answer.headers["Location"].startswith(SIGN_IN) else "passes"
    return "403" if answer.status_code == 403 else "passes"


def test_every_route_of_the_dashboard_has_a_rule_and_no_rule_is_left_over() -> None:
    assert set(ROUTES) == set(RULES)


async def test_a_page_is_shown_to_whom_its_rule_names_and_to_nobody_else(client: httpx.AsyncClient) -> None:
    for route in PAGES:
        found = {visitor: verdict(await ask(client, route, visitor)) for visitor in VISITORS}
        denied = {visitor: "sign in" if visitor in UNKNOWN else "403" for visitor in VISITORS}
        assert found == denied | dict.fromkeys(RULES[route], "passes"), route


async def test_a_refusal_does_not_tell_whether_what_was_asked_for_exists(client: httpx.AsyncClient) -> None:
    for route in [route for route in PAGES if "{" in route]:
        for visitor in EVERYONE - RULES[route] - UNKNOWN:
            existing = await ask(client, route, visitor)
            missing = await ask(client, route, visitor, MISSING, MISSING_COHORT)
            assert existing.status_code == missing.status_code == 403, (route, visitor)
            assert len(existing.text) == len(missing.text), (route, visitor)


async def test_a_form_changes_something_for_whom_its_rule_names_and_for_nobody_else(client: httpx.AsyncClient) -> None:
    for route in POSTS:
        target = address_of(route)
        found = {}
        for visitor, headers in VISITORS.items():
            home = await client.get("/dashboard", headers=headers)
            page = await client.get(home.headers.get("Location", SIGN_IN), headers=headers)
            given = {"form_token": token_on(page)} if page.status_code == 200 else {}
            found[visitor] = verdict(await client.post(target, headers=headers | FROM_A_PAGE, data=given))
        denied = {visitor: "sign in" if visitor in UNKNOWN else "403" for visitor in VISITORS}
        assert found == denied | dict.fromkeys(RULES[route], "passes"), route


async def test_a_bearer_token_opens_no_page_and_a_session_opens_nothing_else(client: httpx.AsyncClient) -> None:
    token = signed_in("admin")["Cookie"].partition("=")[2]
    page = await client.get("/dashboard", headers={"Authorization": f"Bearer {token}"})
    assert (page.status_code, page.headers["Location"]) == (303, SIGN_IN)
    api = await client.get(f"/api/v1/students/{STUDENT}/mastery", headers=signed_in("admin"))
    assert api.status_code == 401


async def test_what_is_looked_at_of_others_is_in_the_audit_trail(client: httpx.AsyncClient) -> None:
    await client.get(f"/dashboard/students/{STUDENT}", headers=VISITORS["teacher"])
    await client.get(f"/dashboard/students/{STUDENT}", headers=VISITORS["other student"])
    await client.get(f"/dashboard/students/{STUDENT}", headers=VISITORS["self"])
    rows = (await client.get(f"/api/v1/audit?subject={STUDENT}", headers=_admin())).json()["entries"]
    looked = [(row["action"], row["outcome"]) for row in rows if row["action"].startswith("dashboard.")]
    assert sorted(looked) == [("dashboard.overview", "allowed"), ("dashboard.overview", "denied")]


def _admin() -> dict[str, str]:
    token = signed_in("admin")["Cookie"].partition("=")[2]
    return {"Authorization": f"Bearer {token}"}
