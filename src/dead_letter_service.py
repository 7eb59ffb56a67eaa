"""Working with dead letters: look at them, send them again as they were or corrected, or put them aside for good."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from .dead_letter_answers import (
    HandlingAnswer,
    LetterAnswer,
    LetterHeader,
    LettersAnswer,
    LetterSummary,
    content_of,
    handling_of,
    summary_of,
)
from .domain.events import EventStatus
from .errors import BadRequest, Conflict, NotFound, Reason
from .event_validator import decode_record
from .mastery_service import MasteryService
from .ports import (
    Clock,
    DeadLetter,
    DeadLetterIndex,
    DeadLetterLog,
    DeadLetterPage,
    DeadLetterRecord,
    Handled,
    Handling,
)

MAX_REASON = 500
MAX_ROUNDS = 10
"""How often the log is asked for one page, when most of what it gives was handled."""
_ID = re.compile(r"(\d{1,9})-(\d{1,18})", re.ASCII)
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
_Offset = Annotated[int, msgspec.Meta(ge=0)]
_decode_cursor = msgspec.json.Decoder(dict[_Offset, _Offset]).decode


class NoDeadLetters:
    """Both ports where there is no Kafka: there are no dead letters."""

    async def newest(self, before: Mapping[int, int], *, limit: int, reason: str | None) -> DeadLetterPage:
        """Return an empty page."""
        del before, limit, reason
        return DeadLetterPage((), None)

    async def find(self, partition: int, offset: int) -> None:
        """Return None."""
        del partition, offset

    async def handled(self, letters: Sequence[DeadLetter]) -> list[Handled | None]:
        """Return that nothing was done."""
        return [None] * len(letters)

    async def remember(self, letter: DeadLetter, handled: Handled) -> Handled:
        """Return what was done; nothing is kept."""
        del letter
        return handled

    async def forget(self, student_id: str) -> int:
        """Return that there was nothing."""
        del student_id
        return 0

    async def kept(self, student_id: str) -> int:
        """Return that there is nothing."""
        del student_id
        return 0


class DeadLetterService:
    """The use cases of who looks after the dead letters."""

    def __init__(self, mastery: MasteryService, *, log: DeadLetterLog, index: DeadLetterIndex, clock: Clock) -> None:
        self._mastery = mastery
        self._log = log
        self._index = index
        self._clock = clock

    async def list(
        self, *, limit: int, cursor: str | None = None, reason: str | None = None, only_open: bool = False
    ) -> LettersAnswer:
        """Return a page, newest first; raises ``BadRequest`` for a cursor of another list.

        It may hold fewer than the limit though there are more.
        """
        before: Mapping[int, int] | None = {} if cursor is None else _position(cursor)
        found: list[LetterSummary] = []
        for _ in range(MAX_ROUNDS):
            missing = limit - len(found)
            page = await self._log.newest(before or {}, limit=missing, reason=reason)
            handled = await self._index.handled(page.letters)
            pairs = zip(page.letters, handled, strict=True)
            found += [summary_of(letter, done) for letter, done in pairs if done is None or not only_open]
            before = page.next
            if before is None or len(found) == limit or len(page.letters) < missing:
                break  # where the log gave fewer than were missing, it has looked at as many as it may
        return LettersAnswer(tuple(found), None if before is None else msgspec.json.encode(before).hex())

    async def show(self, letter_id: str) -> LetterAnswer:
        """Return one with all that it holds; raises ``NotFound``."""
        record, handled = await self._find(letter_id)
        return LetterAnswer(
            dead_letter=summary_of(record.letter, handled),
            key=content_of(record.key),
            value=content_of(record.value),
            headers=tuple(LetterHeader(name, content_of(value)) for name, value in record.headers),
        )

    async def replay(self, letter_id: str, *, by: str, corrected: Mapping[str, Any] | None = None) -> HandlingAnswer:
        """Send the event again, as it was or corrected, unless it was sent before.

        Raises ``NotFound``, ``BadRequest`` where it still is not valid, and ``Conflict`` where the dead letter was
        discarded.
        """
        record, before = await self._find(letter_id)
        if before is not None:
            return _repeated(record.letter, before, Handling.REPLAYED)
        content = decode_record(record.value, record.headers) if corrected is None else corrected
        event_id, status = await self._ingest(content)
        done = Handled(
            Handling.REPLAYED, self._clock(), by, event_id=event_id, status=status, corrected=corrected is not None
        )
        # Remembered only now: what a crash leaves out is sent twice, and its id counted once.
        await self._index.remember(record.letter, done)
        return HandlingAnswer(record.letter.letter_id, handling_of(done), repeated=False)

    async def discard(self, letter_id: str, *, by: str, reason: str) -> HandlingAnswer:
        """Put a dead letter aside for good, unless it was before; it stays in the topic for as long as that keeps it.

        Raises ``NotFound``, ``BadRequest`` for a reason that is none, and ``Conflict`` where it was replayed.
        """
        given = _usable(reason)
        record, before = await self._find(letter_id)
        done = Handled(Handling.DISCARDED, self._clock(), by, reason=given)
        kept = before or await self._index.remember(record.letter, done)
        if kept != done:
            return _repeated(record.letter, kept, Handling.DISCARDED)
        return HandlingAnswer(record.letter.letter_id, handling_of(done), repeated=False)

    async def _find(self, letter_id: str) -> tuple[DeadLetterRecord, Handled | None]:
        place = _ID.fullmatch(letter_id)
        record = None if place is None else await self._log.find(int(place[1]), int(place[2]))
        if record is None:
            detail = "There is no such dead letter, or the topic no longer keeps it."
            raise NotFound(detail)
        [handled] = await self._index.handled([record.letter])
        return record, handled

    async def _ingest(self, content: object) -> tuple[str | None, EventStatus]:
        """Hand an event to ingest, as every door does, and return its id and what became of it."""
        [result] = await self._mastery.ingest([content])
        if result.status is EventStatus.INVALID:
            detail = "The event is not valid: send a corrected one."
            raise BadRequest(detail, result.errors)
        if result.status is EventStatus.CONFLICT:
            detail = "An event with this id and other content was counted before."
            raise Conflict(detail, [Reason("event_id", "was counted with other content")])
        return result.event_id, result.status


def _repeated(letter: DeadLetter, before: Handled, wanted: Handling) -> HandlingAnswer:
    """Return what was done before where it is what is wanted now."""
    if before.handling is not wanted:
        detail = f"The dead letter was {before.handling} before."
        raise Conflict(detail, [Reason("", f"was {before.handling}")])
    return HandlingAnswer(letter.letter_id, handling_of(before), repeated=True)


def _usable(reason: str) -> str:
    stripped = reason.strip()
    wrong = None
    if not stripped:
        wrong = "must not be empty"
    elif len(stripped) > MAX_REASON:
        wrong = f"must be at most {MAX_REASON} characters"
    elif any(unicodedata.category(character) in _CONTROL for character in stripped):
        wrong = "must not have control characters"
    if wrong is not None:
        detail = "Say why the dead letter is discarded."
        raise BadRequest(detail, [Reason("reason", wrong)])
    return stripped


def _position(cursor: str) -> Mapping[int, int]:
    try:
        return _decode_cursor(bytes.fromhex(cursor))
    except (ValueError, msgspec.MsgspecError):
        detail = "The cursor is not one that this service gave."
        raise BadRequest(detail, [Reason("cursor", "is not a cursor of this list")]) from None
