"""The curriculum edited, one topic at a time: changed, added, moved, removed."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import Path, Query, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from ...api.access import Admin
from ...api.curriculum import MAX_TOPICS, TheCurriculum, TopicContent
from ...curriculum_service import CurriculumService
from ...domain.curriculum import CurriculumTopic
from ...errors import BadRequest, NotFound, PreconditionFailed, Reason
from ...event_validator import explain
from ...preconditions import Precondition
from ..sessions import Posted
from ..words import N_
from .frame import ADMIN, admin_page, admin_router, at_lines, by_field, lines_of

BASE = f"{ADMIN}/curriculum"
CHANGED = N_("Somebody changed the curriculum in the meantime. This is how it is now; make your change again.")
NEEDED = N_("Another topic builds on this one: change that one first.")
SIZE = N_("A curriculum has at least one topic, and at most 500.")
LISTS = ("skills", "prerequisites")
NEW = CurriculumTopic("", "", "", (), ())
TopicName = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]+$", min_length=1, max_length=64)]

router = admin_router("/curriculum")


@router.get("")
async def show_curriculum(
    request: Request,
    who: Admin,
    service: TheCurriculum,
    saved: Annotated[bool, Query()] = False,  # noqa: FBT002  # a query parameter
) -> Response:
    """Show the topics in the order in which they are taught, and the form for another."""
    del who
    return await _shown(request, service, {}, saved=saved)


@router.post("")
async def add_topic(request: Request, who: Admin, service: TheCurriculum, fields: Posted) -> Response:
    """Add a topic behind the others of its module, or else behind all."""
    del who
    topic, wrong = _described(fields)
    if wrong or topic is None:
        return await _shown(request, service, fields, wrong)
    topics = [*(await service.get()).curriculum.topics]
    places = [place for place, one in enumerate(topics, 1) if one.module == topic.module]
    topics.insert(max(places, default=len(topics)), topic)
    return await _put(
        service, fields, topics, lambda wrong, status: _shown(request, service, fields, wrong, status), about=topic
    )


@router.get("/{topic}")
async def show_topic_to_edit(request: Request, who: Admin, topic: TopicName, service: TheCurriculum) -> Response:
    """Show a topic, to change it."""
    del who
    return await _topic(request, service, topic, {})


@router.post("/{topic}")
async def change_topic(
    request: Request, who: Admin, topic: TopicName, service: TheCurriculum, fields: Posted
) -> Response:
    """Make a topic what stands in the form; its name stays, since evidence knows it by that."""
    del who
    before = await _found(service, topic)
    described, wrong = _described(fields | {"topic": topic})
    if wrong or described is None:
        return await _topic(request, service, topic, fields, wrong)
    topics = [described if one == before else one for one in (await service.get()).curriculum.topics]
    return await _put(
        service,
        fields,
        topics,
        lambda wrong, status: _topic(request, service, topic, fields, wrong, status),
        about=described,
    )


@router.post("/{topic}/move")
async def move_topic(
    request: Request, who: Admin, topic: TopicName, service: TheCurriculum, fields: Posted
) -> Response:
    """Move a topic one place up, or down."""
    del who
    before = await _found(service, topic)
    topics = [*(await service.get()).curriculum.topics]
    place = topics.index(before)
    to = place + (1 if fields.get("to") == "down" else -1)
    topics.insert(max(to, 0), topics.pop(place))
    return await _put(
        service, fields, topics, lambda wrong, status: _shown(request, service, {}, wrong, status), about=before
    )


@router.post("/{topic}/remove")
async def remove_topic(
    request: Request, who: Admin, topic: TopicName, service: TheCurriculum, fields: Posted
) -> Response:
    """Take a topic out of the curriculum; the evidence of it stays."""
    del who
    before = await _found(service, topic)
    topics = [one for one in (await service.get()).curriculum.topics if one != before]
    return await _put(
        service, fields, topics, lambda wrong, status: _topic(request, service, topic, {}, wrong, status), about=None
    )


async def _put(
    service: CurriculumService,
    fields: dict[str, str],
    topics: Sequence[CurriculumTopic],
    again: Callable[[dict[str, str], int], Awaitable[Response]],
    *,
    about: CurriculumTopic | None,
) -> Response:
    """Replace the curriculum if it is as the form knew it; or show the form again with what is wrong."""
    if not 1 <= len(topics) <= MAX_TOPICS:
        return await again({"": SIZE}, 400)
    try:
        await service.put(topics, Precondition(match=frozenset({fields.get("version", "")})))
    except PreconditionFailed:
        return await again({"": CHANGED}, 412)
    except BadRequest as error:
        return await again(_of(about, topics, error.reasons), 400)
    return RedirectResponse(f"{BASE}?saved=true", 303)


def _of(about: CurriculumTopic | None, topics: Sequence[CurriculumTopic], reasons: Sequence[Reason]) -> dict[str, str]:
    """Return the reasons against one topic by its fields; where only others break a rule, that they build on it."""
    found = {}
    for field, reason in reasons:
        _, place, name = field.split(".")
        if about is not None and topics[int(place)].topic == about.topic:
            found[name] = reason
    return found or {"": NEEDED}


async def _found(service: CurriculumService, topic: str) -> CurriculumTopic:
    found = (await service.get()).curriculum.by_name.get(topic)
    if found is None:
        detail = "There is no such topic."
        raise NotFound(detail)
    return found


async def _shown(
    request: Request,
    service: CurriculumService,
    fields: dict[str, str],
    wrong: dict[str, str] | None = None,
    status: int = 400,
    *,
    saved: bool = False,
) -> Response:
    found = await service.get()
    return admin_page(
        request,
        "curriculum.html",
        status if wrong else 200,
        wrong=wrong or {},
        topics=found.curriculum.topics,
        version=found.etag,
        given=_given(NEW) | fields,
        saved=saved,
    )


async def _topic(
    request: Request,
    service: CurriculumService,
    topic: str,
    fields: dict[str, str],
    wrong: dict[str, str] | None = None,
    status: int = 400,
) -> Response:
    found = await service.get()
    known = await _found(service, topic)
    # Who is told that it was changed meanwhile sees how it is now, not what they had typed.
    typed = {} if status == 412 else fields  # noqa: PLR2004  # the status of a precondition
    return admin_page(
        request,
        "topic.html",
        status if wrong else 200,
        wrong=wrong or {},
        topic=known,
        version=found.etag,
        given=_given(known) | typed,
    )


def _described(fields: dict[str, str]) -> tuple[CurriculumTopic | None, dict[str, str]]:
    """Return the topic that a form describes, or what is wrong by field."""
    content: dict[str, Any] = {name: lines_of(fields.get(name, "")) for name in LISTS}
    content |= {name: fields.get(name, "").strip() for name in ("topic", "title", "module")}
    try:
        one = TopicContent.model_validate(content)
    except ValidationError as error:
        return None, by_field(at_lines(explain(error), LISTS))
    return CurriculumTopic(one.topic, one.title, one.module, tuple(one.skills), tuple(one.prerequisites)), {}


def _given(topic: CurriculumTopic) -> dict[str, str]:
    lists = {"skills": "\n".join(topic.skills), "prerequisites": "\n".join(topic.prerequisites)}
    return {"topic": topic.topic, "title": topic.title, "module": topic.module} | lists
