"""The examples of docs/api.md are run, in their order, at the moment of which the document speaks."""

import json
import re
import shlex
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from tests.api.batch_jobs import ended
from tests.api.serving import client_of, running_app
from tests.api.tokens import token

from .markdown import Example, examples, read

URL = "http://engine.test"
TOKENS = {
    "$ADMIN": token("admin"),
    "$SERVICE": token("service", user_id="agent"),
    "$ADA": token("student", user_id="ada"),
    "$TEACHER": token("teacher", user_id="mr.hopper"),
}
_VARYING = {"correlation_id", "latency_ms", "batch_id"}


def request_of(command: str) -> httpx.Request:
    """Return the request that curl would send, as far as the examples use curl."""
    for name, value in {"\\\n": " ", "$URL": URL, **TOKENS}.items():
        command = command.replace(name, value)
    program, *arguments = shlex.split(command.partition(" | ")[0])
    assert program == "curl", command
    headers, content, url, method = {}, None, "", None
    rest = iter(arguments)
    for argument in rest:
        if argument == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif argument == "-X":
            method = next(rest)
        elif argument == "-d":
            content = next(rest)
        elif argument == "-X":
            method = next(rest)
        elif argument not in ("-s", "-si"):
            url = argument
    return httpx.Request(method or ("GET" if content is None else "POST"), url, headers=headers, content=content)


def stable(value: Any) -> Any:  # JSON
    """Return an answer without what differs from one time to the next."""
    if isinstance(value, dict):
        return {name: ... if name in _VARYING else stable(item) for name, item in value.items()}
    return [stable(item) for item in value] if isinstance(value, list) else value


def parted(printed: str) -> tuple[list[str], str]:
    """Return the status line and headers, where they are shown, and the content."""
    if not printed.startswith("HTTP/"):
        return [], printed
    head, _, content = printed.partition("\n\n")
    return head.splitlines(), content


def assert_as_printed(example: Example, answer: httpx.Response, content: str) -> None:
    """Compare the content of an answer with what the document shows."""
    if "json" in answer.headers.get("content-type", ""):
        assert stable(answer.json()) == stable(json.loads(content)), example.command
    else:
        lines = answer.text.splitlines()
        assert all(line in lines for line in content.splitlines()), example.command


def last_part(path: str) -> str:
    return path.rpartition("/")[2]


async def test_every_example_is_answered_as_printed(tmp_path: Path) -> None:
    tags: dict[str, str] = {}
    async with running_app(tmp_path) as app, client_of(app) as client:
        for example in examples(read("docs/api.md")):
            command = example.command
            for shown, sent in tags.items():
                command = command.replace(shown, sent)
            answer = await client.send(request_of(command))
            if answer.status_code == HTTPStatus.ACCEPTED:
                await ended(client, answer.json()["batch_id"])
            head, content = parted(example.output)
            for name, _, value in (line.partition(": ") for line in head[1:]):
                if name == "ETag":
                    tags[value] = answer.headers[name]
                if name == "Location":
                    tags[last_part(value)] = last_part(answer.headers[name])
                    assert answer.headers[name] == value.replace(last_part(value), tags[last_part(value)])
                else:
                    assert answer.headers[name] == tags.get(value, value), example.command
            assert not head or head[0] == f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}", example.command
            assert_as_printed(example, answer, content)


def test_there_is_an_example_of_every_route_but_the_page_of_documentation() -> None:
    paths = {request_of(example.command).url.path for example in examples(read("docs/api.md"))}
    shown = {re.sub(r"/students/[^/]+", "/students/{student_id}", path) for path in paths}
    shown = {re.sub(r"/events/[^/]+$", "/events/{event_id}", path) for path in shown}
    shown = {re.sub(r"/cohorts/[^/]+", "/cohorts/{cohort_id}", path) for path in shown}
    shown = {re.sub(r"/batch/(status/)?[0-9a-f]{32}", r"/batch/\1{batch_id}", path) for path in shown}
    shown = {re.sub(r"/teachers/[^/]+", "/teachers/{user_id}", path) for path in shown}
    documented = set(re.findall(r"^\| [A-Z]+ \| `([^`]+)`", read("docs/api.md"), re.MULTILINE))
    assert documented - shown == {
        "/api/v1/dead-letters/{letter_id}",  # there are none without Kafka
        "/api/v1/dead-letters/{letter_id}/replay",
        "/api/v1/dead-letters/{letter_id}/discard",
        "/api/v1/models/{model_id}/activate",  # of a model that is fitted
        "/api/v1/models/rollback",
        "/docs",
        "/docs/assets/{name}",
        "/openapi.json",
        "/health",  # answers as /ready does
        "/api/v1/process",  # is /process
        "/dapr/subscribe",  # is asked for by Dapr
        "/dapr/events",
    }
