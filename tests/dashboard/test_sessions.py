"""Signing in and out, the cookie, and forms that come from elsewhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from src.config import Environment
from tests.api.school import STUDENT
from tests.api.serving import client_of, running_app
from tests.api.tokens import HOUR_S, SECRET, token

from .visitors import FROM_A_PAGE, SESSION, form_token, signed_in

SIGN_IN = "/dashboard/sign-in"
VISITOR = "__Secure-mastery-visitor"
MEMBER = signed_in("student", user_id=STUDENT)


async def visit(client: httpx.AsyncClient) -> tuple[dict[str, str], str]:
    """Open the page for signing in; return the headers of the browser from then on, and the token of the form."""
    page = await client.get(SIGN_IN)
    known = page.cookies[VISITOR]
    headers = {"Cookie": f"{VISITOR}={known}"} | FROM_A_PAGE
    return headers, await form_token(client, SIGN_IN, headers)


async def sign_in(client: httpx.AsyncClient, text: str, **fields: str) -> httpx.Response:
    headers, form = await visit(client)
    return await client.post(SIGN_IN, headers=headers, data={"form_token": form, "token": text, **fields})


async def test_a_token_begins_a_session_that_lasts_as_long_as_the_token(client: httpx.AsyncClient) -> None:
    answer = await sign_in(client, token("student", user_id=STUDENT))
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/dashboard/students/{STUDENT}")
    [session] = [given for given in answer.headers.get_list("set-cookie") if given.startswith(SESSION)]
    parts = {part.strip().lower() for part in session.split(";")[1:]}
    assert parts == {"httponly", "secure", "samesite=strict", "path=/dashboard", f"max-age={HOUR_S}"}


async def test_one_comes_to_the_page_that_was_asked_for(client: httpx.AsyncClient) -> None:
    wanted = f"/dashboard/students/{STUDENT}/map"
    sent = await client.get(wanted)
    assert sent.headers["Location"] == f"{SIGN_IN}?next={wanted}"
    answer = await sign_in(client, token("student", user_id=STUDENT), next=wanted)
    assert answer.headers["Location"] == wanted


ELSEWHERE = "https://evil.example/dashboard //evil.example/dashboard /api/v1/me /dashboard/../docs /dashboardx"


async def test_signing_in_leads_nowhere_else(client: httpx.AsyncClient) -> None:
    for elsewhere in [*ELSEWHERE.split(), "/dashboard/\\evil.example", "/dashboard\n"]:
        answer = await sign_in(client, token("student", user_id=STUDENT), next=elsewhere)
        assert answer.headers["Location"] == f"/dashboard/students/{STUDENT}", elsewhere


async def test_a_token_that_is_not_valid_is_told_at_its_field(client: httpx.AsyncClient) -> None:
    for text in ("", "x", f"{SECRET}.{SECRET}.{SECRET}", token("admin", now_s=0)):
        answer = await sign_in(client, text)
        assert answer.status_code == 401
        assert 'aria-invalid="true"' in answer.text
        assert "token-error" in answer.text
        assert SESSION not in answer.cookies


async def test_a_token_that_a_browser_would_not_keep_is_refused(client: httpx.AsyncClient) -> None:
    answer = await sign_in(client, "x" * 4000)
    assert answer.status_code == 400
    assert "too long" in answer.text


async def test_a_token_without_pages_begins_no_session(client: httpx.AsyncClient) -> None:
    answer = await sign_in(client, token("service"))
    assert (answer.status_code, SESSION in answer.cookies) == (403, False)


async def test_guessing_tokens_is_limited(tmp_path: Path) -> None:
    async with running_app(tmp_path, rate_limit_auth_failures=2) as app, client_of(app) as client:
        answers = [(await sign_in(client, "guess")).status_code for _ in range(3)]
    assert answers == [401, 401, 429]


async def test_signing_out_forgets_the_session(client: httpx.AsyncClient) -> None:
    form = await form_token(client, f"/dashboard/students/{STUDENT}", MEMBER)
    answer = await client.post("/dashboard/sign-out", headers=MEMBER | FROM_A_PAGE, data={"form_token": form})
    assert (answer.status_code, answer.headers["Location"]) == (303, SIGN_IN)
    assert f'{SESSION}=""' in answer.headers["Set-Cookie"]
    assert "Max-Age=0" in answer.headers["Set-Cookie"]


OTHER_SITES: list[dict[str, str]] = [
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://engine.test"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://engine.test:8080"},
]


async def test_a_form_from_another_site_is_refused(client: httpx.AsyncClient) -> None:
    form = await form_token(client, f"/dashboard/students/{STUDENT}", MEMBER)
    for headers in OTHER_SITES:
        answer = await client.post("/dashboard/sign-out", headers=MEMBER | headers, data={"form_token": form})
        assert answer.status_code == 403, headers
        assert "Set-Cookie" not in answer.headers


async def test_a_form_without_the_token_of_the_session_is_refused(client: httpx.AsyncClient) -> None:
    page = f"/dashboard/students/{STUDENT}"
    form = await form_token(client, page, MEMBER)
    of_another, of_a_visitor = await form_token(client, page, signed_in("admin")), (await visit(client))[1]
    for given in ("", ".", form[:-1], f"0{form}", of_another, of_a_visitor):
        answer = await client.post("/dashboard/sign-out", headers=MEMBER | FROM_A_PAGE, data={"form_token": given})
        assert answer.status_code == 403, given


async def test_forms_are_read_as_forms_only(client: httpx.AsyncClient) -> None:
    answer = await client.post("/dashboard/sign-out", headers=MEMBER | FROM_A_PAGE, json={"form_token": "x"})
    assert answer.status_code == 415


async def test_an_expired_session_leads_to_signing_in_and_is_forgotten(client: httpx.AsyncClient) -> None:
    expired = {"Cookie": f"{SESSION}={token('admin', now_s=0)}"}
    answer = await client.get("/dashboard", headers=expired)
    assert (answer.status_code, answer.headers["Location"]) == (303, SIGN_IN)
    assert f'{SESSION}=""' in answer.headers["Set-Cookie"]
    part = await client.get("/dashboard", headers=expired | {"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Refresh"]) == (200, "true")
    stream = await client.get("/dashboard/classes/x/stream", headers=expired | {"Accept": "text/event-stream"})
    assert stream.status_code == 204


async def test_nobody_of_a_demonstration_is_offered_from_elsewhere(client: httpx.AsyncClient) -> None:
    await client.put("/api/v1/cohorts/demo", json={"name": "D", "teachers": ["t"], "students": ["s"]}, headers=_admin())
    assert "sign-in/demo" not in (await client.get(SIGN_IN)).text
    headers, form = await visit(client)
    answer = await client.post(f"{SIGN_IN}/demo", headers=headers, data={"form_token": form, "user_id": "t"})
    assert (answer.status_code, SESSION in answer.cookies) == (404, False)


@asynccontextmanager
async def on_the_machine_itself(data_dir: Path, environment: Environment) -> AsyncIterator[httpx.AsyncClient]:
    """Run a demonstration, and give a browser beside it."""
    async with running_app(data_dir, environment=environment) as app:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            content = {"name": "Demonstration", "teachers": ["t-1"], "students": ["s-1"]}
            await client.put("/api/v1/cohorts/demo", json=content, headers=_admin())
            yield client


async def test_in_development_one_signs_in_as_somebody_of_the_demonstration(tmp_path: Path) -> None:
    async with on_the_machine_itself(tmp_path, Environment.DEVELOPMENT) as client:
        fields = {"form_token": await form_token(client, SIGN_IN, {}), "user_id": "s-1"}
        answer = await client.post(f"{SIGN_IN}/demo", headers={"Sec-Fetch-Site": "same-origin"}, data=fields)
        assert answer.headers["Location"] == "/dashboard/students/s-1"
        assert (await client.get("/dashboard/students/s-1")).status_code == 200


async def test_nobody_is_offered_outside_of_development(tmp_path: Path) -> None:
    async with on_the_machine_itself(tmp_path, Environment.TEST) as client:
        assert "sign-in/demo" not in (await client.get(SIGN_IN)).text


def _admin() -> dict[str, str]:
    return {"Authorization": f"Bearer {token('admin')}"}


async def test_no_name_of_a_host_can_stop_a_page(client: httpx.AsyncClient) -> None:
    for host in ("[", "[::1", "localhost:x", "]:80", "@", "localhost.evil.example"):
        page = await client.get(SIGN_IN, headers={"Host": host})
        assert page.status_code == 200
        assert "Secure" in page.headers["Set-Cookie"]
