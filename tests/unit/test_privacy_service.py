"""The order in which an erasure does its work, over fakes: what breaks off is completed, and nothing is claimed."""

from dataclasses import dataclass, field

import pytest
from redis.crc import key_slot

from src.domain.erasures import REVISION_STEP, Erasure, Pseudonym, revision, slot_of
from src.domain.events import EventStatus
from src.errors import BrokerUnavailable, Conflict, StoreUnavailable
from src.ports import Retention
from src.privacy_service import PrivacyService
from tests.fakes import MemoryErasures, MemoryLedger, MemoryStore
from tests.making import NOW_US, PSEUDONYM, event

ADA = "student-1"


@dataclass
class Shelf:
    """A place with personal data, which may fail or keep something back."""

    entries: int = 3
    fails: bool = False
    keeps: int = 0

    async def export(self, student_id: str) -> object | None:
        del student_id
        return {"entries": self.entries} if self.entries else None

    async def erase(self, student_id: str) -> int:
        del student_id
        if self.fails:
            message = "away"
            raise StoreUnavailable(message)
        gone, self.entries = self.entries - self.keeps, self.keeps
        return gone

    async def remains(self, student_id: str) -> int:
        del student_id
        return self.entries


@dataclass
class Topics:
    """Topics that keep their records for a time, or for ever."""

    kept_ms: int | None = 60_000

    async def longest_ms(self) -> int | None:
        return self.kept_ms


class BrokenLedger(MemoryLedger):
    """One that cannot be written to."""

    async def write(self, pseudonym: str, erasure: Erasure) -> None:
        del pseudonym, erasure
        message = "away"
        raise BrokerUnavailable(message)


@dataclass
class Desk:
    """The service, and what it works with."""

    store: MemoryStore = field(default_factory=lambda: MemoryStore(Retention()))
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    shelf: Shelf = field(default_factory=Shelf)
    topics: Topics | None = None
    now_us: int = NOW_US

    @property
    def service(self) -> PrivacyService:
        return PrivacyService(
            MemoryErasures(self.store),
            places={"shelf": self.shelf},
            ledger=self.ledger,
            pseudonym=PSEUDONYM,
            clock=lambda: self.now_us,
            topics=self.topics,
        )


async def filled(desk: Desk) -> Desk:
    await desk.store.apply([event("e-1"), event("e-2", student_id="student-2")], NOW_US)
    return desk


async def test_nothing_is_deleted_before_the_ledger_knows_of_it() -> None:
    desk = await filled(Desk(ledger=BrokenLedger()))
    with pytest.raises(BrokerUnavailable):
        await desk.service.erase(ADA)
    assert ADA in desk.store.states
    assert desk.shelf.entries == 3


async def test_an_erasure_that_broke_off_is_completed_by_asking_again_under_the_same_number() -> None:
    desk = await filled(Desk(shelf=Shelf(fails=True)))
    with pytest.raises(StoreUnavailable):
        await desk.service.erase(ADA)
    desk.shelf.fails, desk.now_us = False, NOW_US + 1
    receipt = await desk.service.erase(ADA)
    assert (receipt.erasure, receipt.at, receipt.verified) == (1, "2026-01-15T12:00:00Z", True)
    assert receipt.places["shelf"].entries == 3
    assert desk.ledger.written == [Erasure(1, NOW_US)]


async def test_a_place_that_keeps_something_back_is_told_and_nothing_is_claimed() -> None:
    desk = await filled(Desk(shelf=Shelf(keeps=1)))
    receipt = await desk.service.erase(ADA)
    assert receipt.verified is False
    assert (receipt.places["shelf"].entries, receipt.places["shelf"].remaining) == (2, 1)


async def test_a_dry_run_enters_and_deletes_nothing() -> None:
    desk = await filled(Desk())
    receipt = await desk.service.preview(ADA)
    assert (receipt.dry_run, receipt.verified, receipt.at, receipt.erasure) == (True, None, None, 1)
    assert {name: place.entries for name, place in receipt.places.items()} == {"state": 2, "shelf": 3}
    assert (desk.ledger.written, desk.shelf.entries, ADA in desk.store.states) == ([], 3, True)


@pytest.mark.parametrize(
    ("topics", "until", "notes"),
    [(None, None, 2), (Topics(), "2026-01-15T12:01:00Z", 4), (Topics(None), None, 4)],
)
async def test_a_receipt_says_until_when_topics_hold_raw_records(
    topics: Topics | None, until: str | None, notes: int
) -> None:
    receipt = await Desk(topics=topics).service.erase(ADA)
    assert receipt.raw_records_until == until
    assert len(receipt.notes) == notes


async def test_a_marker_that_is_newer_than_the_ledger_counts() -> None:
    desk = await filled(Desk())
    desk.store.erased[PSEUDONYM(ADA)] = Erasure(4, 7, consented_us=8)
    assert (await desk.service.erase(ADA)).erasure == 5
    assert desk.ledger.entries == {PSEUDONYM(ADA): Erasure(5, NOW_US)}


async def test_consent_after_an_erasure_that_broke_off_brings_nothing_back() -> None:
    desk = await filled(Desk())
    await desk.ledger.write(PSEUDONYM(ADA), Erasure(1, NOW_US))
    desk.now_us = NOW_US + 1
    await desk.service.restore_consent(ADA)
    assert ADA not in desk.store.states
    given = [event("e-1"), event("new", received_us=NOW_US + 2)]
    assert await desk.store.apply(given, NOW_US) == [EventStatus.REFUSED, EventStatus.APPLIED]


async def test_there_is_no_consent_to_restore_of_who_was_not_erased() -> None:
    desk = await filled(Desk())
    with pytest.raises(Conflict):
        await desk.service.restore_consent(ADA)
    assert desk.ledger.written == []


def test_pseudonyms_do_not_tell_the_id_and_depend_on_the_key() -> None:
    one, other = Pseudonym(b"one"), Pseudonym(b"other")
    assert one(ADA) == one(ADA)
    assert len({one(ADA), other(ADA), one("student-2")}) == 3
    assert ADA not in one(ADA)


def test_a_pseudonym_tells_the_slot_of_the_student_to_who_has_the_key() -> None:
    one, other = Pseudonym(b"one"), Pseudonym(b"other")
    ids = [f"student-{number}" for number in range(50)]
    assert [one.slot(one(student_id)) for student_id in ids] == [key_slot(student_id.encode()) for student_id in ids]
    assert [other.slot(one(student_id)) for student_id in ids] != [slot_of(student_id) for student_id in ids]
    assert [int(one(student_id)[32:], 16) for student_id in ids] != [slot_of(student_id) for student_id in ids]


def test_markers_come_back_as_they_were() -> None:
    for erasure in (Erasure(1, NOW_US), Erasure(12, NOW_US, NOW_US + 1)):
        assert Erasure.decoded(erasure.encoded()) == erasure


def test_a_revision_after_an_erasure_is_higher_than_all_before() -> None:
    assert revision(0, 7) == 7
    assert revision(1, 0) > revision(0, REVISION_STEP - 1)
    assert revision(1_000_000, 1_000_000) < 2**53
