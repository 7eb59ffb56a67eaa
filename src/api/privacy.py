"""Personal data of one student: everything stored, erased for good, and taken up again by consent."""

from typing import Annotated, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from ..privacy_answers import ConsentAnswer, ExportAnswer, Receipt
from ..privacy_service import PrivacyService
from ..problems import problems
from .access import Admin, ExportableStudent, StudentId, asked, resources_of

router = APIRouter(prefix="/api/v1/students/{student_id}", tags=["privacy"], responses=problems(401, 403))


async def privacy_service(request: Request) -> PrivacyService:
    """Return the service of the application."""
    return resources_of(request).privacy


Privacy: TypeAlias = Annotated[PrivacyService, Depends(privacy_service)]


@router.get("/export", response_model=ExportAnswer)
async def export(student_id: ExportableStudent, service: Privacy) -> Response:
    """Return everything stored about the student, by place; null where a place holds nothing."""
    return _json(await service.export(student_id))


@router.delete("", response_model=Receipt)
async def erase(
    request: Request,
    student_id: StudentId,
    who: Admin,
    service: Privacy,
    dry_run: Annotated[bool, Query(description="Tell what would be erased, and change nothing.")] = False,  # noqa: FBT002  # a query parameter
) -> Response:
    """Erase everything stored about the student, look whether anything is left, and answer with a receipt.

    From then on the student's events are refused, new ones and those sent again. Erasing twice changes nothing.
    """
    del who
    if dry_run:
        asked(request).facts["dry_run"] = True
        return _json(await service.preview(student_id))
    return _json(await service.erase(student_id))


@router.post("/restore-consent", response_model=ConsentAnswer, responses=problems(409))
async def restore_consent(student_id: StudentId, who: Admin, service: Privacy) -> Response:
    """Take the events of an erased student again, those received from now on; 409 for one who was not erased."""
    del who
    return _json(await service.restore_consent(student_id))


def _json(answer: object) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
