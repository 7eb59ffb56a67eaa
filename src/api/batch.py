"""Batch jobs: the same question about many students, answered in the background."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Annotated, Any, Self, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from starlette.responses import Response

from ..batch_answers import BatchAnswer, BatchResults
from ..batch_service import BatchRequest, BatchService
from ..config import MAX_HALF_LIFE_DAYS
from ..domain.batches import MAX_BATCH_STUDENTS, BatchKind, Configuration
from ..domain.model import MIN_HALF_LIFE_DAYS, MasteryModel, Method, parse_weights
from ..errors import BadRequest, Reason
from ..event_schema import CalendarDate, Refusal, ShortId
from ..event_validator import explain
from ..problems import problems
from ..resources import mastery_model
from .access import Staff, asked, resources_of
from .parameters import Content, Limit

MAX_REASONS = 100
"""How many of the reasons against a job are told; a thousand ids may be at fault."""

router = APIRouter(prefix="/api/v1/batch", tags=["batch"], responses=problems(401, 403))

Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class WeightsContent(_Strict):
    """The weights of the components, with at most six decimals; together 1."""

    completion: Fraction
    quiz: Fraction
    quality: Fraction
    consistency: Fraction

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        try:
            self.micro()
        except ValueError as error:
            raise Refusal(str(error)) from None
        return self

    def micro(self) -> dict[Any, int]:
        """Return the weights in micro-units."""
        return parse_weights(",".join(f"{name}={value}" for name, value in self))


class ConfigurationContent(_Strict):
    """What ``recompute`` compares the configuration of the service with; what is not given is as the service has it."""

    weights: WeightsContent | None = None
    method: Annotated[Method | None, Field(strict=False)] = None
    half_life_days: Annotated[float | None, Field(ge=MIN_HALF_LIFE_DAYS, le=MAX_HALF_LIFE_DAYS)] = None

    def beside(self, model: MasteryModel) -> Configuration:
        """Return the whole configuration."""
        half_life = self.half_life_days
        return Configuration(
            method=self.method or model.method,
            weights=model.weights if self.weights is None else self.weights.micro(),
            half_life_days=model.half_life_days if half_life is None else Decimal(str(half_life)),
        )


class BatchContent(_Strict):
    """What is asked, and about whom."""

    kind: Annotated[BatchKind, Field(strict=False)]
    student_ids: Annotated[
        list[ShortId] | None,
        Field(min_length=1, max_length=MAX_BATCH_STUDENTS, description="Who stands twice counts once."),
    ] = None
    cohort_id: Annotated[ShortId | None, Field(description="Everybody who is in this cohort now.")] = None
    as_of: CalendarDate | None = None
    configuration: Annotated[ConfigurationContent | None, Field(description="For `recompute`, and only there.")] = None

    @field_validator("configuration")
    @classmethod
    def _changes_something(cls, given: ConfigurationContent | None) -> ConfigurationContent | None:
        if given is not None and all(value is None for _, value in given):
            reason = "must have weights, method or half_life_days"
            raise Refusal(reason)
        return given

    def contradictions(self) -> Iterator[Reason]:
        """Yield what does not fit together."""
        if (self.student_ids is None) == (self.cohort_id is None):
            yield Reason("student_ids", "must be given, or else cohort_id, and not both")
        if self.kind is BatchKind.RECOMPUTE and self.configuration is None:
            yield Reason("configuration", "is required for recompute")
        if self.kind is not BatchKind.RECOMPUTE and self.configuration is not None:
            yield Reason("configuration", "is for recompute only")


_KNOWN = frozenset().union(*(m.model_fields for m in (BatchContent, ConfigurationContent, WeightsContent)))


async def batch_service(request: Request) -> BatchService:
    """Return the service of the application."""
    return resources_of(request).batches


async def batch_request(request: Request, content: Content) -> BatchRequest:
    """Return what is asked; raises ``BadRequest`` with the reasons against it."""
    detail = "The job is not valid."
    try:
        wanted = BatchContent.model_validate(content)
    except ValidationError as error:
        raise BadRequest(detail, islice(map(_known_field, explain(error)), MAX_REASONS)) from None
    return request_of(wanted, mastery_model(resources_of(request).settings))


def request_of(wanted: BatchContent, model: MasteryModel) -> BatchRequest:
    """Return what is asked, beside the configuration of the service; raises ``BadRequest`` for what does not fit."""
    reasons = list(wanted.contradictions())
    if reasons:
        detail = "The job is not valid."
        raise BadRequest(detail, reasons)
    return BatchRequest(
        kind=wanted.kind,
        student_ids=tuple(wanted.student_ids or ()),
        cohort_id=wanted.cohort_id,
        as_of=wanted.as_of,
        configuration=None if wanted.configuration is None else wanted.configuration.beside(model),
    )


BatchId: TypeAlias = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9._-]+$",
        min_length=1,
        max_length=64,
        description="The id of a job.",
        examples=["4f1d2c3b4a5968778695a4b3c2d1e0f9"],
    ),
]
IdempotencyKey: TypeAlias = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]+$",
        min_length=1,
        max_length=128,
        description="With the same key and the same content the same job is answered, for seven days.",
    ),
]
Batches: TypeAlias = Annotated[BatchService, Depends(batch_service)]
Wanted: TypeAlias = Annotated[BatchRequest, Depends(batch_request)]

_EXAMPLE = {"kind": "mastery", "student_ids": ["student-001", "student-002"]}
_CONTENT = {"schema": {"$ref": f"#/components/schemas/{BatchContent.__name__}"}, "example": _EXAMPLE}
_BODY = {"requestBody": {"required": True, "content": {"application/json": _CONTENT}}}
_LOCATION = {"Location": {"description": "Where the job can be looked at", "schema": {"type": "string"}}}
_QUEUED: dict[int | str, dict[str, Any]] = {
    202: {"description": "Queued, or known by its Idempotency-Key", "headers": _LOCATION}
}


@router.post(
    "",
    status_code=202,
    response_model=BatchAnswer,
    responses=_QUEUED | problems(404, 408, 409, 413, 415),
    openapi_extra=_BODY,
)
async def create(
    request: Request, who: Staff, service: Batches, wanted: Wanted, idempotency_key: IdempotencyKey = None
) -> Response:
    """Ask about up to 1000 students, or about everybody in a cohort. A teacher asks about students of theirs.

    `mastery`, `prediction` and `recommendation` answer what each student's own routes answer. `recompute` is a dry
    run: it tells whose level another configuration would change, and changes nothing.
    """
    asked(request).subject = wanted.cohort_id
    made = await service.create(who, wanted, key=idempotency_key)
    asked(request).facts |= {"batch_id": made.batch_id, "kind": made.kind.value, "students": made.total}
    return _json(made, 202, {"Location": f"/api/v1/batch/status/{made.batch_id}"})


@router.get("/status/{batch_id}", response_model=BatchAnswer, responses=problems(404))
async def status(who: Staff, batch_id: BatchId, service: Batches) -> Response:
    """Tell how far a job is. Who made it and admins may ask."""
    return _json(await service.status(who, batch_id))


@router.get("/{batch_id}/results", response_model=BatchResults, responses=problems(404))
async def results(
    who: Staff,
    batch_id: BatchId,
    service: Batches,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(max_length=64, description="``next`` of the page before.")] = None,
) -> Response:
    """Return the results that there are by now, in the order asked for."""
    return _json(await service.results(who, batch_id, limit=limit, cursor=cursor))


@router.delete("/{batch_id}", response_model=BatchAnswer, responses=problems(404))
async def cancel(who: Staff, batch_id: BatchId, service: Batches) -> Response:
    """Cancel a job. What it has found stays; a job that is ended stays as it is."""
    return _json(await service.cancel(who, batch_id))


def batch_schemas() -> dict[str, Any]:
    """Return the JSON Schemas of what is asked, for the components of the OpenAPI document."""
    schema = BatchContent.model_json_schema(ref_template="#/components/schemas/{model}")
    defined: dict[str, Any] = schema.pop("$defs")
    return defined | {BatchContent.__name__: schema}


def _known_field(reason: Reason) -> Reason:
    # The name of an unknown field is text of whoever sent it, and is not repeated.
    parts = reason.field.split(".")
    if all(part in _KNOWN or part.isdecimal() for part in parts if part):
        return reason
    return Reason(parts[0] if parts[0] in _KNOWN else "", "has a field that is not known")


def _json(answer: object, code: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(answer), code, headers, "application/json")
