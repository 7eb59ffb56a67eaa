"""The token corpus at the door, and the header that carries a token."""

import httpx
import pytest

from .token_corpus import ACCEPTED, NOBODY, REJECTED
from .tokens import SECRET, signed, token

MASTERY = "/api/v1/students/someone/mastery"


async def read(client: httpx.AsyncClient, text: str) -> httpx.Response:
    # Bytes, as a client may send any; httpx would refuse to write some of these.
    return await client.get(MASTERY, headers=[(b"Authorization", b"Bearer " + text.encode())])


@pytest.mark.parametrize("name", REJECTED)
async def test_a_token_that_breaks_a_rule_is_401_and_is_not_repeated(
    app_client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    answer = await read(app_client, REJECTED[name])
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["title"] == "A valid token is required"
    told = f"{answer.text}{answer.headers}{caplog.text}{[vars(record) for record in caplog.records]}"
    assert not any(part in told for part in REJECTED[name].split(".") if len(part) > 8)


@pytest.mark.parametrize("name", ACCEPTED)
async def test_a_token_that_keeps_the_rules_passes_and_its_roles_decide(
    app_client: httpx.AsyncClient, name: str
) -> None:
    text, roles = ACCEPTED[name]
    answer = await read(app_client, text)
    assert answer.status_code == (403 if roles == NOBODY else 200)
    me = await app_client.get("/api/v1/me", headers={"Authorization": f"Bearer {text}"})
    assert me.json() == {"user_id": "someone", "roles": sorted(roles)}


async def test_unknown_user_and_wrong_signature_are_told_apart_by_nobody(app_client: httpx.AsyncClient) -> None:
    forged = [token("admin", user_id=user_id, secret=SECRET[::-1]) for user_id in ("someone", "nobody")]
    first, second = [(await read(app_client, text)).json() for text in forged]
    assert {**first, "correlation_id": ""} == {**second, "correlation_id": ""}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
async def test_the_name_of_the_scheme_may_be_written_in_any_case(app_client: httpx.AsyncClient, scheme: str) -> None:
    answer = await app_client.get(MASTERY, headers={"Authorization": f"{scheme} {token('admin')}"})
    assert answer.status_code == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic {}", "Token {}", "{}", "Bearer{}", "Bearer {} {}"])
async def test_a_header_of_another_form_is_401(app_client: httpx.AsyncClient, value: str) -> None:
    answer = await app_client.get(MASTERY, headers={"Authorization": value.replace("{}", token("admin"))})
    assert answer.status_code == 401


@pytest.mark.parametrize("second", ["admin", "student"])
async def test_two_authorization_headers_are_401(app_client: httpx.AsyncClient, second: str) -> None:
    values = [("Authorization", f"Bearer {token(role)}") for role in ("admin", second)]
    assert (await app_client.get(MASTERY, headers=values)).status_code == 401


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "jwt"])
async def test_a_token_in_the_address_or_in_a_cookie_is_not_looked_at(app_client: httpx.AsyncClient, name: str) -> None:
    text = token("admin")
    assert (await app_client.get(MASTERY, params={name: text})).status_code == 401
    assert (await app_client.get(MASTERY, headers={"Cookie": f"{name}={text}"})).status_code == 401


async def test_the_caller_that_a_sidecar_names_does_not_stand_in_for_a_token(app_client: httpx.AsyncClient) -> None:
    headers = {"dapr-caller-app-id": "admin", "X-Forwarded-User": "admin", "X-User-Id": "someone"}
    assert (await app_client.get(MASTERY, headers=headers)).status_code == 401


async def test_a_token_with_everything_at_its_limit_is_read(app_client: httpx.AsyncClient) -> None:
    longest = signed({"user_id": "u" * 128, "roles": ["admin"] * 16, "exp": 1})
    assert (await read(app_client, longest)).json()["detail"] == "The token is not accepted: it has expired."
