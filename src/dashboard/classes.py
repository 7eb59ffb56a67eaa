"""The pages of classes: those that somebody teaches, and each of them from several sides."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from sse_starlette import EventSourceResponse
from starlette.responses import Response

from ..api import live
from ..api.access import ComparedCohort, ReadableCohort, Staff, asked, resources_of
from ..api.cohort_views import Views
from ..api.cohorts import Cohorts
from ..api.curriculum import TheCurriculum
from ..api.parameters import Mastery
from ..api.spreadsheets import spreadsheet
from ..cohort_answers import ComparisonAnswer, TriageAnswer
from ..cohort_views import Asked, Page, Sort
from ..domain.days import to_date
from ..errors import BadRequest
from ..security import Role
from . import class_views as views
from .choices import ChosenDay, ChosenTopic
from .navigation import CLASS_PAGES, class_address, tabs
from .rendering import page
from .sessions import PATH, session

CLASSES_PER_PAGE = 60
CLASSES_TO_COMPARE = 200
STRUGGLES = 12
HOTSPOTS = 6
USUAL_CHANGE = timedelta(days=28)
MOST_TEXT = 64

router = APIRouter(
    prefix=PATH + "/classes", include_in_schema=False, tags=["dashboard"], dependencies=[Depends(session)]
)


@dataclass(frozen=True, slots=True)
class Sides:
    """As of which days two classes are compared, and in which topic."""

    as_of: date | None
    with_as_of: date | None
    topic: str | None


async def chosen_sides(as_of: ChosenDay = None, with_as_of: ChosenDay = None, topic: ChosenTopic = None) -> Sides:
    """Return what is chosen in the form of a comparison."""
    return Sides(as_of, with_as_of, topic)


ChosenSides: TypeAlias = Annotated[Sides, Depends(chosen_sides)]


@router.get("")
async def classes(
    request: Request,
    who: Staff,
    service: Cohorts,
    cursor: Annotated[str | None, Query(max_length=128)] = None,
) -> Response:
    """Show the classes of who asks, to an admin all."""
    teacher = None if who.has(Role.ADMIN) else who.user_id
    found = await service.list(teacher=teacher, limit=CLASSES_PER_PAGE, cursor=cursor)
    return page(request, "class/list.html", classes=found.cohorts, next_cursor=found.next, every=teacher is None)


@router.get("/{cohort_id}")
async def now(request: Request, cohort_id: ReadableCohort, service: Views, mastery: Mastery) -> Response:
    """Show who needs help now and why, what is open, and what the class struggles with."""
    about = await about_class(request, cohort_id)
    model = mastery.what_if(None, None)
    summary = await service.summary(cohort_id, Asked(model))
    return page(
        request,
        "class/now.html",
        **about,
        triage=msgspec.json.decode(await service.triage(cohort_id, model, {}), type=TriageAnswer),
        struggles=(await service.struggles(cohort_id, Page(STRUGGLES))).struggles,
        hotspots=(await service.hotspots(cohort_id)).hotspots[:HOTSPOTS],
        summary=summary,
        levels=views.level_counts(summary.levels, summary.statuses),
    )


@router.get("/{cohort_id}/struggles")
async def struggles(request: Request, cohort_id: ReadableCohort, service: Views) -> Response:
    """Show the part of the page that renews itself: the open struggles."""
    about = await about_class(request, cohort_id)
    found = await service.struggles(cohort_id, Page(STRUGGLES))
    return page(request, "class/struggles.html", **about, struggles=found.struggles)


# The same stream as that of the interface, for the session's token.
router.add_api_route("/{cohort_id}/stream", live.cohort, name="stream", response_class=EventSourceResponse)


@router.get("/{cohort_id}/heat-map")
async def heat_map(
    request: Request,
    cohort_id: ReadableCohort,
    service: Views,
    mastery: Mastery,
    curriculum: TheCurriculum,
    sort: Sort = Sort.STUDENT_ID,
) -> Response:
    """Show the students by topics."""
    about = await about_class(request, cohort_id)
    students = await service.standings(cohort_id, Asked(mastery.what_if(None, None)), sort)
    found = views.heat_map(students, (await curriculum.get()).curriculum)
    return page(request, "class/heat_map.html", **about, map=found, sort=sort, count=len(students))


@router.get("/{cohort_id}/table")
async def table(
    request: Request,
    cohort_id: ReadableCohort,
    service: Views,
    mastery: Mastery,
    sort: Sort = Sort.STUDENT_ID,
    topic: ChosenTopic = None,
    level: views.LevelChoice = views.LevelChoice.ALL,
    text: Annotated[str, Query(max_length=MOST_TEXT)] = "",
) -> Response:
    """Show the students as a table, sorted and narrowed down."""
    about = await about_class(request, cohort_id)
    students = await service.standings(cohort_id, Asked(mastery.what_if(None, None), topic=topic), sort)
    found = views.narrowed(students, level, text)
    chosen = {"sort": sort, "topic": topic or "", "level": level, "text": text}
    return page(
        request,
        "class/table.html",
        **about,
        students=found[: views.SHOWN],
        found=len(found),
        count=len(students),
        chosen=chosen,
    )


@router.get("/{cohort_id}/table.csv")
async def table_as_csv(
    cohort_id: ReadableCohort, service: Views, mastery: Mastery, topic: ChosenTopic = None, sort: Sort = Sort.STUDENT_ID
) -> Response:
    """Give the whole class as a file, in that order."""
    return spreadsheet(await service.table(cohort_id, Asked(mastery.what_if(None, None), topic=topic), sort))


@router.get("/{cohort_id}/compare")
async def compare(
    request: Request,
    cohort_id: ReadableCohort,
    other: ComparedCohort,
    service: Views,
    mastery: Mastery,
    cohorts: Cohorts,
    sides: ChosenSides,
) -> Response:
    """Show a class beside another, or beside itself at another date: by itself four weeks ago."""
    about = await about_class(request, cohort_id)
    today = to_date(resources_of(request).state.today())
    is_itself = other in (None, cohort_id)
    before = sides.with_as_of or ((sides.as_of or today) - USUAL_CHANGE if is_itself else None)
    who = asked(request).who
    teacher = None if who is None or who.has(Role.ADMIN) else who.user_id
    choices = (await cohorts.list(teacher=teacher, limit=CLASSES_TO_COMPARE, cursor=None)).cohorts
    found: ComparisonAnswer | None = None
    wrong: dict[str, str] = {}
    try:
        question = Asked(mastery.what_if(None, None), sides.as_of, sides.topic)
        found = await service.compare(cohort_id, question, other, before)
    except BadRequest as error:
        wrong = {reason.field: reason.reason for reason in error.reasons}
    return page(
        request,
        "class/compare.html",
        400 if wrong else 200,
        **about,
        compared=found,
        wrong=wrong,
        choices=choices,
        names={one.cohort_id: one.name for one in choices},
        chosen={
            "with": other or cohort_id,
            "as_of": sides.as_of or today,
            "with_as_of": before or today,
            "topic": sides.topic or "",
        },
        is_itself=is_itself,
    )


async def about_class(request: Request, cohort_id: str) -> dict[str, Any]:
    """Return what all pages of a class share; raises ``NotFound``."""
    resources = resources_of(request)
    cohort = (await resources.cohorts.get(cohort_id)).cohort
    curriculum = (await resources.curriculum.get()).curriculum
    base = class_address(cohort_id)
    titles = {topic.topic: topic.title for topic in curriculum.topics}
    return {
        "cohort": cohort,
        "base": base,
        "tabs": tabs(CLASS_PAGES, base, request.scope["path"]),
        "titles": titles,
        "titled": lambda names: [titles.get(name, name) for name in names],
    }
