"""The door for other agents: intents over the use cases that the routes have too, and who one is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from ..domain.forecast import WEEK
from ..domain.model import Method
from ..errors import BadRequest, Reason
from ..event_schema import CalendarDate, ShortId
from ..event_validator import explain
from ..observability import correlation_id
from ..problems import problems
from ..resources import Resources
from ..security import Principal, Role
from .access import Anyone, asked, resources_of
from .events import single_result
from .parameters import Content

router = APIRouter(tags=["agents"])


class WhoAmI(BaseModel):
    """Who the token speaks for."""

    user_id: str
    roles: list[Role]


class IntentAnswer(BaseModel):
    """The answer to an intent; ``result`` is what the route of the same use case answers."""

    intent: str
    result: Any
    correlation_id: str


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class _NoPayload(_Payload):
    pass


class _AboutStudent(_Payload):
    student_id: ShortId
    as_of: CalendarDate | None = None
    topic: ShortId | None = None


class _Mastery(_AboutStudent):
    method: Annotated[Method | None, Field(strict=False)] = None


class _Prediction(_Payload):
    student_id: ShortId
    horizon_days: Annotated[int, Field(ge=1, le=30)] = WEEK


class _Recommendations(_Payload):
    student_id: ShortId
    limit: Annotated[int, Field(ge=1, le=50)] = 5


class _Path(_Payload):
    student_id: ShortId
    target: ShortId


@dataclass(frozen=True, slots=True)
class Intent:
    """What an intent takes and does."""

    payload: type[_Payload] | None
    run: Callable[[Resources, Principal, Any], Awaitable[Any]]
    reads: bool = True


async def _get_mastery(resources: Resources, who: Principal, payload: _Mastery) -> msgspec.Raw:
    await resources.rights.check_student(who, payload.student_id)
    model = resources.mastery.what_if(payload.method, None)
    answer = await resources.mastery.mastery(payload.student_id, as_of=payload.as_of, topic=payload.topic, model=model)
    return msgspec.Raw(answer.body)


async def _explain_mastery(resources: Resources, who: Principal, payload: _AboutStudent) -> msgspec.Raw:
    await resources.rights.check_student(who, payload.student_id)
    answer = await resources.mastery.explanation(payload.student_id, as_of=payload.as_of, topic=payload.topic)
    return msgspec.Raw(answer.body)


async def _get_prediction(resources: Resources, who: Principal, payload: _Prediction) -> msgspec.Raw:
    await resources.rights.check_student(who, payload.student_id)
    answer = await resources.mastery.forecast(payload.student_id, horizon_days=payload.horizon_days)
    return msgspec.Raw(answer.body)


async def _get_recommendations(resources: Resources, who: Principal, payload: _Recommendations) -> msgspec.Raw:
    await resources.rights.check_student(who, payload.student_id)
    curriculum = await resources.curriculum.get()
    answer = await resources.mastery.recommendations(payload.student_id, curriculum, limit=payload.limit)
    return msgspec.Raw(answer.body)


async def _generate_path(resources: Resources, who: Principal, payload: _Path) -> msgspec.Raw:
    await resources.rights.check_student(who, payload.student_id)
    curriculum = await resources.curriculum.get()
    answer = await resources.mastery.learning_path(payload.student_id, curriculum, target=payload.target)
    return msgspec.Raw(answer.body)


async def _ingest_event(resources: Resources, who: Principal, payload: object) -> dict[str, Any]:
    resources.security.authorize(who, Role.ADMIN, Role.SERVICE)
    return single_result((await resources.mastery.ingest([payload]))[0])


async def _list_intents(resources: Resources, who: Principal, payload: _NoPayload) -> dict[str, list[str]]:
    del resources, who, payload
    return {"intents": sorted(INTENTS)}


INTENTS: Mapping[str, Intent] = {
    "mastery_calculation": Intent(_Mastery, _get_mastery),
    "get_mastery": Intent(_Mastery, _get_mastery),
    "explain_mastery": Intent(_AboutStudent, _explain_mastery),
    "get_prediction": Intent(_Prediction, _get_prediction),
    "get_recommendations": Intent(_Recommendations, _get_recommendations),
    "generate_path": Intent(_Path, _generate_path),
    "ingest_event": Intent(None, _ingest_event, reads=False),
    "list_intents": Intent(_NoPayload, _list_intents),
}

_REQUEST_SCHEMA = {
    "type": "object",
    "required": ["intent"],
    "properties": {
        "intent": {"type": "string", "enum": sorted(INTENTS)},
        "payload": {"type": "object", "description": "What the intent is about; student_id for most."},
    },
    "example": {"intent": "get_mastery", "payload": {"student_id": "student-001"}},
}
_PROBLEMS = problems(401, 403, 408, 409, 413, 415)
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _REQUEST_SCHEMA}}}}


@router.post("/process", response_model=IntentAnswer, responses=_PROBLEMS, openapi_extra=_BODY)
@router.post("/api/v1/process", response_model=IntentAnswer, responses=_PROBLEMS, openapi_extra=_BODY)
async def process(request: Request, who: Anyone, content: Content) -> Response:
    """Do what an intent names, by the rules of the route that does the same."""
    name, content = _read(content)
    intent = INTENTS[name]
    payload = _checked(intent.payload, content)
    of = asked(request)
    of.action, of.reads = f"agents.{name.replace('_', '-')}", intent.reads
    of.subject = getattr(payload, "student_id", None)
    result = await intent.run(resources_of(request), who, payload)
    body = {"intent": name, "result": result, "correlation_id": correlation_id.get()}
    return Response(msgspec.json.encode(body), media_type="application/json")


@router.get("/api/v1/me", response_model=WhoAmI, responses=problems(401))
async def me(who: Anyone) -> Response:
    """Tell who the token speaks for."""
    return Response(
        msgspec.json.encode({"user_id": who.user_id, "roles": sorted(who.roles)}), media_type="application/json"
    )


def _read(content: object) -> tuple[str, object]:
    if not isinstance(content, dict):
        detail = "Send an object with intent and payload."
        raise BadRequest(detail, [Reason("", "must be an object")])
    name, payload = content.get("intent"), content.get("payload", {})
    reasons = []
    if not isinstance(name, str) or name not in INTENTS:
        reasons.append(Reason("intent", f"must be one of {', '.join(sorted(INTENTS))}"))
    if not isinstance(payload, dict):
        reasons.append(Reason("payload", "must be an object"))
    if reasons or not isinstance(name, str):
        detail = "The intent cannot be followed."
        raise BadRequest(detail, reasons)
    return name, payload


def _checked(model: type[_Payload] | None, payload: object) -> object:
    if model is None:
        return payload
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        detail = "The payload is not valid."
        raise BadRequest(detail, explain(error, "payload")) from None
