"""What is stored about a student: looked at, given out, erased after a dry run and with a receipt, taken up again."""

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import Request
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from ...api.access import Admin, StudentId, asked
from ...api.privacy import Privacy
from ...errors import Conflict
from ...event_schema import ShortId
from ...privacy_answers import Receipt
from ...privacy_service import PrivacyService
from ..sessions import Posted
from ..words import N_
from .frame import ADMIN, admin_page, admin_router, chosen

BASE = f"{ADMIN}/personal-data"

router = admin_router("/personal-data")


class StudentChoice(BaseModel):
    """About whom somebody asks."""

    student_id: ShortId | None = None


@router.get("")
async def find_personal_data(request: Request, who: Admin) -> Response:
    """Ask about whom, and lead there."""
    del who
    choice, wrong = chosen(StudentChoice, request)
    if choice.student_id is not None:
        return RedirectResponse(f"{BASE}/{choice.student_id}", 303)
    given = request.query_params.get("student_id", "")
    return admin_page(request, "find_personal_data.html", 400 if wrong else 200, wrong=wrong, student_id=given)


@router.get("/{student_id}")
async def personal_data(request: Request, student_id: StudentId, who: Admin, service: Privacy) -> Response:
    """Show what an erasure would erase: a dry run that changes nothing."""
    del who
    asked(request).facts["dry_run"] = True
    return await _shown(request, student_id, service)


@router.get("/{student_id}/export")
async def export_personal_data(request: Request, student_id: StudentId, who: Admin, service: Privacy) -> Response:
    """Return everything stored about a student as a file."""
    del request, who
    body = msgspec.json.format(msgspec.json.encode(await service.export(student_id)), indent=2)
    headers = {"Content-Disposition": f'attachment; filename="{student_id}.json"'}
    return Response(body, headers=headers, media_type="application/json")


@router.post("/{student_id}/erase")
async def erase_student(
    request: Request, student_id: StudentId, who: Admin, service: Privacy, fields: Posted
) -> Response:
    """Erase everything stored about a student, whose id was typed again, and show the receipt."""
    del who
    if fields.get("again", "").strip() != student_id:
        wrong = {"again": N_("Type the id of the student exactly as it stands above.")}
        return await _shown(request, student_id, service, wrong)
    receipt = await service.erase(student_id)
    text = msgspec.json.format(msgspec.json.encode(receipt), indent=2).decode()
    return admin_page(request, "receipt.html", receipt=receipt, places=_places(receipt), text=text)


@router.post("/{student_id}/restore-consent")
async def restore_consent_of_student(
    request: Request, student_id: StudentId, who: Admin, service: Privacy, fields: Posted
) -> Response:
    """Take the events of an erased student again, from now on."""
    del who, fields
    try:
        await service.restore_consent(student_id)
    except Conflict as error:
        return await _shown(request, student_id, service, {"": error.detail}, 409)
    return RedirectResponse(f"{BASE}/{student_id}", 303)


async def _shown(
    request: Request,
    student_id: str,
    service: PrivacyService,
    wrong: Mapping[str, str] | None = None,
    status: int = 400,
) -> Response:
    preview = await service.preview(student_id)
    export: Any = await service.export(student_id)
    return admin_page(
        request,
        "personal_data.html",
        status if wrong else 200,
        wrong=wrong or {},
        student_id=student_id,
        preview=preview,
        places=_places(preview),
        erasure=export.erasure,
    )


def _places(receipt: Receipt) -> list[tuple[str, int, int | None]]:
    """Return the places with how much is, or was, in each, those with something in them first."""
    places = [(name, place.entries, place.remaining) for name, place in receipt.places.items()]
    return sorted(places, key=lambda place: not place[1])
