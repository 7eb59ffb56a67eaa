"""Dead letters as they are shown: over HTTP, and as JSON at the command line."""

import base64
from dataclasses import dataclass
from enum import StrEnum

from .domain.days import to_text
from .domain.events import EventStatus
from .ports import DeadLetter, Handled, Handling, Origin


@dataclass(frozen=True, slots=True)
class LetterError:
    """A field of the record, empty for the whole, and why it was not accepted."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class LetterOrigin:
    """Where the record was read before it was buried."""

    topic: str
    partition: int
    offset: int
    timestamp: str | None


@dataclass(frozen=True, slots=True)
class LetterHandling:
    """What was done with a dead letter, when and by whom.

    ``reason`` is why it was discarded; ``event_id`` and ``status`` are of the event that was replayed.
    """

    action: Handling
    at: str
    by: str
    reason: str | None
    event_id: str | None
    status: EventStatus | None
    corrected: bool


@dataclass(frozen=True, slots=True)
class LetterSummary:
    """What a dead letter tells of itself, and what was done with it; what it does not tell is null."""

    id: str
    buried_at: str | None
    reason: str | None
    errors: tuple[LetterError, ...]
    event_id: str | None
    correlation_id: str | None
    origin: LetterOrigin | None
    handled: LetterHandling | None


@dataclass(frozen=True, slots=True)
class LettersAnswer:
    """Dead letters, newest first; ``next`` is the cursor of the next page."""

    dead_letters: tuple[LetterSummary, ...]
    next: str | None


class ContentEncoding(StrEnum):
    """How bytes are shown: as the text that they are, or else in base64."""

    TEXT = "utf-8"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True)
class LetterContent:
    """Bytes of a record."""

    encoding: ContentEncoding
    content: str


@dataclass(frozen=True, slots=True)
class LetterHeader:
    """A header of a record; without a value it is null."""

    name: str
    value: LetterContent | None


@dataclass(frozen=True, slots=True)
class LetterAnswer:
    """A dead letter with all that it holds; key and value are the bytes that were received."""

    dead_letter: LetterSummary
    key: LetterContent | None
    value: LetterContent | None
    headers: tuple[LetterHeader, ...]


@dataclass(frozen=True, slots=True)
class HandlingAnswer:
    """What was done with a dead letter; ``repeated`` where that was before, and nothing was done now."""

    id: str
    handled: LetterHandling
    repeated: bool


def summary_of(letter: DeadLetter, handled: Handled | None) -> LetterSummary:
    """Return what a dead letter tells, as it is shown."""
    return LetterSummary(
        id=letter.letter_id,
        buried_at=_time(letter.timestamp_ms * 1000),
        reason=letter.reason,
        errors=tuple(LetterError(*error) for error in letter.errors),
        event_id=letter.event_id,
        correlation_id=letter.correlation_id,
        origin=None if letter.origin is None else _origin(letter.origin),
        handled=None if handled is None else handling_of(handled),
    )


def _origin(origin: Origin) -> LetterOrigin:
    timestamp = None if origin.timestamp_ms is None else _time(origin.timestamp_ms * 1000)
    return LetterOrigin(origin.topic, origin.partition, origin.offset, timestamp)


def _time(instant_us: int) -> str | None:
    """Return an instant as text, None for one beyond the calendar: producers may stamp records with any number."""
    try:
        return to_text(instant_us)
    except OverflowError:
        return None


def handling_of(handled: Handled) -> LetterHandling:
    """Return what was done with a dead letter, as it is shown."""
    return LetterHandling(
        action=handled.handling,
        at=to_text(handled.at_us),
        by=handled.by,
        reason=handled.reason,
        event_id=handled.event_id,
        status=handled.status,
        corrected=handled.corrected,
    )


def content_of(value: bytes | None) -> LetterContent | None:
    """Return bytes as text where they are UTF-8, else in base64."""
    if value is None:
        return None
    try:
        return LetterContent(ContentEncoding.TEXT, value.decode())
    except UnicodeDecodeError:
        return LetterContent(ContentEncoding.BASE64, base64.b64encode(value).decode())
