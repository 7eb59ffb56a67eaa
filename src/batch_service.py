"""The use cases of batch jobs: make one, look how far it is, read its results, stop it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from secrets import token_hex

import msgspec

from .batch_answers import BatchAnswer, BatchResults, batch_answer, item_answer
from .domain.batches import MAX_OPEN_BATCHES, BatchKind, BatchSpec, Configuration
from .domain.days import from_date
from .domain.model import MasteryModel
from .errors import BadRequest, Conflict, Forbidden, NotFound, Reason
from .observability import Metrics, correlation_id
from .ports import Admission, BatchJob, BatchStore, Clock, CohortStore, NewBatch
from .rights import Rights
from .security import Principal, Role
from .state_manager import StateManager

CHECKED_TOGETHER = 8
"""So many students are looked up at once: each look-up may take a connection of the pool."""


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What is asked: about the students listed, or about those of a cohort."""

    kind: BatchKind
    student_ids: tuple[str, ...] = ()
    cohort_id: str | None = None
    as_of: date | None = None
    configuration: Configuration | None = None


class BatchService:
    """Makes batch jobs for those who may read every student in them; a worker does them.

    A job is readable by who made it and by admins; to others there is no difference between one and none. ``wake``
    tells the worker of this process that there is something to do.
    """

    def __init__(
        self,
        store: BatchStore,
        *,
        rights: Rights,
        cohorts: CohortStore,
        state: StateManager,
        model: MasteryModel,
        metrics: Metrics,
        clock: Clock,
        wake: Callable[[], object],
    ) -> None:
        self._store = store
        self._rights = rights
        self._cohorts = cohorts
        self._state = state
        self._model = model
        self._metrics = metrics
        self._clock = clock
        self._wake = wake

    async def create(self, who: Principal, request: BatchRequest, *, key: str | None = None) -> BatchAnswer:
        """Queue a job, or return the one made with the same key; raises ``Conflict`` for the key with other content."""
        spec = self._spec(who, request)
        students = await self._students(who, request)
        new = NewBatch(
            batch_id=token_hex(16),
            spec=spec,
            students=students,
            content=_digest(msgspec.json.encode(request)),
            request_key=None if key is None else _digest(who.user_id.encode(), key.encode()),
        )
        admission, batch_id = await self._store.create(new, most_open=MAX_OPEN_BATCHES)
        _check(admission)
        if admission is Admission.CREATED:
            self._metrics.batches.labels(request.kind, "queued").inc()
        self._wake()
        return batch_answer(await self._found(who, batch_id))

    async def status(self, who: Principal, batch_id: str) -> BatchAnswer:
        """Return how far a job is; raises ``Forbidden``, and ``NotFound`` to an admin."""
        return batch_answer(await self._found(who, batch_id))

    async def results(self, who: Principal, batch_id: str, *, limit: int, cursor: str | None) -> BatchResults:
        """Return a page of the results that there are by now."""
        await self._found(who, batch_id)
        page = await self._store.page(batch_id, -1 if cursor is None else _position(cursor), limit + 1)
        following = page[limit - 1][0] if len(page) > limit else None
        shown = tuple(item_answer(item) for _, item in page[:limit])
        return BatchResults(shown, None if following is None else _cursor(following))

    async def unfinished(self, limit: int) -> tuple[BatchAnswer, ...]:
        """Return the jobs of everybody that are not ended, oldest first; for admins."""
        found = [await self._store.find(batch_id) for batch_id in await self._store.unfinished(limit)]
        return tuple(batch_answer(job) for job in found if job is not None and job.progress.finished_us is None)

    async def cancel(self, who: Principal, batch_id: str) -> BatchAnswer:
        """Stop a job; one that is ended stays as it is."""
        job = await self._found(who, batch_id)
        if await self._store.cancel(batch_id, self._clock()):
            self._metrics.batches.labels(job.spec.kind, "cancelled").inc()
        return batch_answer(await self._found(who, batch_id))

    def _spec(self, who: Principal, request: BatchRequest) -> BatchSpec:
        today = self._state.today()
        as_of = today if request.as_of is None else from_date(request.as_of)
        if as_of > today:
            detail = "The day asked for is in the future."
            raise BadRequest(detail, [Reason("as_of", "must not be after today")])
        return BatchSpec(
            kind=request.kind,
            requester=who.user_id,
            correlation_id=correlation_id.get(),
            created_us=self._clock(),
            as_of=as_of,
            kept_from=self._state.kept_from(),
            current=Configuration.of(self._model),
            proposed=request.configuration,
        )

    async def _students(self, who: Principal, request: BatchRequest) -> tuple[str, ...]:
        """Return the students that the job is about, each once; raises ``Forbidden`` unless all may be read."""
        if request.cohort_id is None:
            students = tuple(dict.fromkeys(request.student_ids))
            await self._check_students(who, students)
            return students
        await self._rights.check_cohort(who, request.cohort_id)
        found = await self._cohorts.get(request.cohort_id)
        if found is None:
            detail = "There is no such cohort."
            raise NotFound(detail)
        return tuple(sorted(found.cohort.students))

    async def _check_students(self, who: Principal, students: Sequence[str]) -> None:
        for at in range(0, len(students), CHECKED_TOGETHER):
            part = students[at : at + CHECKED_TOGETHER]
            await asyncio.gather(*(self._rights.check_student(who, student_id) for student_id in part))

    async def _found(self, who: Principal, batch_id: str) -> BatchJob:
        job = await self._store.find(batch_id)
        if who.has(Role.ADMIN):
            if job is None:
                detail = "There is no such job."
                raise NotFound(detail)
            return job
        if job is None or job.spec.requester != who.user_id:
            detail = "You may not read this job."
            raise Forbidden(detail)
        return job


def _check(admission: Admission) -> None:
    if admission is Admission.CONFLICT:
        detail = "Something else was asked with this Idempotency-Key before."
        raise Conflict(detail, [Reason("Idempotency-Key", "was used with other content")])
    if admission is Admission.FULL:
        detail = f"You have {MAX_OPEN_BATCHES} unfinished jobs: wait until one is ended, or cancel one."
        raise Conflict(detail, [Reason("", f"at most {MAX_OPEN_BATCHES} unfinished jobs at a time")])


def _digest(*parts: bytes) -> str:
    return sha256(b"\0".join(parts)).hexdigest()


def _cursor(position: int) -> str:
    return position.to_bytes(4, "big").hex()


def _position(cursor: str) -> int:
    try:
        given = bytes.fromhex(cursor)
    except ValueError:
        given = b""
    if len(given) != 4:  # noqa: PLR2004  # as _cursor writes it
        detail = "The cursor is not one that this service gave."
        raise BadRequest(detail, [Reason("cursor", "is not a cursor of this list")])
    return int.from_bytes(given, "big")
