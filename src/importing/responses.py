"""Response files: one answer a row, each imported as a quiz of one question."""

import io
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import NamedTuple

from ..domain.days import from_date
from ..errors import Reason
from .records import Records, Row, read_csv
from .sources import UNREADABLE

COLUMNS = ("student", "item", "skills", "correct", "timestamp", "order")
_DAY_MS = 86_400_000
_MINUTE_MS = 60_000
_MAX_DIGITS = 18


def read_responses(content: io.BufferedReader, name: str, shift_days: int = 0) -> Records:
    """Return the answers of a file as quiz events, moved in time by whole days."""

    def read(row: Row) -> tuple[object, tuple[Reason, ...]]:
        return _event(row, shift_days)

    return read_csv(content, name, COLUMNS, read)


def days_to_shift(content: io.BufferedReader, name: str, ending: date) -> int:
    """Return by how many days to move a file so that its last response falls on a day."""
    times = (_time_ms(row) for row in _rows(content, name))
    last_ms = 0
    with suppress(*UNREADABLE):  # told when the answers before it have been imported
        for time_ms in times:
            last_ms = max(last_ms, time_ms or 0)
    return from_date(ending) - last_ms // _DAY_MS


def _rows(content: io.BufferedReader, name: str) -> Iterator[Row]:
    def read(row: Row) -> tuple[object, tuple[Reason, ...]]:
        return row, ()

    for record in read_csv(content, name, COLUMNS, read).records:
        if isinstance(record.event, dict):
            yield record.event


class Response(NamedTuple):
    """One answer of a file, its time in milliseconds from the file's origin; the id is a digest of its content.

    The id begins with the order, so that answers of the same time stand in theirs.
    """

    student: str
    item: str
    skills: tuple[str, ...]
    correct: bool
    time_ms: int
    event_id: str


def parse(row: Row) -> tuple[Response | None, tuple[Reason, ...]]:
    """Return the answer of a row, or every reason why there is none."""
    reasons = []
    time_ms = _time_ms(row)
    if not _is_count(row["order"]):
        reasons.append(Reason("order", "must be a whole number"))
    elif time_ms is None:
        reasons.append(Reason("timestamp", "must be a number of seconds, or empty"))
    if row["correct"] not in ("0", "1"):
        reasons.append(Reason("correct", "must be 0 or 1"))
    if time_ms is None or reasons:
        return None, tuple(reasons)
    skills = tuple(skill for skill in row["skills"].split(";") if skill)
    return Response(row["student"], row["item"], skills, row["correct"] == "1", time_ms, _event_id(row)), ()


def _event(row: Row, shift_days: int) -> tuple[object, tuple[Reason, ...]]:
    answer, reasons = parse(row)
    if answer is None:
        return None, reasons
    response = {"item": answer.item, "skills": list(answer.skills), "correct": answer.correct}
    return {
        "event_id": answer.event_id,
        "event_type": "quiz.completed",
        "student_id": answer.student,
        "timestamp": answer.time_ms + shift_days * _DAY_MS,
        "data": {"total_questions": 1, "correct_answers": int(answer.correct), "responses": [response]},
    }, ()


def _event_id(row: Row) -> str:
    content = "\x1f".join((row["student"], row["order"], row["item"], row["correct"]))
    digest = blake2b(content.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    return f"response-{int(row['order']):010d}-{digest}"


def _time_ms(row: Row) -> int | None:
    """Return when an answer was given, in milliseconds from the file's origin; without a time its order says."""
    seconds = row["timestamp"]
    if not seconds:
        return int(row["order"]) * _MINUTE_MS if _is_count(row["order"]) else None
    if len(seconds) > _MAX_DIGITS:
        return None
    try:
        value = Decimal(seconds)
    except InvalidOperation:
        return None
    return int(value * 1000) if value.is_finite() and abs(value) < 10**12 else None


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS
