"""The door for Dapr's pub/sub: what is subscribed to, and the events that come.

Dapr forgets an event that is answered with 404, so the route is there whether or not anything is subscribed to.
"""

import logging
from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from ..dapr_events import ROUTE, DaprStatus, answer_to_many, entries, status_of, subscriptions, unwrapped
from ..domain.events import EventStatus
from ..errors import BrokerUnavailable, InvalidJSON, StoreUnavailable
from ..event_validator import decode
from ..mastery_service import EventResult
from ..problems import problems
from ..resources import Resources
from .access import FromSidecar, resources_of
from .parameters import content_within

MAX_CONTENT = 48 * 1_048_576
"""As many events as come at once, each as large as Kafka lets one be, in base64."""

router = APIRouter(tags=["dapr"])
_log = logging.getLogger("mastery_engine.dapr")


class Subscription(BaseModel):
    """A topic that Dapr is asked to deliver."""

    pubsubname: str
    topic: str
    route: str
    deadLetterTopic: str  # noqa: N815  # as Dapr calls it


class EntryVerdict(BaseModel):
    """What Dapr is to do with one of many events."""

    entryId: str  # noqa: N815  # as Dapr calls it
    status: DaprStatus


class Delivered(BaseModel):
    """What Dapr is to do with an event, or with each of many."""

    status: DaprStatus | None = None
    statuses: list[EntryVerdict] | None = None


@router.get("/dapr/subscribe", response_model=list[Subscription], responses=problems(401))
async def subscribe(request: Request, sidecar: FromSidecar) -> Response:
    """Tell Dapr what to subscribe to: nothing unless a component is named."""
    del sidecar
    settings = resources_of(request).settings
    return _json(subscriptions(settings.dapr_pubsub, bulk=settings.dapr_bulk))


@router.post(
    ROUTE,
    response_model=Delivered,
    responses=problems(401, 408, 413),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/cloudevents+json": {"schema": {"type": "object"}}},
        }
    },
)
async def receive(request: Request, sidecar: FromSidecar) -> Response:
    """Count one event, or each of many, at once; the answer is what Dapr is to do with it."""
    del sidecar
    resources = resources_of(request)
    try:
        body = decode(await content_within(request, MAX_CONTENT))
        many = entries(body)
        content = unwrapped(body) if many is None else None
    except InvalidJSON as error:
        result = EventResult(None, EventStatus.INVALID, error.reasons)
        return _json({"status": _verdicts(resources, [result])[0]})
    if many is None:
        return _json({"status": (await _taken(resources, [content]))[0]})
    readable = [one.content for one in many if one.unreadable is None]
    verdicts = iter(await _taken(resources, readable) if readable else ())
    unreadable = [EventResult(None, EventStatus.INVALID, (one.unreadable,)) for one in many if one.unreadable]
    dropped = iter(_verdicts(resources, unreadable))
    return _json(answer_to_many([(one.entry_id, next(dropped if one.unreadable else verdicts)) for one in many]))


async def _taken(resources: Resources, contents: Sequence[object]) -> list[DaprStatus]:
    """Have events counted; where that cannot be done now, all of them are to come again."""
    try:
        results = await resources.mastery.ingest(contents, at_once=True)
    except (StoreUnavailable, BrokerUnavailable) as error:
        _log.warning("DAPR events cannot be counted now", extra={"events": len(contents), "reason": error.detail})
        resources.metrics.dapr_events.labels(DaprStatus.RETRY).inc(len(contents))
        return [DaprStatus.RETRY] * len(contents)
    return _verdicts(resources, results)


def _verdicts(resources: Resources, results: Sequence[EventResult]) -> list[DaprStatus]:
    for result in results:
        status = status_of(result.status)
        resources.metrics.dapr_events.labels(status).inc()
        if status is DaprStatus.DROP:
            reasons = [f"{field} {why}" for field, why in result.errors]
            _log.warning("DAPR event dropped", extra={"status": str(result.status), "reasons": reasons})
    return [status_of(result.status) for result in results]


def _json(content: Any) -> Response:  # noqa: ANN401  # JSON may be anything
    return Response(msgspec.json.encode(content), media_type="application/json")
