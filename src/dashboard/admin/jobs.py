"""Jobs about many students: made with a form, watched while they are done, stopped."""

from secrets import token_hex
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from ...api.access import Admin, asked, resources_of
from ...api.batch import BatchContent, Batches, BatchId, request_of
from ...batch_service import BatchService
from ...domain.batches import BatchKind
from ...domain.evidence import Component
from ...domain.model import Method
from ...errors import BadRequest, Conflict, NotFound, Reason
from ...event_validator import explain
from ...resources import mastery_model
from ...security import is_user_id
from ..sessions import Posted
from .frame import ADMIN, admin_page, admin_router, at_lines, by_field, lines_of, told

BASE = f"{ADMIN}/jobs"
MOST_SHOWN = 50
RESULTS_PER_PAGE = 100
FIELDS = ("kind", "cohort_id", "student_ids", "as_of", "method", "half_life_days", *Component)

router = admin_router("/jobs")


@router.get("")
async def list_jobs(request: Request, who: Admin, service: Batches) -> Response:
    """Show the jobs that are not ended, and the form for another."""
    del who
    return await _form(request, service, {})


@router.get("/unfinished")
async def list_unfinished_jobs(request: Request, who: Admin, service: Batches) -> Response:
    """Show the part of the page that renews itself."""
    del who
    return admin_page(request, "unfinished_jobs.html", jobs=await service.unfinished(MOST_SHOWN))


@router.post("")
async def make_job(request: Request, who: Admin, service: Batches, fields: Posted) -> Response:
    """Make a job of what stands in the form; the same form sent twice makes one."""
    key = fields.get("once", "")
    try:
        wanted = request_of(_content(fields), mastery_model(resources_of(request).settings))
        asked(request).subject = None if wanted.cohort_id is None else f"cohort:{wanted.cohort_id}"
        made = await service.create(who, wanted, key=key if is_user_id(key) else None)
    except NotFound as error:
        return await _form(request, service, fields, {"cohort_id": error.detail})
    except (BadRequest, Conflict) as error:
        return await _form(request, service, fields, told(error), error.status)
    asked(request).facts |= {"batch_id": made.batch_id, "kind": made.kind.value, "students": made.total}
    return RedirectResponse(f"{BASE}/{made.batch_id}", 303)


@router.get("/{batch_id}")
async def show_job(
    request: Request,
    who: Admin,
    batch_id: BatchId,
    service: Batches,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Show how far a job is, and the results that there are by now."""
    job = await service.status(who, batch_id)
    results = await service.results(who, batch_id, limit=RESULTS_PER_PAGE, cursor=cursor)
    shown = [
        {"student_id": one.student_id, "error": one.error, "text": "" if one.error else _readable(one.result)}
        for one in results.results
    ]
    return admin_page(request, "job.html", job=job, results=shown, next_cursor=results.next)


@router.get("/{batch_id}/progress")
async def show_progress_of_job(request: Request, who: Admin, batch_id: BatchId, service: Batches) -> Response:
    """Show the part of the page that renews itself; when the job is ended, the whole page is loaded again."""
    job = await service.status(who, batch_id)
    response = admin_page(request, "progress.html", job=job)
    if job.finished_at is not None:
        response.headers["HX-Refresh"] = "true"
    return response


@router.post("/{batch_id}/cancel")
async def cancel_job(who: Admin, batch_id: BatchId, service: Batches, fields: Posted) -> Response:
    """Stop a job; what it has found stays."""
    del fields
    await service.cancel(who, batch_id)
    return RedirectResponse(f"{BASE}/{batch_id}", 303)


async def _form(
    request: Request,
    service: BatchService,
    fields: dict[str, str],
    wrong: dict[str, str] | None = None,
    status: int = 400,
) -> Response:
    return admin_page(
        request,
        "jobs.html",
        status if wrong else 200,
        wrong=wrong or {},
        given={name: fields.get(name, "") for name in FIELDS},
        once=token_hex(16),
        jobs=await service.unfinished(MOST_SHOWN),
        kinds=tuple(BatchKind),
        methods=tuple(Method),
    )


def _content(fields: dict[str, str]) -> BatchContent:
    """Return the job that a form describes; raises ``BadRequest`` with the reasons by the fields of the form."""
    students = lines_of(fields.get("student_ids", ""))
    weights = {str(name): _number(fields[name]) for name in Component if fields.get(name)}
    configuration: dict[str, Any] = {"method": fields["method"]} if fields.get("method") else {}
    configuration |= {"half_life_days": _number(fields["half_life_days"])} if fields.get("half_life_days") else {}
    content: dict[str, Any] = {name: fields[name] for name in ("kind", "cohort_id", "as_of") if fields.get(name)}
    content |= {"student_ids": students} if students else {}
    whole = configuration | ({"weights": weights} if weights else {})
    content |= {"configuration": whole} if whole else {}
    try:
        return BatchContent.model_validate(content)
    except ValidationError as error:
        detail = "The job is not valid."
        reasons = at_lines(map(_as_in_form, explain(error)), {"student_ids"})
        raise BadRequest(detail, (Reason(*pair) for pair in by_field(reasons).items())) from None


def _number(text: str) -> float | str:
    """Return the number that a text is, or else the text, which is then refused as any other."""
    try:
        return float(text)
    except ValueError:
        return text


def _readable(result: object) -> str:
    return msgspec.json.format(msgspec.json.encode(result), indent=2).decode()


def _as_in_form(reason: Reason) -> Reason:
    return Reason(reason.field.removeprefix("configuration.").removeprefix("weights."), reason.reason)
