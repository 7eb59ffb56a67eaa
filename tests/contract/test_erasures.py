"""What erasing from a store does, whatever the store is made of."""

from dataclasses import replace

from src.domain.erasures import Erasure
from src.domain.events import EventStatus
from src.ports import Snapshot
from tests.making import NOW_US, PSEUDONYM, event

from .conftest import Erasing

APPLIED, REFUSED = EventStatus.APPLIED, EventStatus.REFUSED
MINUTE_US = 60_000_000
ERASED = Erasure(1, NOW_US)
CONSENTED = replace(ERASED, consented_us=NOW_US + MINUTE_US)
ERASED_AGAIN = Erasure(2, NOW_US + 2 * MINUTE_US)
ADA, BOB = "student-1", "student-2"


async def fill(here: Erasing, number: int = 5) -> None:
    """Give two students events and snapshots."""
    for student_id in (ADA, BOB):
        await here.store.apply([event(f"e-{n}", student_id=student_id) for n in range(number)], NOW_US)
        version = await here.store.version(student_id)
        assert version is not None
        values = {"student:{student_id}:mastery:2026-01-15": b"{}"}
        assert await here.store.remember([Snapshot(student_id, version, values)], NOW_US) == [True]


async def is_empty(here: Erasing, student_id: str) -> bool:
    store = here.store
    found = await store.state(student_id), await store.version(student_id), await here.erasures.export(student_id)
    return found == (None, None, None) and await here.erasures.remains(student_id) == 0


async def test_nothing_of_an_erased_student_is_left_and_everything_of_the_others(erasing: Erasing) -> None:
    await fill(erasing)
    before = await erasing.erasures.export(BOB)
    held = await erasing.erasures.remains(ADA)
    assert held > 1
    assert await erasing.erasures.erase(ADA, ERASED) == held
    assert await is_empty(erasing, ADA)
    assert await erasing.store.status(ADA, "e-0") is None
    assert await erasing.erasures.export(BOB) == before
    assert await erasing.erasures.erasure(ADA) == ERASED
    assert await erasing.erasures.erasure(BOB) is None


async def test_events_of_an_erased_student_are_refused_and_leave_nothing(erasing: Erasing) -> None:
    await fill(erasing)
    await erasing.erasures.erase(ADA, ERASED)
    late = event("late", received_us=NOW_US + MINUTE_US)
    given = [event("e-0"), late, event("e-9", student_id=BOB)]
    assert await erasing.store.apply(given, NOW_US) == [REFUSED, REFUSED, APPLIED]
    assert await is_empty(erasing, ADA)


async def test_a_student_who_was_never_known_can_be_erased(erasing: Erasing) -> None:
    assert await erasing.erasures.erase(ADA, ERASED) == 0
    assert await erasing.store.apply([event()], NOW_US) == [REFUSED]


async def test_after_consent_only_what_was_received_before_it_is_refused(erasing: Erasing) -> None:
    await fill(erasing)
    await erasing.erasures.erase(ADA, ERASED)
    await erasing.erasures.erase(ADA, CONSENTED)
    consented_us = NOW_US + MINUTE_US
    given = [
        event("e-0"),
        event("at-once", received_us=consented_us),
        event("after", received_us=consented_us + 1),
        event("e-0", received_us=consented_us + 1),
    ]
    assert await erasing.store.apply(given, consented_us) == [REFUSED, REFUSED, APPLIED, APPLIED]
    state = await erasing.store.state(ADA)
    assert state is not None
    assert state.events == 2
    # The same holds for one whose state is known already.
    again = [event("e-1"), event("more", received_us=consented_us + 2), event("e-2")]
    assert await erasing.store.apply(again, consented_us) == [REFUSED, APPLIED, REFUSED]


async def test_erasing_twice_changes_nothing(erasing: Erasing) -> None:
    await fill(erasing)
    await erasing.erasures.erase(ADA, ERASED)
    assert await erasing.erasures.erase(ADA, ERASED) == 0
    assert await erasing.erasures.erasure(ADA) == ERASED


async def test_an_older_erasure_deletes_nothing_of_what_came_after_consent(erasing: Erasing) -> None:
    await erasing.erasures.erase(ADA, CONSENTED)
    after = event("after", received_us=NOW_US + 2 * MINUTE_US)
    assert await erasing.store.apply([after], NOW_US) == [APPLIED]
    held = await erasing.erasures.remains(ADA)
    for older in (ERASED, CONSENTED):
        assert await erasing.erasures.erase(ADA, older) == 0
        assert await erasing.erasures.enforce({PSEUDONYM(ADA): older}) == 0
    assert await erasing.erasures.remains(ADA) == held
    assert await erasing.erasures.erasure(ADA) == CONSENTED
    assert await erasing.erasures.erase(ADA, ERASED_AGAIN) == held
    assert await is_empty(erasing, ADA)


async def test_the_ledger_erases_by_pseudonym_whoever_has_no_marker_or_an_older_one(erasing: Erasing) -> None:
    await fill(erasing)
    ledger = {PSEUDONYM(ADA): CONSENTED, PSEUDONYM("nobody"): ERASED}
    assert await erasing.erasures.enforce(ledger) == 1
    assert await is_empty(erasing, ADA)
    assert not await is_empty(erasing, BOB)
    assert await erasing.erasures.erasure(ADA) == CONSENTED
    assert await erasing.erasures.erasure("nobody") == ERASED
    after = event("after", received_us=NOW_US + 2 * MINUTE_US)
    assert await erasing.store.apply([event(), after], NOW_US) == [REFUSED, APPLIED]
    assert await erasing.erasures.enforce(ledger) == 0
    assert await erasing.store.status(ADA, "after") is APPLIED


async def test_consent_is_enough_to_delete_what_an_erasure_that_broke_off_has_left(erasing: Erasing) -> None:
    await fill(erasing)
    assert await erasing.erasures.erase(ADA, CONSENTED) > 0
    assert await is_empty(erasing, ADA)


async def test_snapshots_of_an_erased_student_are_not_written(erasing: Erasing) -> None:
    await fill(erasing)
    version = await erasing.store.version(ADA)
    assert version is not None
    await erasing.erasures.erase(ADA, ERASED)
    values = {"student:{student_id}:mastery:2026-01-15": b"{}"}
    assert await erasing.store.remember([Snapshot(ADA, version, values)], NOW_US) == [False]
    assert await is_empty(erasing, ADA)


async def test_everything_stored_is_exported(erasing: Erasing) -> None:
    assert await erasing.erasures.export(ADA) is None
    await fill(erasing)
    exported = await erasing.erasures.export(ADA)
    assert isinstance(exported, dict)
    state = await erasing.store.state(ADA)
    assert state is not None
    assert state.canonical().items() <= exported.items()
