"""What views of a class need of each student: derived as the student's own answer is, and kept by version.

Of a class of thousands as little as possible is held, as bytes in a cache of bounded size; and whoever else asks the
process for something meanwhile waits for a few students, never for the class.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import msgspec
from cachetools import LRUCache

from .answers import MasteryAnswer, mastery_answer
from .domain.aggregates import Aggregates
from .domain.cohort_statistics import Member
from .domain.events import first_day
from .domain.levels import Level, Status
from .domain.mastery import Window, active_days
from .domain.model import MasteryModel
from .domain.outcomes import Recent
from .domain.struggles import Struggle, open_struggles
from .ports import EvidenceOfMany

CACHE_BYTES = 48 * 2**20
"""What the cache holds; rows and struggles of 10,000 usual students are less than half of it."""

ENTRY_BYTES = 600
"""What an entry of the cache takes beside its content: its key, its version, its places in three dictionaries."""

PART, READ = 200, 20
"""Students whose versions are read together, and students whose state is."""

TURN = 4
"""Students derived before others get their turn."""

DECODED_TURN = 64
"""Students taken from the cache before others get their turn."""

_T = TypeVar("_T")


class TopicRow(NamedTuple):
    """Where a student stands in one topic."""

    topic: str
    score: float | None
    level: Level | None
    status: Status
    confidence: float


class Row(NamedTuple):
    """Where a student stands; ``components`` are the scores of completion, quiz, quality and consistency."""

    score: float | None
    level: Level | None
    status: Status
    confidence: float
    components: tuple[float | None, ...]
    topics: tuple[TopicRow, ...]
    idle_days: int | None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of each student: as of the end of which days, in one topic or all, by which model."""

    span: Window
    model: MasteryModel
    topic: str | None = None
    what_if: bool = False

    def answer(self, student_id: str, aggregates: Aggregates | None) -> MasteryAnswer:
        """Return the student's own answer."""
        span, model, what_if = self.span, self.model, self.what_if
        return mastery_answer(student_id, aggregates or Aggregates(), span, model, self.topic, what_if=what_if)

    @property
    def name(self) -> tuple[Any, ...]:
        """Return what makes it another question."""
        return self.span.first, self.span.last, self.model.config_id, self.topic


@dataclass(frozen=True, slots=True)
class _Facet(Generic[_T]):
    """Something derived from a part of the state; equal names stand for equal content at equal versions."""

    name: tuple[Any, ...]
    read: Callable[[Sequence[str]], Awaitable[list[_T]]]
    derive: Callable[[str, _T], bytes]


_encode = msgspec.msgpack.Encoder().encode
_decode_row = msgspec.msgpack.Decoder(Row).decode
_Struggles: TypeAlias = tuple[Struggle, ...]
_decode_struggles = msgspec.msgpack.Decoder(_Struggles).decode


class CohortRows:
    """Reads the students of a class in their order, each from the cache where their state is at the same version."""

    def __init__(self, store: EvidenceOfMany, *, cache_bytes: int = CACHE_BYTES) -> None:
        self._store = store
        self._kept: LRUCache[tuple[Any, ...], tuple[int | None, bytes]] = LRUCache(
            cache_bytes, getsizeof=lambda entry: len(entry[1]) + ENTRY_BYTES
        )

    @property
    def kept_bytes(self) -> int:
        """Return the size of what is kept."""
        return int(self._kept.currsize)

    def cached(self, student_id: str) -> int:
        """Return how many entries there are about a student."""
        return sum(key[-1] == student_id for key in self._kept)

    def forget(self, student_id: str) -> int:
        """Forget them, and return how many there were."""
        keys = [key for key in self._kept if key[-1] == student_id]
        for key in keys:
            self._kept.pop(key, None)
        return len(keys)

    async def versions(self, students: Sequence[str]) -> list[int | None]:
        """Return the version of each student's state."""
        found: list[int | None] = []
        for part in _slices(students, PART):
            found += await self._store.versions_of(part)
            await asyncio.sleep(0)  # to read an embedded store is to wait for nothing
        return found

    async def rows(self, students: Sequence[str], question: Question) -> AsyncIterator[tuple[str, Row]]:
        """Yield each student with their row."""
        async for student_id, _, (row,) in self._read(students, self._standing(question)):
            yield student_id, _decode_row(row)

    async def open_struggles(self, students: Sequence[str], today: int) -> AsyncIterator[tuple[str, _Struggles]]:
        """Yield each student with the struggles that are open, newest first."""
        async for student_id, _, (found,) in self._read(students, self._troubles(today)):
            yield student_id, _decode_struggles(found)

    async def members(self, students: Sequence[str], question: Question) -> AsyncIterator[Member]:
        """Yield each student with all that is looked at."""
        async for _, member in self.versioned(students, question):
            yield member

    async def versioned(self, students: Sequence[str], question: Question) -> AsyncIterator[tuple[int | None, Member]]:
        """Yield the same, each with the version of the state; what comes with it may be newer, and never older."""
        facets = self._standing(question), self._troubles(question.span.last)
        async for student_id, version, (standing, troubles) in self._read(students, *facets):
            row = _decode_row(standing)
            yield version, Member(student_id, row, row.topics, row.idle_days, _decode_struggles(troubles))

    async def answers(self, students: Sequence[str], question: Question) -> AsyncIterator[bytes]:
        """Yield each student's own answer, as JSON."""

        def derive(student_id: str, aggregates: Aggregates | None) -> bytes:
            return msgspec.json.encode(question.answer(student_id, aggregates))

        facet = _Facet(("answer", *question.name), self._store.aggregates_of, derive)
        async for *_, (answer,) in self._read(students, facet):
            yield answer

    async def _read(
        self, students: Sequence[str], *facets: "_Facet[Any]"
    ) -> AsyncIterator[tuple[str, int | None, tuple[bytes, ...]]]:
        for part in _slices(students, PART):
            # The versions first: what is read after its version is at worst newer, and then derived again next time.
            versions = await self._store.versions_of(part)
            columns = [await self._column(part, versions, facet) for facet in facets]
            for place, student_id in enumerate(part):
                yield student_id, versions[place], tuple(column[student_id] for column in columns)
                if place % DECODED_TURN == 0:
                    await asyncio.sleep(0)

    async def _column(self, part: Sequence[str], versions: Sequence[int | None], facet: _Facet[_T]) -> dict[str, bytes]:
        """Return what is kept of each student at their version, after deriving what is not."""
        found: dict[str, bytes] = {}
        missing: dict[str, int | None] = {}
        for student_id, version in zip(part, versions, strict=True):
            entry = self._kept.get((*facet.name, student_id))
            if entry is not None and entry[0] == version:
                found[student_id] = entry[1]
            else:
                missing[student_id] = version
        for few in _slices(list(missing), READ):
            for place, state in enumerate(await facet.read(few)):
                student_id = few[place]
                body = found[student_id] = facet.derive(student_id, state)
                self._keep((*facet.name, student_id), missing[student_id], body)
                if place % TURN == 0:
                    await asyncio.sleep(0)
        return found

    def _keep(self, key: tuple[Any, ...], version: int | None, body: bytes) -> None:
        if len(body) + ENTRY_BYTES <= self._kept.maxsize:
            self._kept[key] = version, body

    def _standing(self, question: Question) -> _Facet[Aggregates | None]:
        def derive(student_id: str, aggregates: Aggregates | None) -> bytes:
            return _encode(_row(question.answer(student_id, aggregates), aggregates, question.span))

        return _Facet(("standing", *question.name), self._store.aggregates_of, derive)

    def _troubles(self, today: int) -> _Facet[Recent]:
        def derive(_: str, recent: Recent) -> bytes:
            return _encode(open_struggles(recent.since(first_day(today)).others))

        return _Facet(("struggles", today), self._store.others_of, derive)


def _row(answer: MasteryAnswer, aggregates: Aggregates | None, span: Window) -> Row:
    days = active_days(aggregates, span) if aggregates else []
    return Row(
        score=answer.score,
        level=answer.level,
        status=answer.status,
        confidence=answer.confidence,
        components=tuple(None if value is None else value.score for value in answer.components.values()),
        topics=tuple(TopicRow(one.topic, one.score, one.level, one.status, one.confidence) for one in answer.topics),
        idle_days=span.last - days[-1] if days else None,
    )


def _slices(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (values[start : start + size] for start in range(0, len(values), size))
