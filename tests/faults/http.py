"""The interface as a client uses it: one that asks who is ready, and sends there."""

import json
import time
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

import jwt

from tests.processes import SECRET


def token() -> str:
    """Return a token of a service that sends events."""
    content = {"user_id": "sender", "roles": ["service"], "exp": int(time.time()) + 3600}
    return jwt.encode(content, SECRET, algorithm="HS256")


def post_events(url: str, events: Sequence[dict[str, Any]], *, within_s: float = 40) -> list[str]:
    """Send events, and return what became of each; raises unless they were taken."""
    request = urllib.request.Request(
        f"{url}/api/v1/events",
        json.dumps(list(events)).encode(),
        {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=within_s) as answer:
        return [result["status"] for result in json.load(answer)["results"]]


def status_of(url: str, event: Mapping[str, Any]) -> str:
    """Ask what became of an event that was sent before."""
    request = urllib.request.Request(
        f"{url}/api/v1/students/{event['student_id']}/events/{event['event_id']}",
        headers={"Authorization": f"Bearer {token()}"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(json.load(answer)["status"])
