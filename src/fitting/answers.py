"""Answers to fit on or to score: of files of responses, by student, in bounded memory."""

import heapq
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from ..domain.fixed import MICRO
from ..domain.outcomes import Outcome, OutcomeKind
from ..errors import Reason
from ..importing.records import Row, read_csv
from ..importing.responses import COLUMNS, parse

MOST_ANSWERS = 1_000_000
"""So many answers are held at once; of more, those of as many whole students, chosen by the digests of their ids."""

TOLD = 20
"""So many of the rows that hold no answer are told."""

_POSITION = 1


class Answer(NamedTuple):
    """One answer of a file; ``timed`` where the file says when it was given."""

    student: str
    outcome: Outcome
    timed: bool


class Read(NamedTuple):
    """A row of a file: where it is, its cells, and either its answer or the reasons why there is none."""

    line: int
    row: Row | None
    answer: Answer | None
    reasons: tuple[Reason, ...]


def read_answers(content: io.BufferedReader, name: str) -> Iterator[Read]:
    """Yield the rows of a file of responses; an id may be any text here, since nothing is stored under it."""
    for record in read_csv(content, name, COLUMNS, _with_row).records:
        row, answer = record.event if isinstance(record.event, tuple) else (None, None)
        yield Read(record.line, row, answer, record.reasons)


def _with_row(row: Row) -> tuple[tuple[Row, Answer | None], tuple[Reason, ...]]:
    answer, reasons = _answer(row)
    return (row, answer), reasons


def _answer(row: Row) -> tuple[Answer | None, tuple[Reason, ...]]:
    response, reasons = parse(row)
    if not row["student"]:
        return None, (*reasons, Reason("student", "must not be empty"))
    if response is None:
        return None, reasons
    outcome = Outcome(
        occurred_us=response.time_ms * 1000,
        event_id=response.event_id,
        position=_POSITION,
        kind=OutcomeKind.ANSWER,
        item=_text(response.item) or None,
        score=MICRO if response.correct else 0,
        skills=tuple(_text(skill) for skill in response.skills),
    )
    return Answer(_text(response.student), outcome, bool(row["timestamp"])), ()


def _text(cell: str) -> str:
    """Return a cell as text that can be written: bytes that are no text are replaced."""
    return cell if cell.isascii() else cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def rank(student: str) -> bytes:
    """Return what students are ordered by where chance is to decide, the same way each time."""
    return blake2b(student.encode(), digest_size=8).digest()


@dataclass(slots=True)
class Students:
    """The answers of students; ``left_out`` counts the students that were too many.

    Which are kept depends on the set of answers alone: those with the lowest ranks.
    """

    most: int = MOST_ANSWERS
    answers: dict[str, list[Outcome]] = field(default_factory=dict)
    left_out: set[bytes] = field(default_factory=set)
    untimed: int = 0
    total: int = 0
    _ranks: list[tuple[bytes, str]] = field(default_factory=list)

    def add(self, answer: Answer) -> None:
        """Add an answer, and let go of a student where there are too many."""
        student = answer.student
        known = self.answers.get(student)
        if known is None:
            place = rank(student)
            if self.left_out and (place in self.left_out or place > min(self.left_out)):
                self.left_out.add(place)
                return
            known = self.answers[student] = []
            heapq.heappush(self._ranks, (_reversed(place), student))
        known.append(answer.outcome)
        self.untimed += not answer.timed
        self.total += 1
        while self.total > self.most and len(self.answers) > 1:
            _, last = heapq.heappop(self._ranks)
            self.left_out.add(rank(last))
            self.total -= len(self.answers.pop(last))

    def sorted(self) -> Iterator[tuple[str, list[Outcome]]]:
        """Yield the students by rank, each with the answers in their order, every one once."""
        for student in sorted(self.answers, key=rank):
            yield student, ordered(self.answers[student])


def ordered(answers: Iterable[Outcome]) -> list[Outcome]:
    """Return answers in their order, each once: of an id that was given several times, the earliest."""
    seen: set[tuple[str, int]] = set()
    kept = []
    for outcome in sorted(answers, key=_order):
        if outcome[1:3] not in seen:
            seen.add(outcome[1:3])
            kept.append(outcome)
    return kept


@dataclass(slots=True)
class Refused:
    """The rows of a file that hold no answer: how many, and the first of them."""

    number: int = 0
    first: list[Read] = field(default_factory=list)

    def add(self, read: Read) -> None:
        """Count a row, and keep it where it is one of the first."""
        self.number += 1
        if len(self.first) < TOLD:
            self.first.append(read)


def collect(rows: Iterable[Read], students: Students) -> Refused:
    """Add the answers of rows to those of students; return the rows that hold none."""
    refused = Refused()
    for row in rows:
        if row.answer is None:
            refused.add(row)
        else:
            students.add(row.answer)
    return refused


def _order(outcome: Outcome) -> tuple[int, str, int]:
    return outcome[:3]


def _reversed(place: bytes) -> bytes:
    return bytes(255 - byte for byte in place)
