"""Views of a class: the table of its students, summaries, comparisons, triage, and where it struggles.

All of them are worked out from the students' own answers, in the same way and as of the same day.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar

import msgspec

from .answers import ModelInfo
from .cohort_answers import (
    CohortStruggle,
    CohortStrugglesAnswer,
    CohortSummaryAnswer,
    ComparedCohort,
    ComparisonAnswer,
    HotspotsAnswer,
    shown,
)
from .cohort_rows import CohortRows, Question, Row
from .cohort_service import no_such_cohort
from .domain.cohort_statistics import Group, HotspotTally, Placed, Tally, Thresholds, TopicTally, group_of, micro
from .domain.comparison import independent, paired
from .domain.days import to_date
from .domain.evidence import Component
from .domain.levels import Level
from .domain.model import MasteryModel
from .errors import BadRequest, Reason
from .ports import CohortStore, StoredCohort
from .state_manager import StateManager

SLACK = 200
"""Struggles beyond a page that are held before all but the newest are dropped."""

_RANK = {level: float(rank) for rank, level in enumerate(Level)}
_FIXED = ("student_id", "as_of", "score", "level", "status", "confidence", *Component, "config_id", "what_if")
_encode = msgspec.json.Encoder().encode
_T = TypeVar("_T")


class Sort(StrEnum):
    """By what the table of students is sorted; who has nothing to sort by comes last either way."""

    STUDENT_ID = "student_id"
    STUDENT_ID_DOWN = "-student_id"
    SCORE = "score"
    SCORE_DOWN = "-score"
    CONFIDENCE = "confidence"
    CONFIDENCE_DOWN = "-confidence"
    LEVEL = "level"
    LEVEL_DOWN = "-level"

    @property
    def by_student(self) -> bool:
        """Tell whether it goes by the id alone."""
        return self in (Sort.STUDENT_ID, Sort.STUDENT_ID_DOWN)


_Place: TypeAlias = tuple[bool, float, str]
"""Where a student comes: whether there is nothing to sort by, the value (else 0; negative to come down), the id."""

_Newest: TypeAlias = tuple[str, str, str]
"""When a struggle began, who struggles, and the id of the struggle: the newest is the largest."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks of each student of a class."""

    model: MasteryModel
    as_of: date | None = None
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    limit: int
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The whole class as a table; the rows come as they are read."""

    name: str
    header: tuple[str, ...]
    rows: AsyncIterator[tuple[str | float | None, ...]]


class CohortViews:
    """The questions about a class; ``model`` is the configured one. Each raises ``NotFound`` for a missing cohort."""

    def __init__(self, cohorts: CohortStore, *, rows: CohortRows, state: StateManager, model: MasteryModel) -> None:
        self._cohorts = cohorts
        self._rows = rows
        self._state = state
        self._model = model

    async def mastery(self, cohort_id: str, asked: Asked, sort: Sort, page: Page) -> bytes:
        """Return a page of the students' own answers, encoded."""
        question = self._question(asked)
        places, _ = await self._sorted(await self._students(cohort_id), question, sort)
        if page.cursor is not None:
            after = _mastery_position(page.cursor, sort)
            downwards = sort is Sort.STUDENT_ID_DOWN
            places = [place for place in places if (place < after if downwards else place > after)]
        students = [student_id for *_, student_id in places[: page.limit]]
        rows = [msgspec.Raw(answer) async for answer in self._rows.answers(students, question)]
        cursor = _cursor(sort, *places[page.limit - 1]) if len(places) > page.limit else None
        return _encode({"students": rows, "next": cursor, **self._by(asked)})

    async def table(self, cohort_id: str, asked: Asked, sort: Sort) -> Table:
        """Return all students with their scores, as a whole and by topic."""
        question = self._question(asked)
        places, topics = await self._sorted(await self._students(cohort_id), question, sort, every_row=True)
        as_of = to_date(question.span.last).isoformat()
        # In one topic the columns of the whole say it all already.
        columns = [] if asked.topic is not None else sorted(topics)
        header = (*_FIXED, *(f"topic:{topic}" for topic in columns))
        cells = self._cells([student_id for *_, student_id in places], question, as_of, columns)
        return Table(f"{cohort_id}-{as_of}", header, cells)

    async def standings(self, cohort_id: str, asked: Asked, sort: Sort) -> list[tuple[str, Row]]:
        """Return all students with where they stand: what the table is made of."""
        question = self._question(asked)
        places, _ = await self._sorted(await self._students(cohort_id), question, sort)
        return [pair async for pair in self._rows.rows([student_id for *_, student_id in places], question)]

    async def summary(self, cohort_id: str, asked: Asked) -> CohortSummaryAnswer:
        """Return what can be said of the class together."""
        question = self._question(asked)
        whole, topics = Tally(), TopicTally()
        async for _, row in self._rows.rows(await self._students(cohort_id), question):
            whole.add(row)
            topics.add(row.topics)
        by_topic = []
        for one in topics.summaries():
            by_topic.append(one)
            await asyncio.sleep(0)
        about = {"cohort_id": cohort_id, "as_of": to_date(question.span.last), "topic": asked.topic}
        return CohortSummaryAnswer(**shown(whole.summary(), **about, topics=tuple(by_topic), **self._by(asked)))

    async def compare(
        self, cohort_id: str, asked: Asked, with_cohort: str | None, with_as_of: date | None
    ) -> ComparisonAnswer:
        """Compare a class with another, or with itself at another date: then the same students with themselves."""
        other_id = with_cohort or cohort_id
        question = self._question(asked)
        with_question = (
            question if with_as_of is None else self._question(replace(asked, as_of=with_as_of), "with_as_of")
        )
        first, first_scores = await self._side(cohort_id, question)
        second, second_scores = await self._side(other_id, with_question)
        if other_id == cohort_id:
            difference = paired(first_scores, second_scores)
        else:
            difference = independent(list(first_scores.values()), list(second_scores.values()))
        return ComparisonAnswer(first, second, difference, asked.topic, **self._by(asked))

    async def triage(self, cohort_id: str, model: MasteryModel, moved: Mapping[str, float]) -> bytes:
        """Return every student in one group, encoded; ``moved`` thresholds are tried and not kept."""
        found = await self._found(cohort_id)
        kept = found.thresholds or Thresholds()
        thresholds = checked(replace(kept, **moved)) if moved else kept  # type: ignore[arg-type]  # of the fields
        asked = Asked(model)
        question = self._question(asked)
        groups: dict[Group, list[tuple[int, bytes]]] = {group: [] for group in Group}
        async for member in self._rows.members(sorted(found.cohort.students), question):
            group, reasons = group_of(member, thresholds)
            # Bytes at once: tens of thousands of small objects would keep the garbage collector busy.
            groups[group].append((-len(reasons), _encode(Placed(member.student_id, reasons))))
        answer = {
            "as_of": to_date(question.span.last),
            "groups": {group: await _ordered(placed) for group, placed in groups.items()},
            "thresholds": thresholds,
            "preview": thresholds != kept,
        }
        return _encode(answer | self._by(asked))

    async def set_thresholds(self, cohort_id: str, thresholds: Thresholds) -> Thresholds:
        """Keep the thresholds of a cohort."""
        if not await self._cohorts.set_thresholds(cohort_id, checked(thresholds)):
            raise no_such_cohort()
        return thresholds

    async def hotspots(self, cohort_id: str) -> HotspotsAnswer:
        """Return the topics that students struggle with."""
        tally = HotspotTally()
        async for member in self._rows.members(await self._students(cohort_id), self._question(Asked(self._model))):
            tally.add(member)
        return HotspotsAnswer(tally.hotspots())

    async def struggles(self, cohort_id: str, page: Page) -> CohortStrugglesAnswer:
        """Return a page of the open struggles of all students, newest first."""
        before: _Newest | None = None if page.cursor is None else _decoded(page.cursor, _Newest)
        best: list[tuple[_Newest, CohortStruggle]] = []
        students = await self._students(cohort_id)
        async for student_id, found in self._rows.open_struggles(students, self._state.today()):
            for one in found:
                at = _moment(one.since), student_id, one.id
                if before is None or at < before:
                    best.append((at, CohortStruggle(**shown(one, student_id=student_id))))
            if len(best) > page.limit + SLACK:
                best = sorted(best, key=itemgetter(0), reverse=True)[: page.limit + 1]
        best.sort(key=itemgetter(0), reverse=True)
        cursor = _cursor(*best[page.limit - 1][0]) if len(best) > page.limit else None
        return CohortStrugglesAnswer(tuple(one for _, one in best[: page.limit]), cursor)

    # -- below here is what they have in common

    async def _found(self, cohort_id: str) -> StoredCohort:
        found = await self._cohorts.get(cohort_id)
        if found is None:
            raise no_such_cohort()
        return found

    async def _students(self, cohort_id: str) -> list[str]:
        return sorted((await self._found(cohort_id)).cohort.students)

    def _question(self, asked: Asked, field: str = "as_of") -> Question:
        return Question(self._state.window(asked.as_of, field), asked.model, asked.topic, self._is_other(asked.model))

    def _is_other(self, model: MasteryModel) -> bool:
        return model.config_id != self._model.config_id

    def _by(self, asked: Asked) -> dict[str, Any]:
        """Return by which model an answer is derived, and whether it is another than the configured one."""
        return {"model": ModelInfo.of(asked.model), "what_if": self._is_other(asked.model)}

    async def _side(self, cohort_id: str, question: Question) -> tuple[ComparedCohort, dict[str, int]]:
        tally, scores = Tally(), dict[str, int]()
        async for student_id, row in self._rows.rows(await self._students(cohort_id), question):
            tally.add(row)
            if row.score is not None:
                scores[student_id] = micro(row.score)
        about = {"cohort_id": cohort_id, "as_of": to_date(question.span.last)}
        return ComparedCohort(**shown(tally.summary(), **about)), scores

    async def _sorted(
        self, students: Sequence[str], question: Question, sort: Sort, *, every_row: bool = False
    ) -> tuple[list[_Place], set[str]]:
        """Return the places of all students in their order, and the topics met on the way."""
        if sort.by_student and not every_row:
            return [(False, 0.0, one) for one in _directed(students, sort)], set()
        topics: set[str] = set()
        present: list[_Place] = []
        absent: list[_Place] = []
        async for student_id, row in self._rows.rows(students, question):
            topics.update(one.topic for one in row.topics)
            value = _value(row, sort)
            place = value is None, value or 0.0, student_id
            (present if value is not None else absent).append(place)
        # Stable, and the students came sorted by id; tuples would take four times as long to compare.
        present.sort(key=itemgetter(1))
        return [*_directed(present, sort), *absent], topics

    async def _cells(
        self, students: Sequence[str], question: Question, as_of: str, topics: Sequence[str]
    ) -> AsyncIterator[tuple[str | float | None, ...]]:
        model, what_if = question.model.config_id, str(question.what_if).lower()
        async for student_id, row in self._rows.rows(students, question):
            scores = {one.topic: one.score for one in row.topics}
            shown_topics = (scores.get(topic) for topic in topics)
            standing = (row.score, row.level, row.status, row.confidence)
            components = (*row.components, *(None for _ in range(len(Component) - len(row.components))))
            yield (student_id, as_of, *standing, *components, model, what_if, *shown_topics)


def checked(thresholds: Thresholds) -> Thresholds:
    """Return thresholds that can stand together; raises ``BadRequest``."""
    if thresholds.needs_help_below > thresholds.excelling_from:
        detail = "The thresholds contradict each other."
        raise BadRequest(detail, [Reason("needs_help_below", "must not be more than excelling_from")])
    return thresholds


def _value(row: Row, sort: Sort) -> float | None:
    """Return what is sorted by, negative where the largest comes first."""
    if sort.by_student:
        return 0.0
    rank = None if row.level is None else _RANK[row.level]
    value = {"score": row.score, "confidence": row.confidence, "level": rank}[sort.removeprefix("-")]
    return value if value is None or not sort.startswith("-") else -value


def _directed(values: list[_T] | Sequence[_T], sort: Sort) -> Sequence[_T]:
    return values[::-1] if sort is Sort.STUDENT_ID_DOWN else values


async def _ordered(placed: list[tuple[int, bytes]]) -> list[msgspec.Raw]:
    """Return those with most reasons first; they came sorted by id, and of equals stay so."""
    await asyncio.sleep(0)
    return [msgspec.Raw(body) for _, body in sorted(placed, key=itemgetter(0))]


def _moment(text: str) -> str:
    """Return a time as it is written so that later ones are greater, however many decimals they have."""
    return text.removesuffix("Z")


def _cursor(*position: object) -> str:
    return _encode(position).hex()


def _mastery_position(cursor: str, sort: Sort) -> _Place:
    sorted_by, is_absent, value, student_id = _decoded(cursor, tuple[str, bool, float, str])
    if sorted_by != sort:
        raise _no_cursor()
    return is_absent, value, student_id


def _decoded(cursor: str, kind: object) -> Any:  # noqa: ANN401  # of the kind given
    try:
        return msgspec.json.decode(bytes.fromhex(cursor), type=kind)
    except (ValueError, msgspec.MsgspecError):
        raise _no_cursor() from None


def _no_cursor() -> BadRequest:
    detail = "The cursor is not one that this service gave."
    return BadRequest(detail, [Reason("cursor", "is not a cursor of this list")])
