"""Dead letters listed, shown, replayed and discarded, over fakes."""

import base64
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from src.dead_letter_answers import LetterError
from src.dead_letter_service import DeadLetterService, NoDeadLetters
from src.domain.model import MasteryModel
from src.errors import BadRequest, BrokerUnavailable, Conflict, NotFound, Reason
from src.mastery_service import MasteryService
from src.observability import Metrics
from src.ports import DeadLetterRecord, Handling
from src.state_manager import StateManager, Ttl
from tests.dead_letters import INVALID, MemoryDeadLetterIndex, MemoryDeadLetters, MemoryQueue, letter
from tests.fakes import MemoryStore
from tests.making import NOW_US, Nobody, wire

VALID = json.dumps(wire()).encode()


def clock() -> int:
    return NOW_US


@dataclass
class Desk:
    """The service, and what it works with."""

    log: MemoryDeadLetters
    index: MemoryDeadLetterIndex = field(default_factory=MemoryDeadLetterIndex)
    queue: MemoryQueue = field(default_factory=MemoryQueue)

    @property
    def service(self) -> DeadLetterService:
        ttl = Ttl()
        store = MemoryStore(ttl.retention)
        mastery = MasteryService(
            store,
            state=StateManager(store, maintenance=store, ttl=ttl, clock=clock),
            model=MasteryModel(),
            telling=Nobody(),
            metrics=Metrics(),
            clock=clock,
            queue=self.queue,
        )
        return DeadLetterService(mastery, log=self.log, index=self.index, clock=clock)

    def sent(self) -> list[Any]:
        return [json.loads(message.value or b"") for message in self.queue.messages]


def desk(*records: DeadLetterRecord, looks_at: int = 10_000) -> Desk:
    return Desk(MemoryDeadLetters(records, looks_at=looks_at))


async def ids(service: DeadLetterService, *, limit: int = 100, **options: Any) -> list[str]:
    answer = await service.list(limit=limit, **options)
    return [one.id for one in answer.dead_letters]


async def all_pages(service: DeadLetterService, *, limit: int, **options: Any) -> list[list[str]]:
    pages, cursor = [], None
    while True:
        answer = await service.list(limit=limit, cursor=cursor, **options)
        pages.append([one.id for one in answer.dead_letters])
        cursor = answer.next
        if cursor is None:
            return pages


async def test_dead_letters_are_listed_newest_first_page_by_page() -> None:
    service = desk(*(letter(offset) for offset in range(5))).service
    assert await all_pages(service, limit=2) == [["0-4", "0-3"], ["0-2", "0-1"], ["0-0"]]


async def test_what_is_buried_between_two_pages_shifts_nothing() -> None:
    here = desk(letter(0), letter(1), letter(2))
    first = await here.service.list(limit=2)
    here.log.records.append(letter(3))
    second = await here.service.list(limit=2, cursor=first.next)
    assert [one.id for one in second.dead_letters] == ["0-0"]


async def test_they_can_be_listed_by_reason() -> None:
    service = desk(letter(0), letter(1, code="conflict"), letter(2)).service
    assert await ids(service, reason="conflict") == ["0-1"]
    assert await ids(service, reason="invalid") == ["0-2", "0-0"]
    assert await ids(service, reason="else") == []


async def test_what_was_handled_is_marked_or_left_out() -> None:
    service = desk(letter(0), letter(1), letter(2)).service
    await service.discard("0-1", by="ada", reason="a test")
    marked = {one.id: one.handled and one.handled.action for one in (await service.list(limit=9)).dead_letters}
    assert marked == {"0-2": None, "0-1": Handling.DISCARDED, "0-0": None}
    assert await ids(service, only_open=True) == ["0-2", "0-0"]


async def test_a_page_is_filled_though_most_were_handled() -> None:
    service = desk(*(letter(offset) for offset in range(8))).service
    for offset in (7, 6, 5, 3):
        await service.discard(f"0-{offset}", by="ada", reason="a test")
    assert await all_pages(service, limit=2, only_open=True) == [["0-4", "0-2"], ["0-1", "0-0"]]


async def test_a_page_looks_at_a_bounded_number_of_records_and_says_that_there_may_be_more() -> None:
    service = desk(*(letter(offset) for offset in range(100)), looks_at=3).service
    answer = await service.list(limit=5, reason="conflict")
    assert answer.dead_letters == ()
    assert answer.next is not None


@pytest.mark.parametrize("cursor", ["", "x", "7b7d7b", b"[1]".hex(), b'{"0":-1}'.hex(), b'{"a":1}'.hex(), "é"])
async def test_a_cursor_of_something_else_is_refused(cursor: str) -> None:
    with pytest.raises(BadRequest) as refused:
        await desk(letter()).service.list(limit=1, cursor=cursor)
    assert refused.value.reasons == (Reason("cursor", "is not a cursor of this list"),)


async def test_one_is_shown_with_its_reasons_its_origin_and_its_content() -> None:
    record = letter(17)
    shown = await desk(record).service.show("0-17")
    told = shown.dead_letter
    assert (told.id, told.reason, told.event_id, told.correlation_id) == ("0-17", "invalid", "e-1", "request-7")
    assert told.errors == tuple(LetterError(*reason) for reason in INVALID)
    assert told.buried_at == "2026-01-15T12:00:00.017Z"
    assert told.origin
    assert (told.origin.topic, told.origin.partition, told.origin.offset) == ("mastery.events", 2, 41)
    assert told.origin.timestamp == "2026-01-15T11:59:58Z"
    assert shown.key
    assert (shown.key.encoding, shown.key.content) == ("utf-8", "student-1")
    assert shown.value
    assert shown.value.content.encode() == record.value


async def test_bytes_that_are_no_text_are_shown_in_base64() -> None:
    shown = await desk(letter(value=b"\xff{")).service.show("0-0")
    assert shown.value
    assert (shown.value.encoding, base64.b64decode(shown.value.content)) == ("base64", b"\xff{")
    headers = {header.name: header.value for header in shown.headers}
    assert headers["empty"] is None
    assert headers["trace"]
    assert headers["trace"].encoding == "base64"


async def test_a_time_beyond_the_calendar_is_no_failure() -> None:
    service = desk(letter(timestamp_ms=2**62)).service
    assert (await service.show("0-0")).dead_letter.buried_at is None


async def test_a_tombstone_has_no_value() -> None:
    assert (await desk(letter(value=None)).service.show("0-0")).value is None


@pytest.mark.parametrize(
    "letter_id", ["0-1", "1-0", "0", "0-", "-0", "a-b", "0-0-0", "\u0660-\u0660", "0-" + "9" * 30, "0-0\n"]
)
async def test_an_unknown_id_is_not_found(letter_id: str) -> None:
    service = desk(letter()).service
    with pytest.raises(NotFound):
        await service.show(letter_id)
    with pytest.raises(NotFound):
        await service.replay(letter_id, by="ada")
    with pytest.raises(NotFound):
        await service.discard(letter_id, by="ada", reason="a test")


async def test_an_event_that_is_valid_by_now_is_sent_again_as_it_was() -> None:
    here = desk(letter(value=VALID))
    answer = await here.service.replay("0-0", by="ada")
    assert (answer.repeated, answer.handled.action, answer.handled.status) == (False, "replayed", "queued")
    assert (answer.handled.by, answer.handled.event_id, answer.handled.corrected) == ("ada", "e-1", False)
    assert here.sent() == [wire()]
    assert here.queue.messages[0].topic == "mastery.events"


async def test_an_event_whose_envelope_is_in_the_headers_is_sent_again_with_its_envelope() -> None:
    binary = [("ce_specversion", b"1.0"), ("ce_id", b"e-9"), ("ce_type", b"quiz.completed"), ("ce_subject", b"s-1")]
    headers = (*binary, ("ce_time", b"2026-01-15T10:30:00Z"))
    record = replace(letter(value=b'{"data": {"total_questions": 5, "correct_answers": 4}}'), headers=headers)
    here = desk(record)
    assert (await here.service.replay("0-0", by="ada")).handled.event_id == "e-9"
    assert here.sent()[0]["id"] == "e-9"


async def test_an_event_that_still_is_not_valid_is_refused_with_its_reasons_and_stays_open() -> None:
    here = desk(letter())
    with pytest.raises(BadRequest) as refused:
        await here.service.replay("0-0", by="ada")
    assert refused.value.reasons == INVALID
    assert not here.queue.messages
    assert await ids(here.service, only_open=True) == ["0-0"]


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"[" * 100_000])
async def test_what_is_no_json_cannot_be_sent_as_it_was(value: bytes | None) -> None:
    with pytest.raises(BadRequest):
        await desk(letter(value=value)).service.replay("0-0", by="ada")


async def test_a_corrected_event_is_sent_instead() -> None:
    here = desk(letter(value=b"\xff"))
    answer = await here.service.replay("0-0", by="ada", corrected=wire("mended"))
    assert (answer.handled.event_id, answer.handled.corrected) == ("mended", True)
    assert here.sent() == [wire("mended")]


async def test_a_corrected_event_that_is_not_valid_is_refused_with_its_reasons() -> None:
    here = desk(letter())
    with pytest.raises(BadRequest) as refused:
        await here.service.replay("0-0", by="ada", corrected=wire(student_id="a:b"))
    assert [reason.field for reason in refused.value.reasons] == ["student_id"]
    assert not here.queue.messages


@pytest.mark.parametrize("again", [None, wire("another"), {}])
async def test_replaying_twice_sends_once_and_tells_what_was_done_before(again: dict[str, Any] | None) -> None:
    here = desk(letter())
    first = await here.service.replay("0-0", by="ada", corrected=wire())
    second = await here.service.replay("0-0", by="bob", corrected=again)
    assert second == replace(first, repeated=True)
    assert here.sent() == [wire()]


async def test_what_was_not_acknowledged_was_not_replayed() -> None:
    class Away(MemoryQueue):
        async def publish(self, messages: object) -> None:
            del messages
            detail = "Kafka is away."
            raise BrokerUnavailable(detail)

    here = Desk(MemoryDeadLetters([letter()]), queue=Away())
    with pytest.raises(BrokerUnavailable):
        await here.service.replay("0-0", by="ada", corrected=wire())
    here.queue = MemoryQueue()
    assert (await here.service.replay("0-0", by="ada", corrected=wire())).repeated is False
    assert here.sent() == [wire()]


async def test_what_was_discarded_is_not_replayed_and_the_other_way_round() -> None:
    here = desk(letter(0), letter(1))
    await here.service.discard("0-0", by="ada", reason="a test")
    with pytest.raises(Conflict):
        await here.service.replay("0-0", by="ada", corrected=wire())
    await here.service.replay("0-1", by="ada", corrected=wire("e-2"))
    with pytest.raises(Conflict):
        await here.service.discard("0-1", by="ada", reason="a test")
    assert here.sent() == [wire("e-2")]


async def test_the_first_reason_for_discarding_stays() -> None:
    service = desk(letter()).service
    first = await service.discard("0-0", by="ada", reason=" sent by a test ")
    second = await service.discard("0-0", by="bob", reason="else")
    assert (first.handled.reason, first.handled.by, first.repeated) == ("sent by a test", "ada", False)
    assert second == replace(first, repeated=True)


async def test_a_topic_made_anew_begins_with_nothing_handled() -> None:
    here = desk(letter())
    await here.service.discard("0-0", by="ada", reason="a test")
    here.log.records = [letter(timestamp_ms=NOW_US // 1000 + 60_000)]
    assert await ids(here.service, only_open=True) == ["0-0"]


@pytest.mark.parametrize(
    ("reason", "wrong"),
    [
        ("", "must not be empty"),
        (" \t ", "must not be empty"),
        ("a" * 501, "must be at most 500 characters"),
        ("a\nb", "must not have control characters"),
        ("a\x1b[31m", "must not have control characters"),
        ("a\x00", "must not have control characters"),
        ("a\u2028b", "must not have control characters"),
    ],
)
async def test_a_reason_that_is_none_is_refused(reason: str, wrong: str) -> None:
    here = desk(letter())
    with pytest.raises(BadRequest) as refused:
        await here.service.discard("0-0", by="ada", reason=reason)
    assert refused.value.reasons == (Reason("reason", wrong),)
    assert await ids(here.service, only_open=True) == ["0-0"]


async def test_a_reason_in_any_language_is_taken_up_to_its_length() -> None:
    service = desk(letter()).service
    assert (await service.discard("0-0", by="ada", reason="é👩🏽‍🏫 " + "字" * 400)).handled.reason


async def test_without_kafka_there_are_none() -> None:
    here = desk()
    service = DeadLetterService(here.service._mastery, log=NoDeadLetters(), index=NoDeadLetters(), clock=clock)  # noqa: SLF001  # the same ingest
    answer = await service.list(limit=10, cursor=b'{"0":5}'.hex(), only_open=True)
    assert (answer.dead_letters, answer.next) == ((), None)
    with pytest.raises(NotFound):
        await service.replay("0-0", by="ada")
