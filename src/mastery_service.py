"""The use cases of one student: ingest events, and answer questions about mastery."""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec
from cachetools import LRUCache

from .answers import (
    HistoryAnswer,
    MasteryAnswer,
    ModelInfo,
    OutcomesAnswer,
    PathAnswer,
    RecommendationsAnswer,
    StrugglesAnswer,
    mastery_answer,
    outcome_answer,
)
from .curriculum_service import TaggedCurriculum
from .domain.aggregates import Aggregates
from .domain.days import from_date, to_date
from .domain.events import Event, EventStatus, first_day
from .domain.evidence import Component
from .domain.explanation import Explanation, explain
from .domain.forecast import Forecast, forecast
from .domain.history import Interval, history, points
from .domain.mastery import Window
from .domain.model import MasteryModel, Method
from .domain.outcomes import Recent
from .domain.recommendations import PathStep, learning_path, recommend, whole_path
from .domain.struggles import open_struggles, struggles
from .drift import Drift, NoDrift
from .errors import BadRequest, Reason
from .event_validator import Invalid, validate
from .observability import Metrics, correlation_id
from .ports import Clock, EvidenceStore, Message, Publisher, Telling, Topic
from .state_manager import Recomputed, StateManager

CORRELATION_HEADER = "x-request-id"
CACHED_ANSWERS = 4096
MAX_POINTS = 400


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of one event; ``errors`` where it is invalid, ``event_id`` null where it has no usable one."""

    event_id: str | None
    status: EventStatus
    errors: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An encoded answer and the tag that changes whenever it may."""

    etag: str
    body: bytes = field(repr=False)


class MasteryService:
    """Ingest and the questions about one student; every door and every reader goes through it.

    With a ``queue`` events are sent to it instead of being applied, and a consumer applies them. What was applied here
    is told of before anybody hears that it was.
    """

    def __init__(
        self,
        store: EvidenceStore,
        *,
        state: StateManager,
        model: MasteryModel,
        metrics: Metrics,
        clock: Clock,
        telling: Telling,
        queue: Publisher | None = None,
        drift: Drift | None = None,
    ) -> None:
        self._store = store
        self._queue = queue
        self._telling = telling
        self._state = state
        self._model = model
        self._metrics = metrics
        self._clock = clock
        self._drift = drift or NoDrift()
        self._answers: LRUCache[tuple[Any, ...], Answer] = LRUCache(CACHED_ANSWERS)

    # -- ingest

    async def ingest(self, contents: Sequence[object], *, at_once: bool = False) -> list[EventResult]:
        """Validate decoded events, count each once, add, derive, remember; return what became of each, in order.

        Where events are queued that is what becomes of them, unless they are to be counted ``at_once``.
        """
        started = time.perf_counter()
        received_us = self._clock()
        checked = [validate(content, received_us) for content in contents]
        live = [item for item in checked if isinstance(item, Event) and not item.expired]
        if self._queue is None or at_once:
            statuses = await self._apply(live, received_us)
        else:
            await self._send(contents, checked)
            statuses = [EventStatus.QUEUED] * len(live)
        following = iter(statuses)
        results = [_result(item, following) for item in checked]
        for result in results:
            self._metrics.events.labels(result.status).inc()
        self._metrics.ingest_seconds.observe(time.perf_counter() - started)
        self._metrics.ingest_events.observe(len(results))
        return results

    async def _apply(self, events: Sequence[Event], now_us: int) -> list[EventStatus]:
        """Count events, and tell what follows."""
        if not events:
            return []
        with self._telling.expecting({event.student_id for event in events}):
            foreseen = await self._drift.foresee(events)
            statuses = await self._store.apply(events, now_us)
            self._drift.observe(foreseen, statuses)
            await self._telling.tell(_causes(events, statuses))
        return statuses

    @property
    def queues(self) -> bool:
        """Tell whether events are queued rather than applied at once."""
        return self._queue is not None

    async def _send(self, contents: Sequence[object], checked: Sequence[Event | Invalid]) -> None:
        """Send the valid events as they came, keyed by student."""
        assert self._queue is not None  # noqa: S101  # asked before
        headers = (("content-type", b"application/json"), (CORRELATION_HEADER, correlation_id.get().encode()))
        await self._queue.publish(
            [
                Message(Topic.EVENTS, item.student_id.encode(), msgspec.json.encode(content), headers)
                for content, item in zip(contents, checked, strict=True)
                if isinstance(item, Event) and not item.expired
            ]
        )

    async def event_status(self, student_id: str, event_id: str) -> EventStatus | None:
        """Return what became of an event, None where nothing is known of it."""
        return await self._store.status(student_id, event_id)

    async def recompute(self, student_id: str) -> Recomputed:
        """Derive a student anew from what is stored, and compare with what was derived before."""

        def derive(aggregates: Aggregates, span: Window) -> MasteryAnswer:
            return mastery_answer(student_id, aggregates, span, self._model, None)

        return await self._state.recompute(student_id, derive)

    # -- questions

    def what_if(self, method: Method | None, weights: dict[Component, int] | None) -> MasteryModel:
        """Return the configuration of the service with another method or other weights."""
        if method is None and weights is None:
            return self._model
        return MasteryModel(method or self._model.method, weights or self._model.weights, self._model.half_life_days)

    async def mastery(
        self,
        student_id: str,
        *,
        as_of: date | None = None,
        topic: str | None = None,
        model: MasteryModel | None = None,
    ) -> Answer:
        """Return where a student stands; raises ``BadRequest`` for a day after today."""
        span, model = self._state.window(as_of), model or self._model
        what_if = self._is_other(model)

        def derive(aggregates: Aggregates) -> MasteryAnswer:
            return mastery_answer(student_id, aggregates, span, model, topic, what_if=what_if)

        return await self._answer(("mastery", student_id, span.last, topic, model.config_id), derive)

    async def explanation(self, student_id: str, *, as_of: date | None = None, topic: str | None = None) -> Answer:
        """Return why a score is what it is and what would raise it."""
        span = self._state.window(as_of)

        def derive(aggregates: Aggregates) -> Explanation:
            return explain(aggregates, span, self._model, topic)

        return await self._answer(("explanation", student_id, span.last, topic), derive)

    async def history(
        self,
        student_id: str,
        *,
        first: date | None = None,
        last: date | None = None,
        interval: Interval = Interval.DAY,
        topic: str | None = None,
        model: MasteryModel | None = None,
    ) -> Answer:
        """Return the standing over time, by default of the last 30 days; raises ``BadRequest`` for a wrong range."""
        days, model = self._range(first, last, interval), model or self._model
        kept_from, what_if = self._state.kept_from(), self._is_other(model)

        def derive(aggregates: Aggregates) -> HistoryAnswer:
            found = tuple(history(aggregates, iter(days), kept_from, model, topic))
            return HistoryAnswer(found, ModelInfo.of(model), what_if)

        return await self._answer(("history", student_id, tuple(days), topic, model.config_id), derive)

    async def recommendations(self, student_id: str, curriculum: TaggedCurriculum, *, limit: int) -> Answer:
        """Return what a student should do next and why."""
        span = self._state.window(None)

        def derive(aggregates: Aggregates) -> RecommendationsAnswer:
            return RecommendationsAnswer(recommend(aggregates, curriculum.curriculum, span, self._model, limit=limit))

        return await self._answer(("recommendations", student_id, curriculum.etag, limit), derive)

    async def learning_path(self, student_id: str, curriculum: TaggedCurriculum, *, target: str) -> Answer:
        """Return a student's way to a topic; raises ``BadRequest`` for one that the curriculum does not have."""
        if target not in curriculum.curriculum.by_name:
            detail = "The curriculum has no such topic."
            raise BadRequest(detail, [Reason("target", "must be a topic of the curriculum")])
        span = self._state.window(None)

        def derive(aggregates: Aggregates) -> PathAnswer:
            return PathAnswer(
                target, learning_path(aggregates, curriculum.curriculum, span, self._model, target=target)
            )

        return await self._answer(("learning-path", student_id, curriculum.etag, target), derive)

    async def whole_path(self, student_id: str, curriculum: TaggedCurriculum) -> Answer:
        """Return where every topic of the curriculum stands for a student: mastered, ready or blocked."""
        span = self._state.window(None)

        def derive(aggregates: Aggregates) -> tuple[PathStep, ...]:
            return whole_path(aggregates, curriculum.curriculum, span, self._model)

        return await self._answer(("whole-path", student_id, curriculum.etag), derive)

    async def forecast(self, student_id: str, *, horizon_days: int) -> Answer:
        """Return where a student's mastery is expected to be in some days."""
        today, kept_from = self._state.today(), self._state.kept_from()

        def derive(aggregates: Aggregates) -> Forecast:
            return forecast(aggregates, today, kept_from, self._model, horizon_days=horizon_days)

        async def keep(version: int, body: bytes) -> None:
            await self._state.remember_prediction(student_id, version, self._model.config_id, body)

        return await self._answer(("forecast", student_id, horizon_days), derive, keep)

    def _is_other(self, model: MasteryModel) -> bool:
        return model.config_id != self._model.config_id

    def cached(self, student_id: str) -> int:
        """Return how many answers about a student are held in memory."""
        return sum(key[1] == student_id for key in self._answers)

    def forget(self, student_id: str) -> int:
        """Drop the answers about a student that are held in memory, and return how many there were.

        Those of other processes are never given again: each is asked for the version of a state that is gone.
        """
        keys = [key for key in self._answers if key[1] == student_id]
        for key in keys:
            self._answers.pop(key, None)
        return len(keys)

    async def outcomes(self, student_id: str, *, limit: int, before: tuple[int, str, int] | None) -> OutcomesAnswer:
        """Return a page of recent outcomes, newest first, older than the position given."""
        recent = await self._recent(student_id)
        newest = [outcome for outcome in recent.newest_first() if before is None or outcome.order < before]
        page = newest[:limit]
        more = len(newest) > limit
        cursor = msgspec.json.encode(page[-1].order).hex() if more else None
        return OutcomesAnswer(tuple(map(outcome_answer, page)), cursor)

    async def struggles(self, student_id: str, *, only_open: bool) -> StrugglesAnswer:
        """Return the struggle signals of a student, newest first."""
        recent = await self._recent(student_id)
        return StrugglesAnswer(tuple((open_struggles if only_open else struggles)(recent.others)))

    async def _recent(self, student_id: str) -> Recent:
        """Return the outcomes of the last 90 days, even where retention keeps more."""
        return (await self._store.recent(student_id)).since(first_day(self._state.today()))

    async def _answer(
        self,
        key: tuple[Any, ...],
        derive: Callable[[Aggregates], object],
        keep: Callable[[int, bytes], Awaitable[None]] | None = None,
    ) -> Answer:
        """Return the answer from the cache if the state, the day and the configuration are the same, else derive it.

        What was derived is given to ``keep``, with the version that it was derived from.
        """
        student_id = key[1]
        version = await self._store.version(student_id)
        cached = self._answers.get(key)
        if cached is not None and cached.etag == self._etag(version):
            self._metrics.answers.labels("cache").inc()
            return cached
        stored = await self._store.aggregates(student_id)
        aggregates = Aggregates() if stored is None else stored.aggregates
        answer = Answer(self._etag(None if stored is None else stored.version), msgspec.json.encode(derive(aggregates)))
        if keep is not None and stored is not None:
            await keep(stored.version, answer.body)
        self._answers[key] = answer
        self._metrics.answers.labels("derived").inc()
        return answer

    def _etag(self, version: int | None) -> str:
        return f'"{version or 0:x}-{self._state.today()}-{self._model.config_id}"'

    def _range(self, first: date | None, last: date | None, interval: Interval) -> list[date]:
        today = to_date(self._state.today())
        last = last or today
        first = first or to_date(max(from_date(last) - 29, from_date(date.min)))
        if last > today:
            detail = "The last day asked for is in the future."
            raise BadRequest(detail, [Reason("to", "must not be after today")])
        if first > last:
            detail = "The range ends before it begins."
            raise BadRequest(detail, [Reason("from", "must not be after to")])
        longest = MAX_POINTS * {Interval.DAY: 1, Interval.WEEK: 7, Interval.MONTH: 28}[interval]
        if (last - first).days >= longest:
            detail = f"A history has at most {MAX_POINTS} points."
            raise BadRequest(detail, [Reason("from", f"must be less than {longest} days before to")])
        return list(points(first, last, interval))


def _causes(events: Sequence[Event], statuses: Sequence[EventStatus]) -> dict[str, dict[str, int]]:
    """Return the events that something may follow from, by student.

    A duplicate may be an event that a crash kept from being told of when it was counted.
    """
    causes: dict[str, dict[str, int]] = {}
    for event, status in zip(events, statuses, strict=True):
        if status in (EventStatus.APPLIED, EventStatus.DUPLICATE):
            causes.setdefault(event.student_id, {})[event.event_id] = event.occurred_us
    return causes


def _result(item: Event | Invalid, statuses: Iterator[EventStatus]) -> EventResult:
    if isinstance(item, Invalid):
        return EventResult(item.event_id, EventStatus.INVALID, item.reasons)
    return EventResult(item.event_id, EventStatus.EXPIRED if item.expired else next(statuses))
