"""The secrets of a running service are in nothing that it shows, also where what they open is away."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.canaries import Canary

from .serving import AUDIT_KEY, Server, bearer_now, running_server
from .tokens import SECRET

PASSWORDS = {name: secrets.token_urlsafe(24) for name in ("redis url", "redis", "kafka", "previous")}
HIDDEN = [Canary(name, text) for name, text in {**PASSWORDS, "JWT_SECRET": SECRET, "AUDIT_KEY": AUDIT_KEY}.items()]
NOBODY = "127.0.0.1:9"


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run the service with an address of Redis that has a password in it, and nobody at the address."""
    with running_server(
        tmp_path_factory.mktemp("lonely"),
        JWT_SECRET_PREVIOUS=PASSWORDS["previous"] * 2,
        REDIS_URL=f"redis://engine:{PASSWORDS['redis url']}@{NOBODY}/0",
        REDIS_PASSWORD=PASSWORDS["redis"],
        KAFKA_BOOTSTRAP_SERVERS=NOBODY,
        KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT",
        KAFKA_SASL_USERNAME="engine",
        KAFKA_SASL_PASSWORD=PASSWORDS["kafka"],
    ) as server:
        yield server


def test_secrets_are_in_no_answer_and_in_no_line_of_the_log(lonely: Server) -> None:
    admin = bearer_now("admin")
    paths = ("/health", "/ready", "/metrics", "/docs", "/openapi.json")
    shown = {path: httpx.get(f"{lonely.url}{path}") for path in paths}
    shown["an error"] = httpx.get(f"{lonely.url}/api/v1/students/x/mastery", headers=admin)
    assert shown["an error"].status_code == 503
    assert shown["/ready"].status_code == 503
    texts = {name: f"{answer.headers}{answer.text}" for name, answer in shown.items()} | {"the log": lonely.log()}
    assert "STORE Redis is away" in texts["the log"]
    for name, text in texts.items():
        for hidden in HIDDEN:
            assert hidden.found_in(text) is None, name


def test_secrets_are_in_no_row_of_the_trail(tmp_path: Path) -> None:
    with running_server(tmp_path, JWT_SECRET_PREVIOUS=PASSWORDS["previous"] * 2) as server:
        server.wait_for(lambda line: "service.started" in line)
        rows = httpx.get(f"{server.url}/api/v1/audit", headers=bearer_now("admin"))
    assert "JWT_SECRET_PREVIOUS" in rows.text
    for hidden in HIDDEN:
        assert hidden.found_in(rows.text) is None
