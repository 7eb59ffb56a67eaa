"""What there is to learn."""

from itertools import islice
from typing import Annotated, Any, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from ..curriculum_service import CurriculumService, TaggedCurriculum
from ..domain.curriculum import CurriculumTopic
from ..errors import BadRequest, Reason
from ..event_schema import LongId, Refusal, ShortId
from ..event_validator import explain
from ..problems import problems
from .access import Admin, Anyone, resources_of
from .conditions import NOT_MODIFIED, Condition, is_known
from .parameters import Content

MAX_TOPICS = 500
MAX_REASONS = 100

router = APIRouter(prefix="/api/v1/curriculum", tags=["curriculum"], responses=problems(401))


def _line(text: str) -> str:
    if not text.isprintable() or text.isspace():
        reason = "must be text of one line"
        raise Refusal(reason)
    return text


Line: TypeAlias = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_line)]


class TopicContent(BaseModel):
    """A topic: what it is called, where it belongs, and what comes before it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    topic: ShortId
    title: Line
    module: Line
    skills: Annotated[list[LongId], Field(max_length=100)] = []
    prerequisites: Annotated[list[ShortId], Field(max_length=50)] = []


class CurriculumContent(BaseModel):
    """The topics in the order in which they are taught."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", title="Curriculum")

    topics: Annotated[list[TopicContent], Field(min_length=1, max_length=MAX_TOPICS)]


async def curriculum_service(request: Request) -> CurriculumService:
    """Return the service of the application."""
    return resources_of(request).curriculum


async def curriculum_content(content: Content) -> list[CurriculumTopic]:
    """Return the topics that the request describes; raises ``BadRequest`` with the reasons against them."""
    try:
        described = CurriculumContent.model_validate(content)
    except ValidationError as error:
        detail = "The curriculum is not valid."
        raise BadRequest(detail, islice(map(_known_field, explain(error)), MAX_REASONS)) from None
    return [
        CurriculumTopic(one.topic, one.title, one.module, tuple(one.skills), tuple(one.prerequisites))
        for one in described.topics
    ]


TheCurriculum: TypeAlias = Annotated[CurriculumService, Depends(curriculum_service)]
Described: TypeAlias = Annotated[list[CurriculumTopic], Depends(curriculum_content)]

_TAG = {"ETag": {"description": "Changes with every change", "schema": {"type": "string"}}}
_SHOWN: dict[int | str, dict[str, Any]] = {200: {"headers": _TAG}}
_SCHEMA = CurriculumContent.model_json_schema(ref_template="#/components/schemas/{model}")
_SCHEMA.pop("$defs", None)
_SCHEMA["properties"]["topics"]["items"] = TopicContent.model_json_schema()
_SCHEMA["example"] = {
    "topics": [
        {"topic": "variables", "title": "Variables", "module": "Basics", "skills": ["variables.naming"]},
        {"topic": "loops", "title": "Loops", "module": "Control flow", "prerequisites": ["variables"]},
    ]
}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}}
_CONDITIONS: list[dict[str, Any]] = [
    {
        "in": "header",
        "name": "If-Match",
        "schema": {"type": "string"},
        "description": "Replace the curriculum only if it still has this ETag.",
    }
]


@router.get("", response_model=CurriculumContent, responses=NOT_MODIFIED | _SHOWN)
async def curriculum(request: Request, who: Anyone, service: TheCurriculum) -> Response:
    """Return the topics in the order in which they are taught."""
    del who
    found = await service.get()
    if is_known(request, found.etag):
        return Response(status_code=304, headers={"ETag": found.etag})
    return _shown(found)


@router.put(
    "",
    response_model=CurriculumContent,
    responses=_SHOWN | problems(403, 408, 412, 413, 415),
    openapi_extra=_BODY | {"parameters": _CONDITIONS},
)
async def put(who: Admin, service: TheCurriculum, content: Described, condition: Condition) -> Response:
    """Replace the curriculum as a whole.

    Names are unique, prerequisites exist, and nothing leads back to itself. What is recommended follows at once.
    """
    del who
    return _shown(await service.put(content, condition))


def _shown(found: TaggedCurriculum) -> Response:
    body = msgspec.json.encode({"topics": found.curriculum.topics})
    return Response(body, headers={"ETag": found.etag}, media_type="application/json")


def _known_field(reason: Reason) -> Reason:
    # The name of an unknown field is text of whoever sent it, and is not repeated.
    parts = reason.field.split(".")
    known = CurriculumContent.model_fields.keys() | TopicContent.model_fields.keys()
    if all(part in known or part.isdecimal() for part in parts):
        return reason
    return Reason("", "has a field that is not known" if reason.field else reason.reason)
