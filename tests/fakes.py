"""Fakes for unit tests; each passes the contract suite of what it stands in for."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

from src.domain.aggregates import Aggregates
from src.domain.days import day_of
from src.domain.erasures import Erasure
from src.domain.events import Event, EventStatus
from src.domain.outcomes import Recent
from src.domain.state import StudentState
from src.errors import StoreUnavailable
from src.ports import Derivable, Retention, Snapshot, Versioned
from src.state_manager import StateKeyPatterns
from tests.making import PSEUDONYM


class MemoryStore:
    """Both ports of the store in a dictionary."""

    def __init__(self, retention: Retention) -> None:
        self.retention = retention
        self.states: dict[str, StudentState] = {}
        self.versions: dict[str, int] = {}
        self.contents: dict[tuple[str, str], tuple[int, int]] = {}
        self.snapshots: dict[str, Mapping[str, bytes]] = {}

        self.erased: dict[str, Erasure] = {}

    async def apply(self, events: Sequence[Event], now_us: int) -> list[EventStatus]:
        return [self._apply(event, day_of(now_us)) for event in events]

    def _apply(self, event: Event, today: int) -> EventStatus:
        erasure = self.erased.get(PSEUDONYM(event.student_id))
        if erasure is not None and erasure.refuses(event.received_us):
            return EventStatus.REFUSED
        key = event.student_id, event.event_id
        state = self.states.setdefault(event.student_id, StudentState())
        if not state.add(event):
            content, checked_day = self.contents.get(key, (event.content, today))
            fresh = checked_day > today - self.retention.checkpoint_days
            return EventStatus.CONFLICT if fresh and content != event.content else EventStatus.DUPLICATE
        state.trim(self.retention.kept_from(today))
        self.contents[key] = event.content, today
        self.versions[event.student_id] = self.versions.get(event.student_id, 1000) + 1
        return EventStatus.APPLIED

    async def version(self, student_id: str) -> int | None:
        return self.versions.get(student_id)

    async def aggregates(self, student_id: str) -> Versioned | None:
        state = self.states.get(student_id)
        return None if state is None else Versioned(self.versions[student_id], state.aggregates)

    async def recent(self, student_id: str) -> Recent:
        state = self.states.get(student_id)
        return Recent() if state is None else state.recent

    async def status(self, student_id: str, event_id: str) -> EventStatus | None:
        counted = (student_id, event_id) in self.contents and student_id in self.states
        return EventStatus.APPLIED if counted else None

    async def derivable(self, students: Sequence[str]) -> list[Derivable | None]:
        return [self._derivable(one) if one in self.states else None for one in students]

    def _derivable(self, student_id: str) -> Derivable:
        state, erasure = self.states[student_id], self.erased.get(PSEUDONYM(student_id))
        return Derivable(
            version=self.versions[student_id],
            events=state.events,
            aggregates=state.aggregates,
            others=tuple(state.recent.others),
            told=self.snapshots.get(student_id, {}).get(StateKeyPatterns.TOLD),
            erasures=0 if erasure is None else erasure.number,
        )

    async def snapshot(self, student_id: str, date: str) -> bytes | None:
        return self.snapshots.get(student_id, {}).get(StateKeyPatterns.MASTERY.replace("{date}", date))

    async def remember(self, snapshots: Sequence[Snapshot], now_us: int) -> list[bool]:
        del now_us
        written = [self.versions.get(snapshot.student_id) == snapshot.version for snapshot in snapshots]
        for snapshot, is_written in zip(snapshots, written, strict=True):
            if is_written:
                self.snapshots[snapshot.student_id] = snapshot.values
        return written

    async def versions_of(self, students: Sequence[str]) -> list[int | None]:
        return [self.versions.get(one) for one in students]

    async def aggregates_of(self, students: Sequence[str]) -> list[Aggregates | None]:
        return [self.states[one].aggregates if one in self.states else None for one in students]

    async def others_of(self, students: Sequence[str]) -> list[Recent]:
        return [Recent(others=(await self.recent(one)).others) for one in students]

    async def answers_of(self, students: Sequence[str]) -> list[Recent]:
        return [Recent((await self.recent(one)).answers) for one in students]

    async def ping(self) -> None:
        return

    async def meet(self) -> None:
        return

    async def state(self, student_id: str) -> StudentState | None:
        return self.states.get(student_id)

    async def students(self) -> AsyncIterator[str]:
        for student_id in sorted(self.states):
            yield student_id

    async def trim(self, now_us: int) -> int:
        kept_from = self.retention.kept_from(day_of(now_us))
        touched = 0
        for student_id, state in list(self.states.items()):
            if any(part.days[0] < kept_from for part in state.aggregates.series.values()):
                touched += 1
                state.trim(kept_from)
            if not state.aggregates:
                del self.states[student_id], self.versions[student_id]
                self.snapshots.pop(student_id, None)
        return touched


class MemoryCounts:
    """Counts that limiters of one test share; away on demand."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.away = False
        self.asked = 0

    async def add(self, uses: Mapping[str, int]) -> dict[str, int]:
        """Add, and return what was added up."""
        if self.away:
            detail = "away"
            raise StoreUnavailable(detail)
        self.asked += 1
        self.counts.update(uses)
        return {name: self.counts[name] for name in uses}


class MemoryErasures:
    """The port of erasure over the store in a dictionary."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    async def erasure(self, student_id: str) -> Erasure | None:
        return self.store.erased.get(PSEUDONYM(student_id))

    async def erase(self, student_id: str, erasure: Erasure) -> int:
        name, store = PSEUDONYM(student_id), self.store
        if erasure.is_settled_by(store.erased.get(name)):
            return 0
        store.erased[name] = erasure
        gone = await self.remains(student_id)
        for key in [key for key in store.contents if key[0] == student_id]:
            del store.contents[key]
        store.states.pop(student_id, None)
        store.versions.pop(student_id, None)
        store.snapshots.pop(student_id, None)
        return gone

    async def sweep(self) -> None:
        return

    async def enforce(self, erasures: Mapping[str, Erasure]) -> int:
        older = {n: one for n, one in erasures.items() if one.supersedes(self.store.erased.get(n))}
        found = [student_id for student_id in self.store.states if PSEUDONYM(student_id) in older]
        for student_id in found:
            await self.erase(student_id, older[PSEUDONYM(student_id)])
        self.store.erased |= older
        return len(found)

    async def export(self, student_id: str) -> object | None:
        state = self.store.states.get(student_id)
        return None if state is None else state.canonical()

    async def remains(self, student_id: str) -> int:
        contents = sum(key[0] == student_id for key in self.store.contents)
        return contents + (student_id in self.store.states) + (student_id in self.store.snapshots)


class MemoryLedger:
    """The ledger of erasures in a dictionary, and everything that was written to it."""

    def __init__(self) -> None:
        self.entries: dict[str, Erasure] = {}
        self.written: list[Erasure] = []

    async def read(self) -> Mapping[str, Erasure]:
        return dict(self.entries)

    async def write(self, pseudonym: str, erasure: Erasure) -> None:
        self.written.append(erasure)
        if erasure.supersedes(self.entries.get(pseudonym)):
            self.entries[pseudonym] = erasure
