"""Tokens by published keys, at the real server: an outage of their address, a rotation, a flood of unknown keys."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .key_sets import Publisher, ec_key, key_set, published, publishing, rsa_key, signed_by
from .serving import Server, running_server
from .tokens import claims, header, signed

RSA, EC = published(rsa_key(), "rsa-1"), published(ec_key(), "ec-1")


@pytest.fixture(scope="module")
def publisher() -> Iterator[Publisher]:
    with publishing(RSA, EC) as publisher:
        yield publisher


@pytest.fixture(scope="module")
def served(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"ENVIRONMENT": "test", "JWT_SECRET": "", "JWT_JWKS_URL": publisher.url}
    with running_server(tmp_path_factory.mktemp("keys"), **settings) as server:
        yield server


def me(server: Server, text: str) -> httpx.Response:
    return httpx.get(f"{server.url}/api/v1/me", headers={"Authorization": f"Bearer {text}"})


def token_now(kid: str = "rsa-1", jti: str = "") -> str:
    return signed_by(ec_key() if kid.startswith("ec") else rsa_key(), kid, now_s=int(time.time()), jti=jti)


def test_tokens_of_both_kinds_are_accepted_and_a_shared_secret_is_not(served: Server) -> None:
    for kid in ("rsa-1", "ec-1"):
        assert me(served, token_now(kid)).json() == {"user_id": "someone", "roles": ["admin"]}
    secret = signed(claims(exp=int(time.time()) + 60), header(kid="rsa-1"))
    assert me(served, secret).status_code == 401
    assert httpx.get(f"{served.url}/ready").json()["checks"]["keys"]["status"] == "ok"


def test_an_outage_stops_nobody_and_a_flood_of_unknown_keys_asks_once_at_most(
    served: Server, publisher: Publisher
) -> None:
    assert me(served, token_now(jti="before")).status_code == 200
    publisher.stop()
    assert me(served, token_now(jti="during")).status_code == 200
    asked = publisher.asked
    publisher.start()
    publisher.content = key_set(RSA, EC)
    flood = [me(served, token_now(f"unknown-{number}")) for number in range(100)]
    assert {answer.status_code for answer in flood} == {401}
    assert publisher.asked <= asked + 1
    assert me(served, token_now(jti="after")).status_code == 200


def test_where_keys_never_came_tokens_are_not_called_wrong(tmp_path: Path) -> None:
    with publishing() as publisher:
        url = publisher.url
    settings = {"ENVIRONMENT": "test", "JWT_SECRET": "", "JWT_JWKS_URL": url}
    with running_server(tmp_path, **settings) as server:
        answer = me(server, token_now())
        assert (answer.status_code, answer.json()["title"]) == (503, "Tokens cannot be checked")
        assert answer.headers["Retry-After"]
        ready = httpx.get(f"{server.url}/ready")
        assert (ready.status_code, ready.json()["checks"]["keys"]["status"]) == (503, "unavailable")
        assert httpx.get(f"{server.url}/live").status_code == 200


@pytest.mark.parametrize("field", ["jku", "x5u", "jwk", "x5c"])
def test_a_key_that_a_token_brings_along_is_not_looked_for(server: Server, field: str) -> None:
    own = published(rsa_key("own"), "own")
    with publishing(own) as attacker:
        brought = {"jku": attacker.url, "x5u": attacker.url, "jwk": own | {"jku": attacker.url}, "x5c": [attacker.url]}
        text = signed(claims(exp=int(time.time()) + 60), header(kid=attacker.url, **{field: brought[field]}))
        assert me(server, text).status_code == 401
        assert attacker.asked == 0
