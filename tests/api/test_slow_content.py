"""Content that does not arrive is not waited for."""

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from src.api.parameters import BODY_TIMEOUT_S, json_body
from src.errors import TimedOut
from tests.skipping import SkippingLoop


def drip(content: bytes, every_s: float) -> Any:
    """Return a ``receive`` that yields a byte at a time, and nothing after the last."""
    rest = iter(content)

    async def receive() -> Message:
        await asyncio.sleep(every_s)
        byte = next(rest, None)
        if byte is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": bytes([byte or 0]), "more_body": True}

    return receive


@pytest.mark.parametrize(("content", "every_s"), [(b"", 0), (b"[" * 100, 1), (b"[" * 10, BODY_TIMEOUT_S)])
def test_content_that_takes_too_long_is_given_up(content: bytes, every_s: float) -> None:
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    request = Request(scope, drip(content, every_s))
    with asyncio.Runner(loop_factory=SkippingLoop) as runner, pytest.raises(TimedOut, match="within 30 seconds"):
        runner.run(json_body(request))


def test_content_that_arrives_in_time_is_read() -> None:
    parts = iter([(b"[1", True), (b"]", False)])

    async def receive() -> Message:
        await asyncio.sleep(BODY_TIMEOUT_S / 4)
        body, more = next(parts)
        return {"type": "http.request", "body": body, "more_body": more}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        assert runner.run(json_body(Request(scope, receive))) == [1]
