"""The pages of one student: for themselves, and for those who may read them."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from ..answers import HistoryAnswer, MasteryAnswer, OutcomeAnswer, RecommendationsAnswer
from ..api.access import ReadableStudent, asked, resources_of
from ..api.curriculum import TheCurriculum
from ..api.parameters import Mastery
from ..domain.curriculum import Curriculum
from ..domain.days import to_date
from ..domain.explanation import Explanation
from ..domain.forecast import WEEK, Forecast
from ..domain.history import Interval
from ..domain.outcomes import WINDOW_SIZE, OutcomeKind
from ..domain.recommendations import PathStep
from ..event_schema import ShortId
from ..mastery_service import Answer, MasteryService
from ..security import Role
from . import student_views as views
from .catalogue import Formats, locale_of
from .choices import ChosenTopic
from .navigation import STAFF_STUDENT_PAGES, student_address, tabs
from .rendering import page
from .sessions import PATH, session

SUGGESTED, ALL_SUGGESTED = 2, 7
WAYS_UP = 3
LATELY, LATELY_IN_TOPIC = 6, 12
COUNTED_MOST = 12

router = APIRouter(
    prefix=PATH + "/students/{student_id}", include_in_schema=False, tags=["dashboard"], dependencies=[Depends(session)]
)


class Span(StrEnum):
    """How far a history looks back."""

    MONTH = "month"
    QUARTER = "quarter"

    @property
    def days(self) -> int:
        """Return how many days it has."""
        return 30 if self is Span.MONTH else 90

    @property
    def interval(self) -> Interval:
        """Return how far apart its points are."""
        return Interval.DAY if self is Span.MONTH else Interval.WEEK


@router.get("")
async def overview(
    request: Request, student_id: ReadableStudent, service: Mastery, curriculum: TheCurriculum
) -> Response:
    """Show where a student stands, what to do next, and what was done lately."""
    tagged = await curriculum.get()
    mastery = msgspec.json.decode((await service.mastery(student_id)).body, type=MasteryAnswer)
    advice = await service.recommendations(student_id, tagged, limit=SUGGESTED)
    forecast = await service.forecast(student_id, horizon_days=WEEK)
    return page(
        request,
        "student/overview.html",
        **_about(request, student_id, tagged.curriculum),
        mastery=mastery,
        topics=views.in_order(mastery.topics, tagged.curriculum),
        recommendations=msgspec.json.decode(advice.body, type=RecommendationsAnswer).recommendations,
        outcomes=(await _done(service, student_id))[:LATELY],
        struggles=(await service.struggles(student_id, only_open=True)).struggles,
        forecast=msgspec.json.decode(forecast.body, type=Forecast),
    )


@router.get("/explanation")
async def explanation(
    request: Request,
    student_id: ReadableStudent,
    service: Mastery,
    curriculum: TheCurriculum,
    topic: ChosenTopic = None,
) -> Response:
    """Show what a score is made of, the events behind it, and what would raise it."""
    known = (await curriculum.get()).curriculum
    whole = await _mastery(service, student_id)
    mastery = whole if topic is None else await _mastery(service, student_id, topic)
    found = msgspec.json.decode((await service.explanation(student_id, topic=topic)).body, type=Explanation)
    return page(
        request,
        "student/explanation.html",
        **_about(request, student_id, known),
        topic=topic,
        topics=views.in_order(whole.topics, known),
        mastery=mastery,
        shares=views.shares(found.contributions),
        moments=views.moments(found.contributions, await _done(service, student_id), COUNTED_MOST),
        improvements=views.ways_up(found.improvements, WAYS_UP),
    )


@router.get("/history")
async def history(
    request: Request,
    student_id: ReadableStudent,
    service: Mastery,
    curriculum: TheCurriculum,
    span: Annotated[Span, Query(description="How far to look back.")] = Span.MONTH,
    topic: ChosenTopic = None,
) -> Response:
    """Show how a score developed, as a chart and as a table."""
    known = (await curriculum.get()).curriculum
    today = to_date(resources_of(request).state.today())
    first = today - timedelta(days=span.days - 1)
    answer = await service.history(student_id, first=first, interval=span.interval, topic=topic)
    found = msgspec.json.decode(answer.body, type=HistoryAnswer)
    whole = await _mastery(service, student_id)
    formats = Formats(locale_of(request), today)
    scored = [point for point in found.points if point.score is not None]
    return page(
        request,
        "student/history.html",
        **_about(request, student_id, known),
        span=span,
        topic=topic,
        topics=views.in_order(whole.topics, known),
        points=found.points,
        change=(scored[-1].score or 0) - (scored[0].score or 0) if len(scored) > 1 else None,
        dots=views.dots(found, formats),
        scale=views.scale([point.date for point in found.points], formats),
    )


@router.get("/next")
async def next_steps(
    request: Request, student_id: ReadableStudent, service: Mastery, curriculum: TheCurriculum
) -> Response:
    """Show what to do next and why."""
    tagged = await curriculum.get()
    advice = await service.recommendations(student_id, tagged, limit=ALL_SUGGESTED)
    return page(
        request,
        "student/next.html",
        **_about(request, student_id, tagged.curriculum),
        recommendations=msgspec.json.decode(advice.body, type=RecommendationsAnswer).recommendations,
    )


@router.get("/map")
async def whole_map(
    request: Request, student_id: ReadableStudent, service: Mastery, curriculum: TheCurriculum
) -> Response:
    """Show the curriculum as a map of where the student has been and may go."""
    tagged = await curriculum.get()
    answer = await service.whole_path(student_id, tagged)
    steps = msgspec.json.decode(answer.body, type=tuple[PathStep, ...])
    standings = {one.topic: one for one in (await _mastery(service, student_id)).topics}
    return page(
        request,
        "student/map.html",
        **_about(request, student_id, tagged.curriculum),
        modules=views.modules(tagged.curriculum, steps, standings),
    )


@router.get("/topics/{topic}")
async def topic_page(
    request: Request, student_id: ReadableStudent, topic: ShortId, service: Mastery, curriculum: TheCurriculum
) -> Response:
    """Show everything about one topic: where the student stands in it, how it developed, and what was done."""
    tagged = await curriculum.get()
    today = to_date(resources_of(request).state.today())
    formats = Formats(locale_of(request), today)
    answer = await service.history(
        student_id, first=today - timedelta(days=Span.QUARTER.days - 1), interval=Interval.WEEK, topic=topic
    )
    found = msgspec.json.decode(answer.body, type=HistoryAnswer)
    steps = msgspec.json.decode((await service.whole_path(student_id, tagged)).body, type=tuple[PathStep, ...])
    return page(
        request,
        "student/topic.html",
        **_about(request, student_id, tagged.curriculum),
        topic=topic,
        listed=tagged.curriculum.by_name.get(topic),
        dependants=tagged.curriculum.dependants.get(topic, ()),
        mastery=await _mastery(service, student_id, topic),
        step=next((step for step in steps if step.topic == topic), None),
        outcomes=[one for one in await _done(service, student_id) if one.topic == topic][:LATELY_IN_TOPIC],
        points=found.points,
        dots=views.dots(found, formats),
        scale=views.scale([point.date for point in found.points], formats),
    )


async def _mastery(service: MasteryService, student_id: str, topic: str | None = None) -> MasteryAnswer:
    answer: Answer = await service.mastery(student_id, topic=topic)
    return msgspec.json.decode(answer.body, type=MasteryAnswer)


async def _done(service: MasteryService, student_id: str) -> list[OutcomeAnswer]:
    """Return what a student did lately, newest first; the answers are in the quizzes that they belong to."""
    found = await service.outcomes(student_id, limit=2 * WINDOW_SIZE, before=None)
    return [one for one in found.outcomes if one.kind != OutcomeKind.ANSWER]


def _about(request: Request, student_id: str, curriculum: Curriculum) -> dict[str, Any]:
    """Return what all pages of a student share. ``own`` tells whether it is the student who looks."""
    who = asked(request).who
    own = who is not None and who.user_id == student_id and who.has(Role.STUDENT)
    base = student_address(student_id)
    titles = {topic.topic: topic.title for topic in curriculum.topics}
    return {
        "student_id": student_id,
        "own": own,
        "base": base,
        "tabs": () if own else tabs(STAFF_STUDENT_PAGES, base, request.scope["path"]),
        "titles": titles,
        "titled": lambda names: [titles.get(name, name) for name in names],
    }
