"""What the services need from the outside, as small protocols; adapters implement them.

Every adapter of the store passes ``tests/contract``. Methods raise ``StoreUnavailable`` when the store does not answer.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol, TypeAlias

from .domain.aggregates import Aggregates
from .domain.batches import BatchSpec, BatchStatus, ItemStatus
from .domain.cohort_statistics import Thresholds
from .domain.cohorts import Cohort, Membership
from .domain.erasures import Erasure
from .domain.events import Event, EventStatus
from .domain.outcomes import Outcome, Recent
from .domain.state import StudentState
from .errors import Reason

Clock: TypeAlias = Callable[[], int]
"""Returns the time now, in microseconds since the epoch."""


def wall_clock() -> int:
    """Return the time of this machine, in microseconds since the epoch."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days the state is kept, and for how many a conflict can be told from a duplicate."""

    state_days: int = 90
    checkpoint_days: int = 7

    def kept_from(self, today: int) -> int:
        """Return the first day that is kept."""
        return today - self.state_days + 1


@dataclass(frozen=True, slots=True)
class Versioned:
    """The aggregates of a student, and the version of their state: another one after every change."""

    version: int
    aggregates: Aggregates


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was derived from one version of a student's state, for people to read.

    ``values`` are named by the patterns of their keys, in which only the student is left open. They are kept as long as
    the state, or for ``lifetime``.
    """

    student_id: str
    version: int
    values: Mapping[str, bytes]
    lifetime: timedelta | None = None


class SharedCounts(Protocol):
    """Counts that several processes add to, each gone a while after it was begun."""

    async def add(self, uses: Mapping[str, int]) -> dict[str, int]:
        """Add to each count and return it; one that was not there begins at 0."""


class EvidenceStore(Protocol):
    """The state of students, as ingest and reads use it."""

    async def apply(self, events: Sequence[Event], now_us: int) -> list[EventStatus]:
        """Count each event once and add it, all in one durable step; return what became of each, in order.

        The result is ``applied``, ``duplicate`` (its id was counted), ``conflict`` (with other content, told for as
        long as checkpoints are kept) or ``refused`` (the student was erased, and has not consented before it was
        received). What retention no longer keeps as of now is trimmed from the students touched.
        """

    async def version(self, student_id: str) -> int | None:
        """Return the version of a student's state, None where there is none."""

    async def aggregates(self, student_id: str) -> Versioned | None:
        """Return the aggregates of a student with their version."""

    async def recent(self, student_id: str) -> Recent:
        """Return the recent outcomes of a student, empty where there are none."""

    async def status(self, student_id: str, event_id: str) -> EventStatus | None:
        """Return what became of an event, None where nothing is known of it."""

    async def remember(self, snapshots: Sequence[Snapshot], now_us: int) -> list[bool]:
        """Keep each student's snapshots if their state still has the version derived from; tell whether it had."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an event that added nothing, for whoever asks after it."""

    student_id: str
    event_id: str
    status: EventStatus
    received_us: int


class PersonalData(Protocol):
    """One place where something about students is stored."""

    async def export(self, student_id: str) -> object | None:
        """Return everything stored about a student as plain values, None where nothing is."""

    async def erase(self, student_id: str) -> int:
        """Remove it for good, and return how many entries went; a second time there is nothing left."""

    async def remains(self, student_id: str) -> int:
        """Return how many entries there are, looked for afresh and not where ``erase`` knows them to be."""


class Erasable(Protocol):
    """The state of students, as erasure uses it.

    Every student who was erased has a marker there, which each write that makes a state anew reads in its own step. It
    is kept under a pseudonym and has no end.
    """

    async def erasure(self, student_id: str) -> Erasure | None:
        """Return the marker of a student, None for one who was never erased."""

    async def erase(self, student_id: str, erasure: Erasure) -> int:
        """Delete a student's state and set the marker in one step; return how many entries went.

        Where the marker is newer, or tells of consent after this very erasure, nothing is done: so consent is set in
        the same way, and what came after it stays.
        """

    async def sweep(self) -> None:
        """Return when what was deleted, by whatever place in the same store, can be read from no file of it."""

    async def enforce(self, erasures: Mapping[str, Erasure]) -> int:
        """Erase, by pseudonym, whoever has an older marker or none; return how many students had a state.

        Where every marker is there nothing else is looked at; else the ids of all students are, once.
        """

    async def export(self, student_id: str) -> object | None:
        """Return everything stored about a student as plain values, None where nothing is."""

    async def remains(self, student_id: str) -> int:
        """Return how many entries there are of a student, found by looking through all."""


class ErasureLedger(Protocol):
    """Remembers outside the state who was erased, by pseudonym, so that no older copy of the state brings them back.

    Raises ``StoreUnavailable`` or ``BrokerUnavailable``.
    """

    async def read(self) -> Mapping[str, Erasure]:
        """Return the newest entry of each student, everything considered that was written before the call."""

    async def write(self, pseudonym: str, erasure: Erasure) -> None:
        """Return when an entry is safe."""


class TopicRetention(Protocol):
    """Knows how long Kafka's topics keep what is in them; raises ``BrokerUnavailable``."""

    async def longest_ms(self) -> int | None:
        """Return the longest time that a topic with personal data keeps a record, None where that is for ever."""


class EvidenceOfMany(Protocol):
    """The state of many students at once, in their order, as views of a class read it."""

    async def versions_of(self, students: Sequence[str]) -> list[int | None]:
        """Return the version of each student's state, None where there is none."""

    async def aggregates_of(self, students: Sequence[str]) -> list[Aggregates | None]:
        """Return the aggregates of each student, None where there are none."""

    async def others_of(self, students: Sequence[str]) -> list[Recent]:
        """Return of each student the recent outcomes that are no answers."""


class AnswersOfMany(Protocol):
    """The windows of answers, as predictions of many students need them."""

    async def answers_of(self, students: Sequence[str]) -> list[Recent]:
        """Return of each student the recent outcomes that are answers."""


class Written(StrEnum):
    """What came of writing what was derived."""

    WRITTEN = "written"
    CHANGED = "changed"
    GONE = "gone"


class Topic(StrEnum):
    """The topics of the service."""

    EVENTS = "mastery.events"
    DEAD_LETTERS = "mastery.dlq"
    RESULTS = "mastery.results"
    ERASURES = "mastery.erasures"


@dataclass(frozen=True, slots=True)
class Stream:
    """One topic of one cluster; a topic made anew is another."""

    cluster_id: str
    topic_id: str


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition of one topic of one cluster; a topic made anew is another."""

    cluster_id: str
    topic_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Offsets:
    """How far the records of a partition are applied and published; None where nothing was recorded."""

    applied: int | None
    published: int | None


@dataclass(frozen=True, slots=True)
class Derivable:
    """What a result is derived from: one version of a student's state, and what was last told of it.

    ``others`` is the window of outcomes that are no answers, oldest first; ``erasures`` how often the student was
    erased before.
    """

    version: int
    events: int
    aggregates: Aggregates
    others: tuple[Outcome, ...]
    told: bytes | None
    erasures: int = 0


class DerivableEvidence(Protocol):
    """The state of students, as what is told of them is derived from it."""

    async def derivable(self, students: Sequence[str]) -> list[Derivable | None]:
        """Return what results are derived from, None for a student without state."""

    async def remember(self, snapshots: Sequence[Snapshot], now_us: int) -> list[bool]:
        """Keep what was derived, as ``EvidenceStore.remember`` does."""


class StreamState(Protocol):
    """The state as one consumer of a stream changes it.

    Every method but ``begin`` and ``is_same`` raises ``InstanceChanged`` unless the store is the very instance that
    ``begin`` met: what a batch began on one must not end on another.
    """

    async def begin(self) -> None:
        """Meet the store as it is now."""

    async def is_same(self) -> bool:
        """Tell whether it still is the instance that ``begin`` met."""

    async def enforce(self, erasures: Mapping[str, Erasure]) -> int:
        """Erase whoever has an older marker or none, as ``Erasable.enforce`` does."""

    async def apply(self, events: Sequence[Event], now_us: int) -> list[EventStatus]:
        """Apply a batch, as ``EvidenceStore.apply`` does."""

    async def tell(self, verdicts: Sequence[Verdict]) -> None:
        """Keep verdicts for as long as checkpoints are kept."""

    async def offsets(self, partition: Partition) -> Offsets:
        """Return the offsets of a partition."""

    async def move_applied(self, partition: Partition, expected: int | None, end: int) -> bool:
        """Move the applied offset if it is the one expected; tell whether it was."""

    async def move_published(self, partition: Partition, end: int) -> int:
        """Move the published offset, never backwards; return where it is."""

    async def read(self, students: Sequence[str]) -> list[Derivable | None]:
        """Return what results are derived from, None for a student without state."""

    async def finish(self, snapshots: Sequence[Snapshot]) -> list[Written]:
        """Keep what was derived of each student whose state still has the version derived from."""


@dataclass(frozen=True, slots=True)
class Message:
    """A record to be sent."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Publisher(Protocol):
    """Sends records."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return when the broker has acknowledged every one; raises ``BrokerUnavailable``."""


class Telling(Protocol):
    """Tells what follows for students from events that were counted."""

    def expecting(self, students: Iterable[str]) -> AbstractContextManager[None]:
        """Say, for as long as the block takes, that these are counted for and then told of in it."""

    async def tell(self, causes: Mapping[str, Mapping[str, int]]) -> None:
        """Tell of students, from their events by their ids with the instants when they occurred."""


@dataclass(frozen=True, slots=True)
class Notice:
    """That something changed for a student: a CloudEvent, the same id for the same content."""

    notice_id: str
    student_id: str
    body: bytes
    correlation_id: str
    created_us: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice that a target is still to hear, and the how-manieth attempt it is."""

    notice: Notice
    attempt: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many notices a target is still to hear, and since when the oldest is due to it, None where there is none."""

    pending: int
    oldest_us: int | None


class Outbox(Protocol):
    """Keeps notices until each target has heard them; every method is one durable step."""

    async def put(self, notices: Sequence[Notice], targets: Sequence[str]) -> None:
        """Keep each notice for each target, but for those that are kept already."""

    async def take(self, target: str, now_us: int, until_us: int, limit: int) -> list[Delivery]:
        """Take the notices that are due to a target; nobody else gets them until then."""

    async def done(self, target: str, notice: Notice) -> None:
        """Forget a notice that a target has heard, or never will."""

    async def postpone(self, target: str, notice: Notice, due_us: int) -> None:
        """Have a notice be due again at a time, if it still is to be heard."""

    async def backlog(self, target: str) -> Backlog:
        """Return what a target is still to hear."""

    async def trim(self, now_us: int) -> int:
        """Forget the notices whose time is over, where they do not go by themselves; return how many."""


class Channel(Protocol):
    """The way to one target."""

    @property
    def name(self) -> str:
        """Return what to call the target in logs and metrics."""

    async def deliver(self, notice: Notice) -> None:
        """Return when the target has taken a notice; raises ``DeliveryFailed``."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dead letter was read before it was buried; the time in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What a dead letter tells of itself; what it does not tell is None.

    ``students`` are the ids that can be recognised in it as those of students.
    """

    partition: int
    offset: int
    timestamp_ms: int
    reason: str | None
    errors: tuple[Reason, ...]
    event_id: str | None
    correlation_id: str | None
    origin: Origin | None
    students: frozenset[str] = frozenset()

    @property
    def received_ms(self) -> int:
        """Return when the record was received, or else when it was buried."""
        known = None if self.origin is None else self.origin.timestamp_ms
        return self.timestamp_ms if known is None else known

    @property
    def letter_id(self) -> str:
        """Return the name under which people ask for it."""
        return f"{self.partition}-{self.offset}"


@dataclass(frozen=True, slots=True)
class DeadLetterRecord:
    """A dead letter with all that it holds."""

    letter: DeadLetter
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class DeadLetterPage:
    """Dead letters, newest first; ``next`` is the end of what is left of each partition, None where nothing is."""

    letters: tuple[DeadLetter, ...]
    next: Mapping[int, int] | None


class DeadLetterLog(Protocol):
    """Reads the dead letters; raises ``BrokerUnavailable``."""

    async def newest(self, before: Mapping[int, int], *, limit: int, reason: str | None) -> DeadLetterPage:
        """Return the newest of one reason or of all, of each partition those before an offset.

        How many are looked at is bounded: a page may hold fewer than the limit, and there may be more.
        """

    async def find(self, partition: int, offset: int) -> DeadLetterRecord | None:
        """Return one, None where there is none."""


class Handling(StrEnum):
    """What was done with a dead letter."""

    REPLAYED = "replayed"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Handled:
    """What was done with a dead letter, when (microseconds since 1970) and by whom.

    ``reason`` is why it was discarded; ``status`` is what became of the event replayed.
    """

    handling: Handling
    at_us: int
    by: str
    reason: str | None = None
    event_id: str | None = None
    status: EventStatus | None = None
    corrected: bool = False


class DeadLetterIndex(Protocol):
    """Remembers for a while which dead letters were handled; raises ``StoreUnavailable``."""

    async def handled(self, letters: Sequence[DeadLetter]) -> list[Handled | None]:
        """Return for each what was done with it, None where nothing was."""

    async def remember(self, letter: DeadLetter, handled: Handled) -> Handled:
        """Keep what was done, unless something was before; return what is kept."""

    async def forget(self, student_id: str) -> int:
        """Forget what was done with the dead letters of a student, and return of how many."""

    async def kept(self, student_id: str) -> int:
        """Return of how many dead letters of a student something is kept."""


@dataclass(frozen=True, slots=True)
class StoredCohort:
    """A cohort, its version (another one after every change), and the thresholds of its triage where they were set."""

    version: int
    cohort: Cohort
    thresholds: Thresholds | None = None


@dataclass(frozen=True, slots=True)
class CohortSize:
    """A cohort as a list shows it."""

    cohort_id: str
    name: str
    students: int
    teachers: int


@dataclass(frozen=True, slots=True)
class CohortPage:
    """Cohorts by id; ``next`` is the id after which the next page begins, None where nothing is left."""

    cohorts: tuple[CohortSize, ...]
    next: str | None


class MemberChange(StrEnum):
    """What came of changing one member of a cohort."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    MISSING = "missing"
    FULL = "full"


class CohortStore(Protocol):
    """The cohorts; every change is one durable step, and gives the cohort another version.

    Thresholds are beside all that: they stay when a cohort is replaced, go with it, and leave its version as it is.
    """

    async def put(self, cohort: Cohort, expected: int | None) -> int | None:
        """Keep a cohort if its version is the one expected (None: there is none); return the new version, else None."""

    async def get(self, cohort_id: str) -> StoredCohort | None:
        """Return a cohort with all its members, None where there is none."""

    async def version(self, cohort_id: str) -> int | None:
        """Return the version of a cohort, None where there is none."""

    async def page(self, after: str, limit: int, *, teacher: str | None) -> CohortPage:
        """Return up to limit cohorts with ids greater than after, sorted: those of a teacher, or all."""

    async def delete(self, cohort_id: str, expected: int) -> bool:
        """Remove a cohort if its version is the one expected; tell whether it was."""

    async def add(self, cohort_id: str, membership: Membership, member_id: str) -> MemberChange:
        """Make somebody a member; ``FULL`` where the cohort has as many of them as it may have."""

    async def remove(self, cohort_id: str, membership: Membership, member_id: str) -> MemberChange:
        """Make somebody a member no longer."""

    async def set_thresholds(self, cohort_id: str, thresholds: Thresholds) -> bool:
        """Keep the thresholds of a cohort; tell whether there is such a cohort."""


class Teaching(Protocol):
    """Who teaches whom, as it is at this moment: each question is one look at an index, and nothing is cached."""

    async def teaches(self, user_id: str, student_id: str) -> bool:
        """Tell whether some cohort has the one as a teacher and the other as a student."""

    async def teaches_cohort(self, user_id: str, cohort_id: str) -> bool:
        """Tell whether a cohort exists and has this teacher."""


@dataclass(frozen=True, slots=True)
class Document:
    """What people of the service set up as a whole, and its version: another one after every change."""

    version: int
    body: bytes


class DocumentStore(Protocol):
    """Documents by name, kept without end."""

    async def get(self, name: str) -> Document | None:
        """Return a document, None where there is none."""

    async def put(self, name: str, body: bytes, expected: int | None) -> int | None:
        """Keep a document if its version is the one expected (None: there is none); return the new version, else None.

        It is durable when this returns.
        """

    async def delete(self, name: str) -> bool:
        """Remove a document, whatever its version; tell whether there was one."""


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A job to be made. Each student stands once.

    ``request_key`` stands for who asks and their ``Idempotency-Key``, ``content`` for what they asked.
    """

    batch_id: str
    spec: BatchSpec
    students: tuple[str, ...]
    content: str
    request_key: str | None = None


class Admission(StrEnum):
    """What came of asking for a job."""

    CREATED = "created"
    KNOWN = "known"
    CONFLICT = "conflict"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a job is, all of one moment; ``level_changes`` are the students done whose level changes."""

    status: BatchStatus
    total: int
    done: int
    failed: int
    level_changes: int
    finished_us: int | None


@dataclass(frozen=True, slots=True)
class BatchItem:
    """What became of one student: ``body`` is the result or, of one that failed, the reason; both JSON."""

    student_id: str
    status: ItemStatus
    body: bytes
    level_changed: bool = False


@dataclass(frozen=True, slots=True)
class BatchJob:
    """A job as it is now, with the first of the items that failed."""

    batch_id: str
    spec: BatchSpec
    progress: BatchProgress
    errors: tuple[BatchItem, ...]


@dataclass(frozen=True, slots=True)
class BatchLease:
    """The right to write the results of a job: the ``token`` of whoever takes it next is higher."""

    batch_id: str
    token: int


@dataclass(frozen=True, slots=True)
class BatchClaim:
    """A job taken, and the students that are left to do.

    ``attempts`` counts how often it was taken since a result was last written.
    """

    lease: BatchLease
    spec: BatchSpec
    pending: tuple[str, ...]
    attempts: int


class BatchStore(Protocol):
    """The batch jobs with their items; every method is one step that a crash leaves done, undone or repeatable.

    A job can be taken when it is queued, or when the lease of whoever took it has run out. Who was overtaken, or whose
    job was cancelled, can write no more. A result is written once and stays.
    """

    async def create(self, batch: NewBatch, *, most_open: int) -> tuple[Admission, str]:
        """Queue a job, or find the one that was made with the same request key; return what came of it, and its id.

        ``CONFLICT`` where that one was asked with other content, ``FULL`` where who asks has as many unfinished jobs.
        """

    async def find(self, batch_id: str) -> BatchJob | None:
        """Return a job, None where there is none."""

    async def page(self, batch_id: str, after: int, limit: int) -> list[tuple[int, BatchItem]]:
        """Return up to limit items that are ended, with positions greater than after, in the order asked for."""

    async def unfinished(self, limit: int) -> list[str]:
        """Return the ids of up to limit jobs that are not ended, oldest first; one may have ended just now."""

    async def claim(self, now_us: int, until_us: int) -> BatchClaim | None:
        """Take the oldest job that can be taken, and lease it until then."""

    async def write(self, lease: BatchLease, items: Sequence[BatchItem], until_us: int) -> bool:
        """Write those results that are not there yet, and prolong the lease; tell whether it still held."""

    async def finish(self, lease: BatchLease, status: BatchStatus, now_us: int) -> bool:
        """End a job if the lease still holds and, to complete it, nothing is left to do; tell whether it was ended."""

    async def cancel(self, batch_id: str, now_us: int) -> bool:
        """Stop a job that is not ended; tell whether it was stopped."""

    async def trim(self, now_us: int) -> int:
        """Forget the jobs whose time is over, where they do not go by themselves; return how many."""


class Maintenance(Protocol):
    """What keeps a store in good order and lets one look inside."""

    async def ping(self) -> None:
        """Return when the store can be read."""

    async def meet(self) -> None:
        """Look whether the store still is the instance known, and make good what another one does not know."""

    async def state(self, student_id: str) -> StudentState | None:
        """Return everything that is known of a student."""

    async def snapshot(self, student_id: str, date: str) -> bytes | None:
        """Return what was derived of a student when their state last changed on a day, None where nothing was."""

    def students(self) -> AsyncIterator[str]:
        """Yield every student id, sorted."""

    async def trim(self, now_us: int) -> int:
        """Forget what retention no longer keeps, of every student; return how many students were touched."""


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the chain of the audit trail: the number of a row and its seal; 0 is what comes before the first."""

    seq: int
    mac: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Where the audit trail begins and ends: ``anchor`` comes before the oldest row that is kept, and is signed."""

    chain_id: str
    anchor: Link
    signature: str
    head: Link


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A row of the audit trail as it is stored: its number, its content as JSON, the seal over it and all before."""

    seq: int
    body: bytes
    mac: str

    @property
    def link(self) -> Link:
        """Return its place in the chain."""
        return Link(self.seq, self.mac)


class Person(NamedTuple):
    """Whose rows are asked for: those about a pseudonym (``subject``) or those of what it did (``actor``)."""

    part: Literal["subject", "actor"]
    pseudonym: str


class AuditLog(Protocol):
    """Keeps the rows of the audit trail; knows neither keys nor people."""

    async def chain(self) -> Chain | None:
        """Return where the trail begins and ends, None where nothing was ever written."""

    async def extend(self, before: Link | None, after: Chain, rows: Sequence[SealedRow]) -> bool:
        """Append rows in one durable step if the trail ends where it is thought to, None for nowhere; tell whether."""

    async def at(self, numbers: Sequence[int]) -> list[SealedRow]:
        """Return those rows that are there, in order."""

    async def after(self, seq: int, limit: int) -> list[SealedRow]:
        """Return the rows that follow a number, oldest first."""

    async def newest(self, before: int | None, limit: int, person: Person | None = None) -> list[SealedRow]:
        """Return the rows before a number or all, newest first, of one person or of everyone."""

    async def trim(self, after: Chain) -> None:
        """Forget the rows up to an anchor and keep it instead, unless there is a later one."""


@dataclass(frozen=True, slots=True)
class SidecarState:
    """What the Dapr sidecar tells of itself: names of components with their types, and topics subscribed to."""

    app_id: str
    components: Mapping[str, str]
    subscriptions: tuple[tuple[str, str], ...]
    """Of each the component and the topic."""


class Sidecar(Protocol):
    """The Dapr sidecar; every method raises ``SidecarUnavailable``."""

    async def check(self) -> None:
        """Return when it is ready for work."""

    async def state(self) -> SidecarState:
        """Return what it tells of itself."""

    async def secret(self, store: str, name: str) -> Mapping[str, str]:
        """Return the values of a secret by their names."""


class Salts(Protocol):
    """Keeps a random value for each name, until it is forgotten or was not asked for in a long time."""

    async def salts(self, names: Sequence[str], fresh: Sequence[bytes], today: int) -> list[bytes]:
        """Return the salt of each name; where there is none, the fresh one is kept."""

    async def salt(self, name: str) -> bytes | None:
        """Return the salt of a name, None where there is none."""

    async def forget_salt(self, name: str) -> bool:
        """Destroy the salt of a name; tell whether there was one."""

    async def trim_salts(self, unused_since: int) -> None:
        """Destroy the salts that were last asked for before a day."""


class Witness(Protocol):
    """Remembers, outside the store, how far the audit trail had come."""

    def last(self) -> Link | None:
        """Return the newest row that it was told of."""

    def tell(self, head: Link) -> None:
        """Remember the newest row."""
