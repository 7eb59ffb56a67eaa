"""What every store does, whatever it is made of."""

import random
from typing import Any

import msgspec
import pytest

from src.domain.days import DAY_US
from src.domain.events import Event, EventStatus
from src.domain.state import StudentState
from src.ports import Snapshot
from src.state_manager import StateKeyPatterns
from tests.making import NOW_US, TODAY, event, students_of

from .conftest import Store

APPLIED, DUPLICATE, CONFLICT = EventStatus.APPLIED, EventStatus.DUPLICATE, EventStatus.CONFLICT
DAY_BEFORE = "2026-01-14T10:30:00Z"


async def state_of(store: Store, student_id: str = "student-1") -> dict[str, Any]:
    state = await store.state(student_id)
    assert state is not None
    return state.canonical()


def folded(events: list[Event]) -> dict[str, Any]:
    state = StudentState()
    for one in events:
        state.add(one)
    return state.canonical()


def many(number: int = 60) -> list[Event]:
    kinds = ["quiz.completed", "exercise.completed", "quality.assessed", "code.executed", "help.requested"]
    return [
        event(
            f"e-{n}",
            kinds[n % 5],
            timestamp=f"2026-01-{1 + n % 15:02}T{n % 24:02}:00:00Z" if n % 15 < 14 else "2026-01-15T11:00:00Z",
            topic=["loops", "lists", None][n % 3],
        )
        for n in range(number)
    ]


async def test_an_unknown_student_has_nothing(store: Store) -> None:
    assert await store.version("nobody") is None
    assert await store.aggregates("nobody") is None
    assert await store.state("nobody") is None
    assert (await store.recent("nobody")).newest_first() == []
    assert await store.status("nobody", "e-1") is None
    assert await students_of(store) == []


async def test_an_event_is_counted_once(store: Store) -> None:
    assert await store.apply([event()], NOW_US) == [APPLIED]
    before = await state_of(store)
    version = await store.version("student-1")
    assert await store.apply([event(), event()], NOW_US) == [DUPLICATE, DUPLICATE]
    assert await state_of(store) == before == folded([event()])
    assert await store.version("student-1") == version


async def test_duplicates_within_a_batch_are_found(store: Store) -> None:
    assert await store.apply([event(), event("e-2"), event()], NOW_US) == [APPLIED, APPLIED, DUPLICATE]


async def test_the_first_content_of_an_id_wins(store: Store) -> None:
    other = event(topic="lists")
    assert await store.apply([event(), other], NOW_US) == [APPLIED, CONFLICT]
    assert await store.apply([other, event()], NOW_US) == [CONFLICT, DUPLICATE]
    assert await state_of(store) == folded([event()])


async def test_an_id_stays_counted_when_its_checkpoint_is_gone(store: Store) -> None:
    await store.apply([event()], NOW_US)
    later = NOW_US + 7 * DAY_US
    await store.trim(later)
    assert await store.apply([event()], later) == [DUPLICATE]
    assert await store.apply([event(topic="lists")], later) != [APPLIED]
    assert await state_of(store) == folded([event()])


async def test_ids_are_unique_per_student(store: Store) -> None:
    events = [event(), event(student_id="student-2", topic="lists")]
    assert await store.apply(events, NOW_US) == [APPLIED, APPLIED]
    assert await students_of(store) == ["student-1", "student-2"]


@pytest.mark.parametrize("seed", range(3))
async def test_the_state_is_a_function_of_the_set_of_events(store: Store, seed: int) -> None:
    events = many()
    shuffled = [*events, *events[::5]]
    random.Random(seed).shuffle(shuffled)  # a reproducible order
    while shuffled:
        batch, shuffled = shuffled[:7], shuffled[7:]
        await store.apply(batch, NOW_US)
    assert msgspec.json.encode(await state_of(store)) == msgspec.json.encode(folded(events))


async def test_every_change_moves_the_version(store: Store) -> None:
    versions = set()
    for number in range(5):
        await store.apply([event(f"e-{number}")], NOW_US)
        versions.add(await store.version("student-1"))
    assert len(versions) == 5


async def test_aggregates_come_with_their_version(store: Store) -> None:
    await store.apply([event()], NOW_US)
    stored = await store.aggregates("student-1")
    assert stored is not None
    assert stored.version == await store.version("student-1")
    assert stored.aggregates.topics() == ["loops"]


async def test_recent_outcomes_come_back_as_they_were(store: Store) -> None:
    events = many()
    await store.apply(events, NOW_US)
    expected = sorted((outcome for one in events for outcome in one.outcomes), key=lambda o: o.order, reverse=True)
    assert (await store.recent("student-1")).newest_first() == expected


async def test_a_counted_event_is_known(store: Store) -> None:
    await store.apply([event()], NOW_US)
    assert await store.status("student-1", "e-1") is APPLIED
    assert await store.status("student-1", "e-2") is None
    assert await store.status("student-2", "e-1") is None


async def test_the_number_of_events_ever_counted_is_kept(store: Store) -> None:
    await store.apply(many(), NOW_US)
    await store.apply(many(), NOW_US)
    state = await store.state("student-1")
    assert state is not None
    assert state.events == 60


async def test_snapshots_are_kept_only_of_the_version_derived_from(store: Store) -> None:
    await store.apply([event()], NOW_US)
    version = await store.version("student-1")
    assert version is not None
    values = {"student:{student_id}:mastery:2026-01-15": b"{}"}
    snapshots = [
        Snapshot("student-1", version, values),
        Snapshot("student-1", version - 1, values),
        Snapshot("nobody", 1, {}),
    ]
    assert (await store.remember(snapshots, NOW_US))[:2] == [True, False]
    assert await store.snapshot("student-1", "2026-01-15") == b"{}"
    assert await store.snapshot("student-1", "2026-01-14") is None
    assert await store.snapshot("nobody", "2026-01-15") is None


async def test_all_students_come_sorted(store: Store) -> None:
    names = [f"student-{number:04}" for number in range(1001)]
    await store.apply([event(student_id=name) for name in reversed(names)], NOW_US)
    assert await students_of(store) == names


async def test_retention_trims_what_is_too_old_and_keeps_the_rest(store: Store) -> None:
    old, new = event("e-old", timestamp="2025-12-01T10:00:00Z"), event("e-new")
    await store.apply([old, new], NOW_US)
    later = NOW_US + 60 * DAY_US
    assert await store.trim(later) == 1
    assert await state_of(store) == folded([new])
    assert await store.trim(later) == 0


async def test_a_student_without_recent_evidence_is_forgotten(store: Store) -> None:
    await store.apply([event()], NOW_US)
    assert await store.trim(NOW_US + 89 * DAY_US) == 0
    assert await store.trim(NOW_US + 90 * DAY_US) == 1
    assert await store.state("student-1") is None
    assert await students_of(store) == []


async def test_applying_trims_the_students_touched(store: Store) -> None:
    await store.apply([event("e-old", timestamp=DAY_BEFORE)], NOW_US)
    later = NOW_US + 89 * DAY_US
    new = event("e-new", timestamp=(later // 1000), received_us=later)
    await store.apply([new], later)
    stored = await store.aggregates("student-1")
    assert stored is not None
    assert {row.day for row in stored.aggregates.rows()} == {TODAY + 89}


async def test_an_event_that_retention_drops_at_once_harms_nothing(store: Store) -> None:
    much_later = NOW_US + 200 * DAY_US
    assert await store.apply([event()], much_later) == [APPLIED]
    await store.trim(much_later)
    assert await students_of(store) == []


async def test_many_students_are_read_at_once_in_the_order_asked(store: Store) -> None:
    names = ["student-3", "nobody", "student-1"]
    events = [event(f"{one.event_id}", one.type, student_id=name) for name in names[::2] for one in many()]
    await store.apply([*events, event("e-last", topic="files")], NOW_US)
    assert await store.versions_of(names) == [await store.version(name) for name in names]
    found = [await store.aggregates(name) for name in names]
    assert await store.aggregates_of(names) == [one and one.aggregates for one in found]
    assert found[0] != found[2]
    windows = await store.others_of(names)
    assert [window.others for window in windows] == [(await store.recent(name)).others for name in names]
    assert [len(window.others) for window in windows] == [48, 0, 49]
    assert not any(window.answers for window in windows)


async def test_a_window_of_many_holds_the_newest_however_they_came(store: Store) -> None:
    events = [
        event(f"e-{number}", "help.requested", timestamp=f"2026-01-{1 + number % 14:02}T10:00:00Z")
        for number in range(230)
    ]
    for start in range(0, len(events), 46):
        await store.apply(events[start : start + 46], NOW_US)
    (window,) = await store.others_of(["student-1"])
    expected = sorted((outcome for one in events for outcome in one.outcomes), key=lambda o: o.order)
    assert window.others == expected[-200:]


async def test_the_answers_of_many_are_those_of_each(store: Store) -> None:
    data = {"total_questions": 1, "correct_answers": 1, "responses": [{"item": "i", "skills": [], "correct": True}]}
    for name, number in (("student-1", 3), ("student-2", 230)):
        events = [
            event(f"e-{at}", student_id=name, data=data, timestamp=f"2026-01-{1 + at % 14:02}T10:00:00Z")
            for at in range(number)
        ]
        await store.apply(events, NOW_US)
    names = ["student-2", "nobody", "student-1"]
    windows = await store.answers_of(names)
    assert [window.answers for window in windows] == [(await store.recent(name)).answers for name in names]
    assert [len(window.answers) for window in windows] == [200, 0, 3]
    assert not any(window.others for window in windows)


async def test_of_no_students_nothing_is_read(store: Store) -> None:
    assert await store.versions_of([]) == []
    assert await store.aggregates_of([]) == []
    assert await store.others_of([]) == []
    assert await store.answers_of([]) == []


async def test_an_empty_batch_is_nothing(store: Store) -> None:
    assert await store.apply([], NOW_US) == []
    assert await store.remember([], NOW_US) == []


async def test_a_healthy_store_answers(store: Store) -> None:
    await store.ping()


async def test_results_are_derived_from_all_that_is_known_and_from_what_was_told(store: Store) -> None:
    await store.apply([event("e-1"), event("e-2", "code.executed"), event("e-3", student_id="student-2")], NOW_US)
    found, nobody, other = await store.derivable(["student-1", "student-3", "student-2"])
    assert nobody is None
    assert found is not None
    assert other is not None
    state = await store.state("student-1")
    assert state is not None
    assert (found.version, found.events) == (await store.version("student-1"), 2)
    assert found.aggregates == state.aggregates
    assert [one.event_id for one in found.others] == [one.event_id for one in state.recent.others]
    assert (found.told, found.erasures, other.events) == (None, 0, 1)
    told = Snapshot("student-1", found.version, {StateKeyPatterns.TOLD: b'{"levels":{}}'})
    assert await store.remember([told], NOW_US) == [True]
    [again] = await store.derivable(["student-1"])
    assert again is not None
    assert again.told == b'{"levels":{}}'
