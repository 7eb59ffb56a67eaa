"""Private things are sent through every door of the interface, and then looked for in all that others may read.

What is kept by design is left out: answers that succeed show what was asked for (the name of a cohort, a topic, the
reason why a dead letter was discarded), and an X-Request-ID of safe characters is there to be found in the log.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest

from tests.canaries import EMAIL, NAME, STUDENT_ID, Canary
from tests.making import wire

from .serving import AUDIT_KEY, Server, bearer_now, running_server
from .tokens import SECRET, token

CANARIES = [
    EMAIL,
    NAME,
    STUDENT_ID,
    Canary("a token", token("student", user_id="somebody", now_s=int(time.time()))),
    Canary("the secret of tokens", SECRET),
    Canary("the key of the trail", AUDIT_KEY),
]
SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
HEADERS = ("X-Request-ID", "User-Agent", "Referer", "Cookie", "X-Forwarded-For", "If-None-Match", "If-Match", "Origin")


class Door(NamedTuple):
    """A way in: a request with something private in one place."""

    where: str
    method: str
    path: str
    headers: dict[str, str] | None = None
    content: bytes | None = None


def doors(document: dict[str, Any], canary: Canary) -> Iterator[Door]:
    """Yield every way in that the description of the interface tells of."""
    text = canary.text
    for path, operations in document["paths"].items():
        usual = filled(path, "x-1")
        if path.endswith("/stream"):  # else it would be listened to for ever
            usual += "?seconds=0"
        for method, operation in operations.items():
            if "{" in path:
                yield Door("path", method, usual.replace("x-1", quote(text, safe="")))
            names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
            address = httpx.URL(usual)
            for name in [*names, "other", text]:
                yield Door(f"query {name}", method, str(address.copy_set_param(name, text)))
            for name in HEADERS:
                if name != "X-Request-ID" or not SAFE_REQUEST_ID.fullmatch(quote(text)):
                    yield Door(f"header {name}", method, usual, {name: quote(text)})
            yield Door("credentials", method, usual, {"Authorization": f"Bearer {quote(text)}"})
            yield Door("scheme", method, usual, {"Authorization": quote(text)})
            if "requestBody" in operation:
                for content in contents(text):
                    yield Door("content", method, usual, {"Content-Type": "application/json"}, content)
                yield Door("type of content", method, usual, {"Content-Type": f"text/{quote(text)}"}, b"x")
    yield Door("nowhere", "get", f"/{quote(text)}")
    yield Door("method", quote(text, safe="").replace("%", "")[:20], "/live")


def contents(text: str) -> Iterator[bytes]:
    """Yield what may be sent with it: not JSON, no event, and events that are valid and that are not."""
    yield f'{{"{text}'.encode()
    inside = wire("canary", timestamp=int(time.time() * 1000))
    for value in (
        text,
        {text: text},
        {"name": [text], "teachers": [text], "students": text, "reason": {}, "intent": text, "payload": {text: text}},
        inside | {text: text, "data": inside["data"] | {text: text, "name": text}},
        *(inside | {name: text} for name in inside),
        *(inside | {"data": {name: text}} for name in inside["data"]),
        inside | {"specversion": "1.0", "id": text, "source": text, "type": text, "subject": text},
    ):
        yield json.dumps(value).encode()
        yield json.dumps([value], ensure_ascii=False).encode()


def filled(path: str, value: str) -> str:
    """Return a path with the same value for all of its parameters."""
    return "/".join(value if part.startswith("{") else part for part in path.split("/"))


class Outputs(NamedTuple):
    """What others than who asked may read, and how many requests there were."""

    requests: int
    texts: dict[str, str]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    folder = tmp_path_factory.mktemp("canaries")
    with running_server(folder) as server:
        yield server, folder


@pytest.fixture(scope="module", params=CANARIES, ids=lambda canary: canary.what)
def sent(request: pytest.FixtureRequest, server: tuple[Server, Path]) -> tuple[Canary, Outputs]:
    """Send one of them through every door, and gather what came out."""
    canary: Canary = request.param
    engine, folder = server
    admin = bearer_now("admin")
    refused: list[str] = []
    with httpx.Client(base_url=engine.url, headers=admin, timeout=30) as client:
        through = list(doors(client.get("/openapi.json").json(), canary))
        for door in through:
            answer = client.request(door.method.upper(), door.path, headers=door.headers, content=door.content)
            assert answer.status_code < 500, (door, answer.text)
            if answer.status_code >= 400:
                refused.append(f"{answer.headers} {answer.text}")
        texts = {
            "the log": engine.log(),
            "the metrics": client.get("/metrics").text,
            "refusals": "\n".join(refused),
            "the rows of the trail": client.get("/api/v1/audit", params={"limit": 1000}).text,
            "the file of the trail": "".join(
                path.read_bytes().decode("utf-8", "replace") for path in sorted(folder.glob("audit.db*"))
            ),
        }
    return canary, Outputs(len(through), texts)


@pytest.mark.parametrize(
    "output", ["the log", "the metrics", "refusals", "the rows of the trail", "the file of the trail"]
)
def test_what_is_private_is_found_in_nothing_that_others_read(sent: tuple[Canary, Outputs], output: str) -> None:
    canary, outputs = sent
    assert outputs.requests > 300
    assert outputs.texts[output]
    assert canary.found_in(outputs.texts[output]) is None
