"""Dead letters of erased students are neither listed nor found, and the others are."""

from dataclasses import replace

import pytest

from src.dead_letter_privacy import StudentDeadLetters, VisibleDeadLetters
from src.dead_letters import students_in
from src.domain.erasures import Erasure
from src.domain.events import EventStatus
from src.ports import DeadLetterRecord, Handled, Handling
from tests.dead_letters import READ_MS, MemoryDeadLetterIndex, MemoryDeadLetters, letter
from tests.fakes import MemoryLedger
from tests.making import PSEUDONYM

ADA, BOB = "student-1", "student-2"


def of(student_id: str, offset: int) -> DeadLetterRecord:
    record = letter(offset, value=f'{{"student_id": "{student_id}"}}'.encode())
    told = replace(record.letter, students=frozenset({student_id}))
    return replace(record, letter=told, key=student_id.encode())


async def shown(log: VisibleDeadLetters) -> list[str]:
    page = await log.newest({}, limit=10, reason=None)
    assert page.next is None
    return [one.letter_id for one in page.letters]


@pytest.mark.parametrize(
    ("erasure", "expected"),
    [
        (None, ["0-1", "0-0"]),
        (Erasure(1, 0), ["0-1"]),
        (Erasure(1, 0, consented_us=READ_MS * 1000), ["0-1"]),
        (Erasure(1, 0, consented_us=READ_MS * 1000 - 1), ["0-1", "0-0"]),
    ],
)
async def test_what_was_received_while_a_student_was_erased_is_not_shown(
    erasure: Erasure | None, expected: list[str]
) -> None:
    ledger = MemoryLedger()
    if erasure is not None:
        await ledger.write(PSEUDONYM(ADA), erasure)
    log = VisibleDeadLetters(MemoryDeadLetters([of(ADA, 0), of(BOB, 1)]), ledger=ledger, pseudonym=PSEUDONYM)
    assert await shown(log) == expected
    assert (await log.find(0, 0) is not None) is ("0-0" in expected)
    assert await log.find(0, 1) is not None
    assert await log.find(0, 2) is None


async def test_the_dead_letters_of_a_student_are_exported_with_what_was_done_with_them() -> None:
    index = MemoryDeadLetterIndex()
    records = [of(ADA, 0), of(BOB, 1), of(ADA, 2)]
    await index.remember(records[2].letter, Handled(Handling.REPLAYED, 7, "bob", status=EventStatus.QUEUED))
    place = StudentDeadLetters(MemoryDeadLetters(records, looks_at=2), index=index)
    exported = await place.export(ADA)
    assert isinstance(exported, list)
    assert [one["dead_letter"]["id"] for one in exported] == ["0-2", "0-0"]
    assert exported[0]["dead_letter"]["handled"]["by"] == "bob"
    assert exported[0]["value"]["content"] == f'{{"student_id": "{ADA}"}}'
    assert await place.export("nobody") is None
    assert (await place.remains(ADA), await place.erase(ADA), await place.remains(ADA)) == (1, 1, 0)


@pytest.mark.parametrize(
    ("key", "value", "headers", "students"),
    [
        (b"ada", None, (), {"ada"}),
        (None, b'{"student_id": "ada", "data": {"student_id":"bob"}}', (), {"ada", "bob"}),
        (None, b'{"specversion": "1.0", "subject" : "ada", "data": {"student_i', (), {"ada"}),
        (b"not an id", b'{"student_id": "no:body"}', (("CE_Subject", b"ada"), ("subject", b"bob")), {"ada"}),
        (b"\xff", b"\xff", (("ce_subject", None),), set()),
    ],
)
def test_students_are_recognised_wherever_a_record_names_them(
    key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes | None], ...], students: set[str]
) -> None:
    assert students_in(key, value, headers) == students
