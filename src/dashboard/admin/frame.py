"""What the pages of administrators share: their tabs, and what is told at the field of a form."""

from collections.abc import Collection, Iterable
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from ...errors import BadRequest, Reason, Refused
from ...event_validator import explain
from ..navigation import admin_links
from ..rendering import page
from ..sessions import PATH, session

ADMIN = f"{PATH}/admin"


def admin_router(end: str) -> APIRouter:
    """Return a router for pages of administrators; each route names the rule ``Admin`` itself."""
    return APIRouter(prefix=ADMIN + end, include_in_schema=False, tags=["dashboard"], dependencies=[Depends(session)])


def admin_page(request: Request, template: str, status: int = 200, **content: object) -> Response:
    """Return a page with the tabs of administrators; ``wrong`` holds what is told at fields."""
    path: str = request.scope["path"]
    return page(request, f"admin/{template}", status, **{"wrong": {}, "tabs": admin_links(path)} | content)


def chosen(model: type[BaseModel], request: Request) -> tuple[Any, dict[str, str]]:
    """Return what is chosen in the form of a page, and what is wrong with it by field; an empty choice is none."""
    given = {name: text for name, text in request.query_params.items() if text and name in names_of(model)}
    try:
        return model.model_validate_strings(given), {}
    except ValidationError as error:
        return model.model_validate_strings({}), by_field(explain(error))


def names_of(model: type[BaseModel]) -> set[str]:
    """Return the names that fields have in a form."""
    return {field.alias or name for name, field in model.model_fields.items()}


def by_field(reasons: Iterable[Reason]) -> dict[str, str]:
    """Return the first reason against each field."""
    found: dict[str, str] = {}
    for field, reason in reasons:
        found.setdefault(field, reason)
    return found


def told(error: Refused) -> dict[str, str]:
    """Return what is wrong by field, that of the whole under no name; at least what the refusal says."""
    return by_field(error.reasons if isinstance(error, BadRequest) else ()) or {"": error.detail}


def lines_of(text: str) -> list[str]:
    """Return the lines of a field that have something in them."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def at_lines(reasons: Iterable[Reason], fields: Collection[str]) -> list[Reason]:
    """Return reasons against entries of a list as reasons against its field that name the line."""
    found = []
    for field, reason in reasons:
        name, _, place = field.partition(".")
        is_line = name in fields and place.isdecimal()
        found.append(Reason(name, f"line {int(place) + 1} {reason}") if is_line else Reason(field, reason))
    return found
