"""Events as Dapr's pub/sub delivers them, one or many at once, and what it is answered: pure.

An answer decides what becomes of an event: ``DROP`` is for what can never be counted, which Dapr then puts into the
dead letters, and ``RETRY`` for what can later. Anything else than these would lose some or repeat some without end.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .domain.events import EventStatus
from .errors import InvalidJSON, Reason
from .event_validator import decode
from .ports import Topic

ROUTE = "/dapr/events"
BULK_EVENTS = 32
"""So many events come at once at most, so that they have room in what is read of a request."""

BULK_WAIT_MS = 50


class DaprStatus(StrEnum):
    """What Dapr is to do with an event."""

    SUCCESS = "SUCCESS"
    RETRY = "RETRY"
    DROP = "DROP"


_NEVER = frozenset({EventStatus.INVALID, EventStatus.CONFLICT})


def status_of(event: EventStatus) -> DaprStatus:
    """Return what Dapr is to do with an event that was looked at: what was counted before is done with too."""
    return DaprStatus.DROP if event in _NEVER else DaprStatus.SUCCESS


def subscriptions(pubsub: str | None, *, bulk: bool) -> list[dict[str, Any]]:
    """Return what is subscribed to through a component, as Dapr asks for it at its start."""
    if pubsub is None:
        return []
    one: dict[str, Any] = {
        "pubsubname": pubsub,
        "topic": Topic.EVENTS,
        "route": ROUTE,
        "deadLetterTopic": Topic.DEAD_LETTERS,
    }
    if bulk:
        limits = {"enabled": True, "maxMessagesCount": BULK_EVENTS, "maxAwaitDurationMs": BULK_WAIT_MS}
        one["bulkSubscribe"] = limits
    return [one]


@dataclass(frozen=True, slots=True)
class Entry:
    """One of many events: how Dapr calls it, and the content, or why that cannot be read."""

    entry_id: str
    content: object
    unreadable: Reason | None = None


def entries(body: object) -> list[Entry] | None:
    """Return the events of a delivery of many, None where it is of one."""
    if not isinstance(body, Mapping) or not isinstance(body.get("entries"), list) or "specversion" in body:
        return None
    return [_entry(one) for one in body["entries"] if isinstance(one, Mapping) and isinstance(one.get("entryId"), str)]


def _entry(one: Mapping[str, Any]) -> Entry:
    try:
        event = one.get("event")
        content = _from_base64(event) if isinstance(event, str) else unwrapped(event)
    except InvalidJSON as error:
        return Entry(one["entryId"], None, error.reasons[0])
    return Entry(one["entryId"], content)


def unwrapped(event: object) -> object:
    """Return what Dapr has wrapped, where a subscription takes raw payloads; anything else as it is.

    Raises ``InvalidJSON``.
    """
    if isinstance(event, Mapping) and isinstance(event.get("data_base64"), str):
        return _from_base64(event["data_base64"])
    return event


def _from_base64(text: str) -> object:
    try:
        content: object = decode(base64.b64decode(text, validate=True))
    except binascii.Error:
        reason = "not valid base64"
        raise InvalidJSON(reason) from None
    return content


def answer_to_many(found: Sequence[tuple[str, DaprStatus]]) -> dict[str, Any]:
    """Return the answer to a delivery of many."""
    return {"statuses": [{"entryId": entry_id, "status": status} for entry_id, status in found]}
