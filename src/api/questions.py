"""The questions that predictions are asked about, as they stand in a query, and the moment of which they are."""

from typing import Annotated, TypeAlias

from fastapi import Depends, Query, Request
from pydantic import AwareDatetime

from ..domain.days import DAY_US, to_us
from ..domain.events import WINDOW_DAYS
from ..domain.learner import Asked
from ..errors import BadRequest, Reason
from ..prediction_service import MAX_QUESTIONS, PredictionService
from .access import resources_of

MAX_SKILLS = 50
_ID = r"[A-Za-z0-9._-]{1,128}"
_LIST = rf"{_ID}(?:,{_ID})*"
_GROUPS = rf"(?:{_LIST})?(?:;(?:{_LIST})?)*"
_LONGEST_ITEMS, _LONGEST_SKILLS = 2600, 4096
"""Twenty of the longest ids; both together stay below what a target may have (``http_protocol``)."""

Items: TypeAlias = Annotated[
    str | None,
    Query(
        alias="item",
        pattern=f"^{_LIST}$",
        max_length=_LONGEST_ITEMS,
        description=f"The question asked about; up to {MAX_QUESTIONS}, joined by commas.",
        examples=["loops-1"],
    ),
]
Skills: TypeAlias = Annotated[
    str | None,
    Query(
        pattern=f"^{_GROUPS}$",
        max_length=_LONGEST_SKILLS,
        description="The skills that it exercises, joined by commas: the same for all questions, or a group for each, "
        "in their order, joined by semicolons.",
        examples=["for-loops,lists"],
    ),
]
Moment: TypeAlias = Annotated[
    AwareDatetime | None,
    Query(
        alias="at", description="The moment at which they are asked; now when not given. Later answers do not count."
    ),
]


async def questions(item: Items = None, skills: Skills = None) -> list[Asked]:
    """Return the questions of a query; raises ``BadRequest``."""
    items: list[str | None] = [None] if item is None else [*item.split(",")]
    if item is None and not skills:
        detail = "Say which question, or which skills."
        raise BadRequest(detail, [Reason("item", "required where there are no skills")])
    if len(items) > MAX_QUESTIONS:
        detail = "So many questions are not answered at once."
        raise BadRequest(detail, [Reason("item", f"must have at most {MAX_QUESTIONS} entries")])
    groups = [tuple(group.split(",")) if group else () for group in (skills or "").split(";")]
    if len(groups) == 1:
        groups *= len(items)
    if len(groups) != len(items):
        detail = "There are not as many groups of skills as questions."
        raise BadRequest(detail, [Reason("skills", "must be one group, or one for each question")])
    if max(map(len, groups)) > MAX_SKILLS:
        detail = "A question has not so many skills."
        raise BadRequest(detail, [Reason("skills", f"must have at most {MAX_SKILLS} entries in a group")])
    return [Asked(one, group) for one, group in zip(items, groups, strict=True)]


async def moment(request: Request, at: Moment = None) -> int | None:
    """Return the moment asked about in microseconds, None for now; raises ``BadRequest`` for one out of the window."""
    if at is None:
        return None
    today = resources_of(request).state.today()
    at_us = to_us(at)
    if not today - WINDOW_DAYS < at_us // DAY_US < today + WINDOW_DAYS:
        detail = "The moment is too far away."
        raise BadRequest(detail, [Reason("at", f"must be less than {WINDOW_DAYS} days away")])
    return at_us


async def prediction_service(request: Request) -> PredictionService:
    """Return the service of the application."""
    return resources_of(request).predictions


Questions: TypeAlias = Annotated[list[Asked], Depends(questions)]
At: TypeAlias = Annotated[int | None, Depends(moment)]
Predictions: TypeAlias = Annotated[PredictionService, Depends(prediction_service)]
