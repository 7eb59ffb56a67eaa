from collections.abc import Iterable

import msgspec
import pytest

from src.domain.events import Event
from src.domain.evidence import Component
from src.domain.state import StudentState
from tests.making import TODAY, event

from .building import fold


def counted_ids(state: StudentState) -> int:
    return len(state.counted)


def canonical(events: Iterable[Event]) -> bytes:
    return msgspec.json.encode(fold(events).canonical())


def test_an_id_counts_once() -> None:
    state = StudentState()
    assert not state.has(event())
    assert state.add(event())
    before = state.canonical()
    assert state.has(event())
    assert not state.add(event())
    assert state.canonical() == before
    assert state.events == 1


@pytest.mark.parametrize(
    "other",
    [
        event(data={"total_questions": 9, "correct_answers": 0}),
        event(timestamp="2025-12-01T00:00:00Z"),
        event(event_type="help.requested"),
        event(topic=None),
    ],
)
def test_of_one_id_with_several_contents_the_first_counts(other: Event) -> None:
    assert canonical([event(), other]) == canonical([event()])
    assert canonical([other, event()]) == canonical([other])


def test_a_student_is_known_by_everything_that_counted() -> None:
    state = fold([event(), event("e-2", "help.requested"), event("e-3", "exercise.completed", topic=None)])
    assert state.events == counted_ids(state) == 3
    assert [(row.component, row.topic) for row in state.aggregates.rows()] == [
        (Component.COMPLETION, None),
        (Component.CONSISTENCY, None),
        (Component.QUIZ, "loops"),
    ]
    assert [outcome.kind for outcome in state.recent.others] == ["quiz", "help", "exercise"]


def test_merging_disjoint_parts_is_as_if_one_had_seen_all() -> None:
    events = [event(f"e-{number}", timestamp=f"2026-01-{number + 1:02}T00:00:00Z") for number in range(15)]
    one, other = fold(events[::2]), fold(events[1::2])
    before = other.canonical()
    one.merge(other)
    assert msgspec.json.encode(one.canonical()) == canonical(events)
    assert one.events == 15
    assert other.canonical() == before


def test_merging_leaves_no_tie_between_the_parts() -> None:
    one, other = fold([event("e-1")]), fold([event("e-2")])
    one.merge(other)
    before = one.canonical()
    other.add(event("e-3"))
    assert one.canonical() == before


def test_trimming_forgets_days_but_not_how_many_events_there_were() -> None:
    old, edge, new = (event(str(day), timestamp=f"2026-01-{day:02}T00:00:00Z") for day in (4, 5, 6))
    state = fold([old, edge, new])
    state.trim(TODAY - 10)
    assert msgspec.json.encode(state.canonical()) == canonical([edge, new])
    assert not state.has(old)
    assert state.has(edge)
    assert state.events == 3


def test_a_long_activity_event_is_counted_on_its_own_day() -> None:
    listing = event("e-1", "activity.recorded", data={"activity_dates": ["2025-12-01", "2026-01-02"]})
    state = fold([listing])
    assert set(state.counted.values()) == {TODAY}
    assert [row.day for row in state.aggregates.rows()] == [TODAY - 45, TODAY - 13, TODAY]
    state.trim(TODAY - 20)
    assert state.has(listing)


def test_the_state_can_be_read_by_people() -> None:
    answers = [{"item": "q-1", "skills": ["for", "while"], "correct": True}, {"item": "q-2", "correct": False}]
    quiz = event(data={"total_questions": 2, "correct_answers": 1, "quiz_id": "quiz-1", "responses": answers})
    run = event("e-2", "code.executed", timestamp="2026-01-14T10:30:00.25Z", topic=None)
    shared = {"event_id": "e-1", "occurred_us": "2026-01-15T10:30:00Z", "topic": "loops", "time_spent_s": None}
    assert fold([quiz, run]).canonical() == {
        "aggregates": [
            {"day": "2026-01-14", "component": "consistency", "topic": None, "score": 1_000_000, "weight": 1_000_000},
            {"day": "2026-01-15", "component": "consistency", "topic": None, "score": 1_000_000, "weight": 1_000_000},
            {"day": "2026-01-15", "component": "quiz", "topic": "loops", "score": 1_000_000, "weight": 2_000_000},
        ],
        "counted": {"2026-01-14": [f"{run.digest % 2**64:016x}"], "2026-01-15": ["317386494bf10d9f"]},
        "outcomes": {
            "answers": [
                shared
                | {"position": 1, "kind": "answer", "item": "q-1", "score": 1_000_000, "detail": None}
                | {"skills": ("for", "while")},
                shared | {"position": 2, "kind": "answer", "item": "q-2", "score": 0, "detail": None} | {"skills": ()},
            ],
            "others": [
                {
                    "occurred_us": "2026-01-14T10:30:00.250Z",
                    "event_id": "e-2",
                    "position": 0,
                    "kind": "run",
                    "topic": None,
                    "item": "ex-1",
                    "score": 0,
                    "detail": "NameError",
                    "time_spent_s": None,
                    "skills": (),
                },
                shared
                | {"position": 0, "kind": "quiz", "item": "quiz-1", "score": 500_000, "detail": None}
                | {"skills": ()},
            ],
        },
    }


def test_counted_ids_are_sorted_as_they_are_read() -> None:
    (ids,) = fold(event(f"e-{number}") for number in range(20)).canonical()["counted"].values()
    assert len(ids) == 20
    assert ids == sorted(ids)


def test_an_empty_state_is_empty() -> None:
    assert StudentState().canonical() == {"aggregates": [], "counted": {}, "outcomes": {"answers": [], "others": []}}
