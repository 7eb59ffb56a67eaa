"""A client of server-sent events, that waits as long as it must and not for ever."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class Sent:
    """One event as it was sent; ``id`` as it stands with the event."""

    event: str
    data: Any
    id: str | None


class Stream:
    """The events of an answer, as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._events = parsed(_in_time(answer.iter_lines()))

    def next(self) -> Sent:
        """Return the next event, when it is there."""
        return next(self._events)

    def until(self, event: str) -> list[Sent]:
        """Return the next events up to the first of a kind."""
        sent = [self.next()]
        while sent[-1].event != event:
            sent.append(self.next())
        return sent

    def together(self) -> list[Sent]:
        """Return the next events that belong together: only the last of them has an id."""
        sent = [self.next()]
        while sent[-1].id is None:
            sent.append(self.next())
        return sent

    def rest(self) -> list[Sent]:
        """Return everything up to the end."""
        return list(self._events)


def _in_time(lines: Iterator[str]) -> Iterator[str]:
    """Yield lines, and fail when it has taken too long: comments come for ever where nothing else does."""
    end_s = time.monotonic() + WITHIN_S
    for line in lines:
        assert time.monotonic() < end_s, "what is waited for does not come"
        yield line


def parsed(lines: Iterator[str]) -> Iterator[Sent]:
    """Yield the events that lines make up, without comments."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield Sent(fields["event"], json.loads(fields["data"]), fields.get("id"))
        if not line:
            fields = {}


@contextmanager
def streaming(url: str, headers: dict[str, str], last_id: str | None = None) -> Iterator[Stream]:
    """Open a stream, as one that ended after an id or anew."""
    known = {} if last_id is None else {"Last-Event-ID": last_id}
    with httpx.stream("GET", url, headers=headers | known, timeout=WITHIN_S) as answer:
        assert answer.status_code == httpx.codes.OK, answer.read()
        yield Stream(answer)
