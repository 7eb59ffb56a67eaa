"""Answers to fit on or to score: of files of responses, by student, in bounded memory."""

import heapq
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from ..domain.fixed import MICRO
from ..domain.outcomes import Outcome, OutcomeKind
from ..errors import Reason
from ..importing.records import Record, Row, read_csv
from ..importing.responses import COLUMNS, parse

MOST_ANSWERS = 1_000_000
"""So many answers are held at once; of more, those of as many whole students, chosen by the digests of their ids."""

_POSITION = 1


class Answer(NamedTuple):
    """One answer of a file; ``timed`` where the file says when it was given."""

    student: str
    outcome: Outcome
    timed: bool


class Read(NamedTuple):
    """A row of a file: where it is, and either its answer or the reasons why there is none."""

    line: int
    answer: Answer | None
    reasons: tuple[Reason, ...]


def read_answers(content: io.BufferedReader, name: str) -> Iterator[Read]:
    """Yield the rows of a file of responses; an id may be any text here, since nothing is stored under it."""
    for record in read_csv(content, name, COLUMNS, _answer).records:
        yield _read(record)


def _read(record: Record) -> Read:
    answer = record.event if isinstance(record.event, Answer) else None
    return Read(record.line, answer, record.reasons)


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
    """Return answers in their order, each once."""
    return sorted({outcome[:3]: outcome for outcome in answers}.values(), key=_order)


def collect(rows: Iterable[Read], refuse: Callable[[Read], None], most: int = MOST_ANSWERS) -> Students:
    """Return the answers by student; rows that hold none are handed to ``refuse``."""
    students = Students(most)
    for row in rows:
        if row.answer is None:
            refuse(row)
        else:
            students.add(row.answer)
    return students


def _order(outcome: Outcome) -> tuple[int, str, int]:
    return outcome[:3]


def _reversed(place: bytes) -> bytes:
    return bytes(255 - byte for byte in place)
