"""Names and lifetimes of what is stored, snapshots for people to read, and the state as canonical JSON."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Protocol

import msgspec

from .domain.aggregates import Aggregates
from .domain.days import day_of, from_date, to_date
from .domain.evidence import Component
from .domain.mastery import ComponentValue, Window, window
from .domain.outcomes import Outcome
from .errors import BadRequest, Reason
from .ports import Clock, EvidenceStore, Maintenance, Retention, Snapshot

_encode = msgspec.json.Encoder().encode


class StateKeyPatterns:
    """The keys under which state is kept; the words in braces are placeholders.

    ``Keys`` puts in the student. ``shard`` is empty but in a cluster, where each master has offsets of its own.
    """

    EVIDENCE: Final = "student:{student_id}:evidence"
    ANSWERS: Final = "student:{student_id}:recent:answers"
    OTHERS: Final = "student:{student_id}:recent:others"
    COUNTED: Final = "student:{student_id}:counted"
    EVENT: Final = "student:{student_id}:event:{event_id}"
    VERDICT: Final = "student:{student_id}:event:{event_id}:verdict"
    EVENTS: Final = "student:{student_id}:events:{date}"
    MASTERY: Final = "student:{student_id}:mastery:{date}"
    COMPONENT: Final = "student:{student_id}:mastery:{date}:{component}"
    TOLD: Final = "student:{student_id}:told"
    OFFSETS: Final = "offsets:{shard}{cluster_id}:{topic_id}:{partition}"
    PREDICTION: Final = "prediction:{student_id}:cache"
    BATCH: Final = "batch:{batch_id}:status"
    DOCUMENT: Final = "document:{name}"
    BATCH_ITEMS: Final = "batch:{batch_id}:items"
    BATCH_PENDING: Final = "batch:{batch_id}:pending"
    BATCH_RESULTS: Final = "batch:{batch_id}:results"
    BATCH_FAILED: Final = "batch:{batch_id}:failed"
    BATCH_CHANGED: Final = "batch:{batch_id}:changed"
    BATCH_QUEUE: Final = "batches:queue"
    BATCH_REQUEST: Final = "batches:request:{request_key}"
    BATCHES_OPEN: Final = "batches:open:{requester}"
    BATCHES_OF_STUDENT: Final = "student:{student_id}:batches"
    COHORTS: Final = "cohorts"
    COHORT: Final = "cohort:{cohort_id}"
    COHORT_MEMBERS: Final = "cohort:{cohort_id}:{membership}"
    COHORTS_OF_MEMBER: Final = "cohorts:{membership}:{member_id}"
    RATE: Final = "rate:{digest}"
    DEAD_LETTER: Final = "dead-letter:{partition}:{offset}:{timestamp_ms}"
    DEAD_LETTERS_OF: Final = "dead-letters-of:{pseudonym}"
    ERASURE: Final = "erasure:{pseudonym}"
    # One hash tag for all of the outbox, cluster or not, and one for the audit trail: a script touches several of them.
    OUTBOX_DUE: Final = "{{outbox}}:{target}:due"
    OUTBOX_NOTICES: Final = "{{outbox}}:{target}:notices"
    OUTBOX_ATTEMPTS: Final = "{{outbox}}:{target}:attempts"
    OUTBOX_OF_STUDENT: Final = "{{outbox}}:of:{student_id}"
    AUDIT_CHAIN: Final = "{audit}:chain"
    AUDIT_ROWS: Final = "{audit}:rows"
    AUDIT_SUBJECT: Final = "{{audit}}:subject:{pseudonym}"
    AUDIT_ACTOR: Final = "{{audit}}:actor:{pseudonym}"
    AUDIT_SALT: Final = "{{audit}}:salt:{name}"


@dataclass(frozen=True, slots=True)
class Keys:
    """How the keys of a student are written.

    Where they are ``tagged`` the id is in braces, by which a Redis Cluster keeps a student's keys together.
    """

    tagged: bool = False

    def of(self, pattern: str, student_id: str, **names: str) -> str:
        """Return the key of a student by its pattern."""
        name = f"{{{student_id}}}" if self.tagged else student_id
        # Both do the same; the first in a quarter of the time, and there are many keys.
        return pattern.format(student_id=name, **names) if names else pattern.replace("{student_id}", name)

    def student(self, key: str) -> str:
        """Return whose key it is."""
        name = key.split(":", 2)[1]
        return name[1:-1] if self.tagged else name


PLAIN: Final = Keys()


@dataclass(frozen=True, slots=True)
class Ttl:
    """How long each kind of value is kept."""

    student_data: timedelta = timedelta(days=90)
    event_checkpoint: timedelta = timedelta(days=7)
    cache: timedelta = timedelta(hours=1)
    batch: timedelta = timedelta(days=7)
    dead_letter: timedelta = timedelta(days=7)
    notice: timedelta = timedelta(days=3)
    audit: timedelta = timedelta(days=365)
    rate: timedelta = timedelta(minutes=2)

    @property
    def retention(self) -> Retention:
        """Return the part that a store of evidence needs."""
        return Retention(self.student_data.days, self.event_checkpoint.days)


@dataclass(frozen=True, slots=True)
class Expiring:
    """How many students lose evidence at the end of a day, and how many of them the last that there is."""

    date: str
    trimmed: int
    forgotten: int


class Recomputed(StrEnum):
    """What came of deriving a student anew: ``older`` is who has nothing of today to compare with."""

    EQUAL = "equal"
    DIFFERS = "differs"
    OLDER = "older"
    UNREADABLE = "unreadable"
    GONE = "gone"


class Shown(Protocol):
    """An answer about mastery, as a snapshot keeps it."""

    @property
    def components(self) -> Mapping[Component, ComponentValue | None]:
        """Return the components of the whole."""


class StateManager:
    """What happens to stored state beside ingest: snapshots, retention, dumps."""

    def __init__(self, store: EvidenceStore, *, maintenance: Maintenance, ttl: Ttl, clock: Clock) -> None:
        self._store = store
        self._maintenance = maintenance
        self._clock = clock
        self.ttl = ttl

    def today(self) -> int:
        """Return the current day, UTC."""
        return day_of(self._clock())

    def kept_from(self) -> int:
        """Return the first day that retention keeps."""
        return self.ttl.retention.kept_from(self.today())

    def window(self, as_of: date | None, field: str = "as_of") -> Window:
        """Return what an answer as of a day (else today) looks at; raises ``BadRequest`` for a day after today."""
        today = self.today()
        day = today if as_of is None else from_date(as_of)
        if day > today:
            detail = "The day asked for is in the future."
            raise BadRequest(detail, [Reason(field, "must not be after today")])
        return window(day, self.kept_from())

    async def remember_prediction(self, student_id: str, version: int, model: str, prediction: bytes) -> None:
        """Write what was last predicted of a student, if their state is still at the version predicted from."""
        last = {
            "version": f"{version:x}",
            "day": to_date(self.today()),
            "model": model,
            "prediction": msgspec.Raw(prediction),
        }
        values = {StateKeyPatterns.PREDICTION: _encode(last)}
        await self._store.remember([Snapshot(student_id, version, values, self.ttl.cache)], self._clock())

    async def meet(self) -> None:
        """Look whether the store still is the one known: one restored from an older copy is told who was erased."""
        await self._maintenance.meet()

    async def trim(self) -> int:
        """Forget what retention no longer keeps; return how many students were touched."""
        return await self._maintenance.trim(self._clock())

    async def expiring(self, days: int) -> list[Expiring]:
        """Return what retention will forget on each of the next days, today first, if no evidence comes."""
        trimmed, forgotten = Counter[int](), Counter[int]()
        first = self.kept_from()
        async for student_id in self.students():
            stored = await self._store.aggregates(student_id)
            parts = [] if stored is None else list(stored.aggregates.series.values())
            held = {day for part in parts for day in part.days}
            trimmed.update(held)
            forgotten.update([max(held)] if held else [])
        return [
            # A day of evidence goes at the end of the day on which it is the oldest that is kept.
            Expiring(to_date(self.today() + ahead).isoformat(), trimmed[first + ahead], forgotten[first + ahead])
            for ahead in range(days)
        ]

    async def recompute(self, student_id: str, derive: Callable[[Aggregates, Window], Shown]) -> Recomputed:
        """Derive a student anew, and compare with the snapshot of today; a state that cannot be read is not sound.

        Only today's can be compared: of an older day evidence may have gone since.
        """
        today = self.today()
        try:
            state = await self._maintenance.state(student_id)
        except (ValueError, KeyError, TypeError):  # what unpacking raises for what it did not pack
            return Recomputed.UNREADABLE
        if state is None:
            return Recomputed.GONE
        if len(state.counted) > state.events:
            return Recomputed.UNREADABLE
        kept = await self._maintenance.snapshot(student_id, to_date(today).isoformat())
        if kept is None:
            return Recomputed.OLDER
        derived = _encode(derive(state.aggregates, window(today, self.kept_from())))
        return Recomputed.EQUAL if derived == kept else Recomputed.DIFFERS

    async def dump(self, student_id: str, day: int) -> dict[str, Any] | None:
        """Return the state of a student as retention keeps it on a day, in canonical order."""
        state = await self._maintenance.state(student_id)
        if state is None:
            return None
        state.trim(self.ttl.retention.kept_from(day))
        return {"student_id": student_id, **state.canonical()}

    async def answers(self, student_id: str) -> list[Outcome]:
        """Return the window of a student's answers, oldest first, as retention keeps it today."""
        return (await self._store.recent(student_id)).since(self.kept_from()).answers

    def students(self) -> AsyncIterator[str]:
        """Yield every student id, sorted."""
        return self._maintenance.students()


def snapshot_values(day: int, standing: Shown) -> dict[str, bytes]:
    """Return the snapshots of a day: all that is shown, and the value of each component.

    Each by the pattern of its key, in which only the student is left open.
    """
    whole, parts = _snapshot_patterns(day)
    values = {whole: _encode(standing)}
    for component, value in standing.components.items():
        if value is not None:
            values[parts[component]] = _encode(value.score)
    return values


@lru_cache(maxsize=4)
def _snapshot_patterns(day: int) -> tuple[str, dict[Component, str]]:
    """Return the patterns of the keys of a day: of all that is shown, and of each component."""
    shown, student_id = to_date(day).isoformat(), "{student_id}"
    parts = {
        component: StateKeyPatterns.COMPONENT.format(student_id=student_id, date=shown, component=component)
        for component in Component
    }
    return StateKeyPatterns.MASTERY.format(student_id=student_id, date=shown), parts
