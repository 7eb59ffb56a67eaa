"""What the tests of the domain are made from: evidence by its age, states from events, answers as they are sent."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from src.domain.aggregates import Aggregates
from src.domain.days import to_date
from src.domain.events import Event
from src.domain.evidence import Component, Evidence, active
from src.domain.mastery import Window, standings, topic_standing, window
from src.domain.model import VERSION, MasteryModel
from src.domain.state import StudentState
from src.event_validator import validate
from tests.making import NOW_US, TODAY

KEPT_FROM = TODAY - 89
FULL = window(TODAY, KEPT_FROM)


def day(ago: int) -> date:
    """Return the date that lies so many days before today."""
    return to_date(TODAY - ago)


def piece(
    ago: int, component: Component, score: float, weight: float = 1.0, *, topic: str | None = "loops"
) -> Evidence:
    """Return evidence with a score and a weight as fractions, so many days before today."""
    return Evidence(TODAY - ago, component, topic, round(score * weight * 1_000_000), round(weight * 1_000_000))


def active_ago(*days: int) -> list[Evidence]:
    """Return active days, each so many days before today."""
    return [active(TODAY - ago) for ago in days]


def aggregates(*pieces: Evidence) -> Aggregates:
    """Return the sums of evidence."""
    sums = Aggregates()
    sums.add(pieces)
    return sums


def valid(wire: Mapping[str, Any], received_us: int = NOW_US) -> Event:
    """Return the event that a wire event is."""
    event = validate(dict(wire), received_us)
    assert isinstance(event, Event), event
    return event


def fold(events: Iterable[Event]) -> StudentState:
    """Return the state after events of one student, as ingest would make it: what is expired adds nothing."""
    state = StudentState()
    for event in events:
        if not event.expired:
            state.add(event)
    return state


def answer(
    student_id: str, sums: Aggregates, span: Window, model: MasteryModel, *, topic: str | None = None
) -> dict[str, Any]:
    """Return what the domain says as the fields of the answer to ``/mastery``."""
    whole, topics = standings(sums, span, model)
    if topic is not None:
        whole = about = topic_standing(sums, topic, span, model)
        topics = (about,)
    said: dict[str, Any] = msgspec.to_builtins(whole)
    return said | {
        "student_id": student_id,
        "as_of": to_date(span.last).isoformat(),
        "topics": [msgspec.to_builtins(one) for one in topics],
        "model": {
            "version": VERSION,
            "method": str(model.method),
            "weights": {str(component): weight for component, weight in model.shown_weights().items()},
            "half_life_days": float(model.half_life_days),
        },
        "complete": span.complete,
        "evidence_from": None if span.evidence_from is None else span.evidence_from.isoformat(),
    }
