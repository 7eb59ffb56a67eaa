"""What is told of a student: the same bytes for the same state, differences for those who listen."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domain.days import DAY_US
from src.domain.events import Event
from src.domain.levels import Level
from src.domain.model import MasteryModel
from src.domain.state import StudentState
from src.ports import Derivable, Message
from src.results import NOTHING_TOLD, Derived, Frame, Told, derive, told
from tests.making import NOW_US, TODAY, event
from tests.unit.domain.building import KEPT_FROM, fold

FRAME = Frame(MasteryModel(), TODAY, KEPT_FROM)
EVENTS = [
    event("e-1"),
    event("e-2", "exercise.completed", topic="lists"),
    event("e-3", "code.executed"),
    event("e-4", "help.requested", timestamp="2026-01-12T08:00:00Z"),
    event("e-5", "quality.assessed", topic=None, timestamp="2026-01-10T08:00:00Z"),
]


def quiz(event_id: str, correct: int, *, ago: int = 0, topic: str = "loops") -> Event:
    data = {"total_questions": 20, "correct_answers": correct}
    return event(event_id, topic=topic, timestamp=(NOW_US - ago * DAY_US) // 1000, data=data)


def stuck(event_id: str, *, ago: int = 0) -> Event:
    return event(event_id, "help.requested", timestamp=(NOW_US - ago * DAY_US) // 1000)


def derivable(state: StudentState) -> Derivable:
    return Derivable(7, state.events, state.aggregates, tuple(state.recent.others), None)


def derived(
    events: Sequence[Event],
    causes: Iterable[Event] | None = None,
    *,
    before: Told = NOTHING_TOLD,
    frame: Frame = FRAME,
) -> Derived:
    """Return what follows from events, because of the causes (all of them unless others are given)."""
    because = {one.event_id: one.occurred_us for one in (events if causes is None else causes)}
    return derive("student-1", derivable(fold(events)), because, before, frame)


def content(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message.value or b"")
    return found


def of_kind(one: Derived, kind: str) -> list[dict[str, Any]]:
    events = map(content, one.messages)
    return [event["data"] for event in events if event["type"] == f"com.learnflow.mastery.{kind}.v1"]


def changes(one: Derived) -> dict[str | None, tuple[str | None, str | None]]:
    return {change["topic"]: (change["from"], change["to"]) for change in of_kind(one, "level.changed")}


# -- the same content, the same bytes


@given(st.permutations(EVENTS), st.permutations(EVENTS))
def test_the_order_of_events_and_causes_makes_no_difference(events: list[Event], causes: list[Event]) -> None:
    one = derived(events, causes)
    assert one.messages == derived(EVENTS).messages
    assert one.told.encoded() == derived(EVENTS).told.encoded()


def test_the_version_of_the_state_and_the_day_of_processing_are_not_in_what_is_told() -> None:
    keeps_all = Frame(FRAME.model, TODAY, KEPT_FROM - 30)
    later = Frame(FRAME.model, TODAY + 5, KEPT_FROM - 25)
    assert derived(EVENTS, frame=keeps_all).messages == derived(EVENTS, frame=later).messages


def test_another_content_has_another_id() -> None:
    ids = [
        content(message)["id"]
        for one in (derived(EVENTS), derived(EVENTS[:3]), derived(EVENTS, EVENTS[:3]), derived(EVENTS, []))
        for message in one.messages[:1]
    ]
    assert len(set(ids)) == len(ids)


def test_ids_tell_the_messages_of_one_student_apart() -> None:
    messages = derived([*EVENTS, stuck("e-6"), stuck("e-7")]).messages
    assert len({content(message)["id"] for message in messages}) == len(messages)


# -- what an update is


def test_an_update_is_a_cloud_event_with_the_student_as_key() -> None:
    update = derived(EVENTS).messages[0]
    event = content(update)
    assert (update.topic, update.key) == ("mastery.results", b"student-1")
    assert dict(update.headers)["content-type"] == b"application/cloudevents+json; charset=utf-8"
    assert {name: event[name] for name in ("specversion", "type", "source", "subject", "time", "datacontenttype")} == {
        "specversion": "1.0",
        "type": "com.learnflow.mastery.updated.v1",
        "source": "/mastery-engine",
        "subject": "student-1",
        "time": "2026-01-15T10:30:00Z",
        "datacontenttype": "application/json",
    }


def test_an_update_names_its_causes_and_how_many_events_were_counted() -> None:
    (update,) = of_kind(derived(EVENTS, reversed(EVENTS[:2])), "updated")
    assert (update["revision"], update["causes"]) == (5, ["e-1", "e-2"])
    assert update["mastery"]["as_of"] == "2026-01-15"


def test_an_update_is_as_of_the_day_of_its_newest_cause() -> None:
    newer, late, later = quiz("e-1", 20), quiz("e-2", 20, ago=20), quiz("e-3", 20, ago=10)
    (update,) = of_kind(derived([newer, late, later], [late, later]), "updated")
    assert update["mastery"]["as_of"] == "2026-01-05"


def test_an_update_without_a_cause_is_as_of_the_last_day_with_evidence() -> None:
    one = derived([quiz("e-1", 20, ago=3)], [])
    (update,) = of_kind(one, "updated")
    assert (update["causes"], update["mastery"]["as_of"]) == ([], "2026-01-12")
    assert content(one.messages[0])["time"] == "2026-01-12T00:00:00Z"


def test_the_answer_kept_as_a_snapshot_is_that_of_today() -> None:
    one = derived([quiz("e-1", 20, ago=3)])
    assert of_kind(one, "updated")[0]["mastery"]["as_of"] == "2026-01-12"
    assert one.today.as_of.isoformat() == "2026-01-15"


def test_a_late_event_does_not_take_back_what_newer_ones_have_shown() -> None:
    newer, late = quiz("e-1", 20), quiz("e-2", 20, ago=20, topic="lists")
    before = derived([newer]).told
    one = derived([newer, late], [late], before=before)
    assert changes(one) == {"lists": (None, "expert")}
    assert one.told == derived([newer, late]).told


# -- notices


def test_levels_are_told_that_differ_from_those_told_before() -> None:
    good, bad = quiz("e-1", 20), quiz("e-2", 0)
    first = derived([good])
    assert changes(first)["loops"] == (None, "expert")
    second = derived([good, bad], [bad], before=first.told)
    assert changes(second)["loops"] == ("expert", "developing")
    assert changes(derived([good, bad], [bad], before=second.told)) == {}


def test_a_level_that_no_longer_holds_is_told_too() -> None:
    before = Told({"": Level.EXPERT, "gone": Level.EXPERT}, ())
    assert changes(derived([quiz("e-1", 20)], before=before))["gone"] == ("expert", None)


def test_a_struggle_is_told_once_for_as_long_as_it_is_open() -> None:
    first = derived([stuck("e-1", ago=2)])
    assert [struggle["id"] for struggle in of_kind(first, "struggle.detected")] == ["stuck.e-1"]
    second = derived([stuck("e-1", ago=2), stuck("e-2", ago=1)], before=first.told)
    assert [struggle["id"] for struggle in of_kind(second, "struggle.detected")] == ["stuck.e-2"]
    assert second.told.struggles == ("stuck.e-1", "stuck.e-2")
    resolved = derived([stuck("e-1", ago=2), stuck("e-2", ago=1), quiz("e-3", 20)], before=second.told)
    assert of_kind(resolved, "struggle.detected") == []
    assert resolved.told.struggles == ()


def test_a_struggle_that_retention_no_longer_keeps_is_not_open() -> None:
    frame = Frame(FRAME.model, TODAY, TODAY - 1)
    assert derived([stuck("e-1", ago=2), stuck("e-2")], frame=frame).told.struggles == ("stuck.e-2",)


# -- the mark


@pytest.mark.parametrize("one", [derived(EVENTS), derived([stuck("e-1")])])
def test_what_was_told_comes_back_from_its_bytes(one: Derived) -> None:
    assert told(one.told.encoded()) == one.told


def test_nothing_was_told_where_there_is_no_mark() -> None:
    assert told(None) == NOTHING_TOLD
