"""The order of work of a consumer, step by step, so that a crash between any two steps loses and repeats nothing.

Each step of ``process`` is one durable action; the caller drives them one by one, and may die between any two.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from operator import itemgetter
from typing import TypeAlias

from .dead_letters import Record, dead_letter, tell_buried
from .domain.days import day_of, from_date
from .domain.erasures import Erasure
from .domain.events import Event, EventStatus
from .domain.model import MasteryModel
from .drift import Drift, NoDrift
from .errors import InvalidJSON, Reason, Superseded
from .event_validator import Invalid, decode_record, validate
from .mastery_service import CORRELATION_HEADER
from .observability import Metrics
from .ports import (
    Clock,
    ErasureLedger,
    Message,
    Partition,
    Publisher,
    Retention,
    Snapshot,
    StreamState,
    Verdict,
    Written,
)
from .privacy_service import erase_again
from .results import Derived, Frame, Told, derive, told
from .state_manager import StateKeyPatterns, snapshot_values

APPLIED = 4_000
"""About so many records are decoded and applied at once: events take more memory than records."""
SETTLED, READ = 100, 100
"""So many students are derived before they are published, and so many are read at once: memory stays bounded.

Twice as many are held derived, since the next are while these are written.
"""
ERASING_S = 10
"""After this time an erasure that was entered in the ledger is carried out, or else it never is by who entered it."""
_Causes: TypeAlias = dict[str, dict[str, int]]
_Results: TypeAlias = dict[str, tuple[int, Derived]]
# By student: the events that a result answers, and the version derived from with what follows from it.

_OFFSET = itemgetter(0)
_CONFLICT = (Reason("event_id", "was counted with other content"),)


class Step(StrEnum):
    """The durable actions of a batch, in their order."""

    APPLIED = "applied"
    APPLIED_OFFSET = "applied offset"
    PUBLISHED = "published"
    FINISHED = "finished"
    PUBLISHED_OFFSET = "published offset"


@dataclass(slots=True)
class Assignment:
    """A partition as this consumer holds it: where to read on, and the offsets as it read or left them."""

    partition: Partition
    position: int
    applied: int | None
    published: int


@dataclass(slots=True)
class _Batch:
    """What became of the records of a batch."""

    dead: list[tuple[int, Message]] = field(default_factory=list)
    verdicts: list[tuple[int, Verdict]] = field(default_factory=list)
    causes: _Causes = field(default_factory=dict)


class StreamService:
    """One consumer's work on the partitions that it holds."""

    def __init__(  # noqa: PLR0913  # a consumer works with all of these
        self,
        state: StreamState,
        publisher: Publisher,
        *,
        ledger: ErasureLedger,
        model: MasteryModel,
        retention: Retention,
        metrics: Metrics,
        clock: Clock,
        group: str,
        drift: Drift | None = None,
    ) -> None:
        self._state = state
        self._publisher = publisher
        self._ledger = ledger
        # Entries of the ledger that this instance of the store knows of for sure.
        self._known: dict[str, Erasure] = {}
        self._model = model
        self._retention = retention
        self._metrics = metrics
        self._clock = clock
        self._group = group
        self._drift = drift or NoDrift()
        # Students that were derived and not finished, with what was told of them for sure.
        self._unfinished: dict[str, Told] = {}

    async def begin(self) -> None:
        """Meet the store as it is, erase again, and publish again who was published and not finished."""
        await self._state.begin()
        self._known.clear()
        await self._enforce(await self._ledger.read())
        carried = {student_id: dict[str, int]() for student_id in self._unfinished}
        async for _ in self._settle(carried, []):
            pass
        self._unfinished.clear()

    async def follow_erasures(self) -> None:
        """Complete the erasures that were entered a while ago and not carried out: who did that has died."""
        overdue_us = self._clock() - ERASING_S * 1_000_000
        entered = await self._ledger.read()
        new = {name: one for name, one in entered.items() if self._known.get(name) != one}
        await self._enforce({name: one for name, one in new.items() if one.changed_us <= overdue_us})

    async def _enforce(self, erasures: Mapping[str, Erasure]) -> None:
        if erasures:
            await erase_again(erasures, self._state.enforce)
            self._known |= erasures

    async def is_same(self) -> bool:
        """Tell whether the store is still the instance that ``begin`` met."""
        return await self._state.is_same()

    async def resume(self, partition: Partition, committed: int | None) -> Assignment:
        """Return where to go on: at the lowest offset known, and where one is missing at the beginning of the log."""
        offsets = await self._state.offsets(partition)
        position = min(committed or 0, offsets.applied or 0, offsets.published or 0)
        return Assignment(partition, position, offsets.applied, offsets.published or 0)

    async def start_at(self, held: Assignment, offset: int) -> None:
        """Take what lies before an offset for done; raises ``Superseded`` as ``process`` does."""
        await self._move_applied(held, offset)
        held.published = await self._state.move_published(held.partition, offset)

    async def process(self, held: Assignment, records: Sequence[Record]) -> AsyncGenerator[Step, None]:
        """Do a batch of one partition, yielding after every durable action; then only the commit is left to do.

        Raises ``Superseded`` where somebody else has moved the applied offset: the partition has to be resumed.
        """
        end = records[-1].offset + 1
        batch = _Batch()
        for some in _parts(records):
            await self._apply(batch, self._read(batch, some), held.published)
        await self._tell(batch, held.published)
        yield Step.APPLIED
        await self._move_applied(held, max(held.applied or 0, end))
        yield Step.APPLIED_OFFSET
        dead = [message for offset, message in sorted(batch.dead, key=_OFFSET) if offset >= held.published]
        async with aclosing(self._settle(batch.causes, dead)) as steps:
            async for step in steps:
                yield step
        held.published = await self._state.move_published(held.partition, end)
        held.position = end
        yield Step.PUBLISHED_OFFSET

    async def _move_applied(self, held: Assignment, offset: int) -> None:
        if not await self._state.move_applied(held.partition, held.applied, offset):
            message = "Another consumer has moved the applied offset."
            raise Superseded(message)
        held.applied = offset

    def _read(self, batch: _Batch, records: Sequence[Record]) -> list[tuple[Event, Record]]:
        """Decode and validate, and return what may be applied."""
        valid, statuses = list[tuple[Event, Record]](), Counter[EventStatus]()
        for record in records:
            try:
                checked = validate(decode_record(record.value, record.headers), record.timestamp_ms * 1000)
            except InvalidJSON as error:
                checked = Invalid(None, error.reasons)
            if isinstance(checked, Invalid):
                self._bury(batch, record, "invalid", checked.reasons, checked.event_id)
                statuses[EventStatus.INVALID] += 1
            elif checked.expired:
                statuses[EventStatus.EXPIRED] += 1
                _judge(batch, record, checked, EventStatus.EXPIRED)
            else:
                valid.append((checked, record))
        self._count(statuses)
        return valid

    def _count(self, statuses: Mapping[EventStatus, int]) -> None:
        for status, number in statuses.items():
            self._metrics.events.labels(status).inc(number)

    async def _apply(self, batch: _Batch, valid: Sequence[tuple[Event, Record]], published: int) -> None:
        """Apply events, and find out which of them have to be published."""
        events = [event for event, _ in valid]
        foreseen = await self._drift.foresee(events)
        statuses = await self._state.apply(events, self._clock()) if events else []
        self._drift.observe(foreseen, statuses)
        self._count(Counter(statuses))
        causes = batch.causes
        for (event, record), status in zip(valid, statuses, strict=True):
            # A duplicate that was not published for sure may be one whose result a crash has swallowed.
            if status is EventStatus.APPLIED or (status is EventStatus.DUPLICATE and record.offset >= published):
                causes.setdefault(event.student_id, {})[event.event_id] = event.occurred_us
            elif status is EventStatus.CONFLICT:
                self._bury(batch, record, "conflict", _CONFLICT, event.event_id)
                _judge(batch, record, event, status)

    async def _tell(self, batch: _Batch, published: int) -> None:
        # As with dead letters, below the published offset this was done once.
        verdicts = [verdict for offset, verdict in batch.verdicts if offset >= published]
        if verdicts:
            await self._state.tell(verdicts)

    async def _settle(self, causes: _Causes, dead: Sequence[Message]) -> AsyncGenerator[Step, None]:
        """Derive, publish and finish, again for the students whose state has changed meanwhile, until none is left.

        While the broker and the store have not answered the next ones are derived, which only reads.
        """
        # Who was applied last is still held, and comes first.
        left, some, deriving = dict(reversed(causes.items())), _Causes(), None
        try:
            while (some := some or _take(left)) or dead:
                derived = await (deriving or self._derive(some))
                following = _take(left)
                # A task only where there is something to be done beside: alone, this needs no event loop.
                deriving = asyncio.create_task(self._derive(following)) if following else None
                await self._publisher.publish([*dead, *(m for _, one in derived.values() for m in one.messages)])
                tell_buried(dead, self._metrics)
                dead = ()
                self._unfinished |= {student_id: one.told for student_id, (_, one) in derived.items()}
                yield Step.PUBLISHED
                for student_id, result in (await self._finish(derived)).items():
                    if result is Written.CHANGED:
                        left[student_id] = some[student_id]
                    else:
                        del self._unfinished[student_id]
                some = following
                yield Step.FINISHED
        finally:
            if deriving is not None:
                deriving.cancel()
                await asyncio.gather(deriving, return_exceptions=True)

    async def _derive(self, causes: _Causes) -> _Results:
        """Return for each student that has a state the version derived from, and what follows from it.

        What this consumer itself has told last counts for more than the mark, which somebody else may have moved.
        """
        today = day_of(self._clock())
        frame = Frame(self._model, today, self._retention.kept_from(today))
        derived = {}
        students = iter(causes)
        while some := list(islice(students, READ)):
            for student_id, state in zip(some, await self._state.read(some), strict=True):
                if state is not None:
                    before = self._unfinished.setdefault(student_id, told(state.told))
                    one = derive(student_id, state, causes[student_id], before, frame)
                    derived[student_id] = (state.version, one)
        return derived

    async def _finish(self, derived: _Results) -> dict[str, Written]:
        snapshots = []
        for student_id, (version, one) in derived.items():
            # The day that was derived, not that of now: midnight may lie between.
            values = snapshot_values(from_date(one.today.as_of), one.today)
            values[StateKeyPatterns.TOLD] = one.told.encoded()
            snapshots.append(Snapshot(student_id, version, values))
        return dict(zip(derived, await self._state.finish(snapshots), strict=True))

    def _bury(self, batch: _Batch, record: Record, code: str, reasons: Sequence[Reason], event_id: str | None) -> None:
        correlation = next((value for name, value in record.headers if name.lower() == CORRELATION_HEADER), None)
        message = dead_letter(
            record,
            code,
            reasons,
            group=self._group,
            event_id=event_id,
            correlation_id=(correlation or b"").decode("ascii", "replace"),
        )
        batch.dead.append((record.offset, message))


def _parts(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Divide records into parts, a student's all in one where they are not too many: what is done once is done once."""
    by_key: dict[bytes | None, list[Record]] = {}
    for record in records:
        by_key.setdefault(record.key, []).append(record)
    part: list[Record] = []
    for some in by_key.values():
        for start in range(0, len(some), APPLIED):
            part += some[start : start + APPLIED]
            if len(part) >= APPLIED:
                yield part
                part = []
    if part:
        yield part


def _take(left: _Causes) -> _Causes:
    """Take the next students out of those left."""
    return {student_id: left.pop(student_id) for student_id in list(islice(left, SETTLED))}


def _judge(batch: _Batch, record: Record, event: Event, status: EventStatus) -> None:
    batch.verdicts.append((record.offset, Verdict(event.student_id, event.event_id, status, event.received_us)))
