"""Telling what follows from events that were counted here and not by a consumer of the topic: derive, publish, mark.

The order is that of ``stream_service``: what was told of a student is marked last, in one step with the snapshots of
the day, and only if the state still is the one derived from.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TypeAlias

from .domain.days import day_of, from_date
from .domain.model import MasteryModel
from .ports import Clock, Derivable, DerivableEvidence, Publisher, Retention, Snapshot
from .results import Derived, Frame, derive, told
from .state_manager import StateKeyPatterns, StateManager, snapshot_values

AT_ONCE = 100
"""So many students are derived before they are published."""
IN_PASSING = 10
"""So many in a sweep, which gives way to requests in between."""
MAX_ROUNDS = 10
_Causes: TypeAlias = Mapping[str, Mapping[str, int]]


class Teller:
    """Tells of students whose state has changed; where there is no topic of results, ``only_notices``."""

    def __init__(
        self,
        evidence: DerivableEvidence,
        publisher: Publisher,
        *,
        model: MasteryModel,
        retention: Retention,
        clock: Clock,
        only_notices: bool = False,
    ) -> None:
        self._evidence = evidence
        self._publisher = publisher
        self._model = model
        self._retention = retention
        self._clock = clock
        self._only_notices = only_notices
        self._under_way: Counter[str] = Counter()

    async def tell(self, causes: _Causes) -> None:
        """Tell what follows for each student; where nothing does, nothing but results is published."""
        students = iter(causes)
        while some := list(islice(students, AT_ONCE)):
            await self._tell({student_id: causes[student_id] for student_id in some})

    @contextmanager
    def expecting(self, students: Iterable[str]) -> Iterator[None]:
        """Have a sweep leave students alone for as long as the block takes: they are told of in it."""
        once = dict.fromkeys(students, 1)
        self._under_way.update(once)
        try:
            yield
        finally:
            self._under_way.subtract(once)
            self._under_way += Counter()  # drops who is at zero

    async def sweep(self, state: StateManager) -> None:
        """Tell of every student what a process that died has not: they were counted and not told of."""
        some: list[str] = []
        async for student_id in state.students():
            some.append(student_id)
            if len(some) == IN_PASSING:
                await self._sweep(some)
                some = []
        await self._sweep(some)

    async def _sweep(self, students: Sequence[str]) -> None:
        # Who is being told of is left to it: the same under another id would look like something else.
        await self._tell({student_id: {} for student_id in students if student_id not in self._under_way})
        await asyncio.sleep(0)

    async def _tell(self, causes: _Causes) -> None:
        left = dict(causes)
        for _ in range(MAX_ROUNDS):
            if not left:
                return
            derived = await self._derive(left)
            await self._publisher.publish([m for _, one in derived.values() for m in one.messages])
            snapshots = [_snapshot(student_id, *found) for student_id, found in derived.items()]
            written = await self._evidence.remember(snapshots, self._clock())
            # Somebody has changed the others meanwhile; a student who is gone is derived no more.
            left = {one: left[one] for one, kept in zip(derived, written, strict=True) if not kept}

    async def _derive(self, causes: _Causes) -> dict[str, tuple[int, Derived]]:
        today = day_of(self._clock())
        frame = Frame(self._model, today, self._retention.kept_from(today))
        states = await self._evidence.derivable(list(causes))
        return {
            student_id: (state.version, self._one(student_id, state, causes[student_id], frame))
            for student_id, state in zip(causes, states, strict=True)
            if state is not None
        }

    def _one(self, student_id: str, state: Derivable, causes: Mapping[str, int], frame: Frame) -> Derived:
        return derive(
            student_id, state, causes or _newest(state), told(state.told), frame, only_notices=self._only_notices
        )


def _newest(state: Derivable) -> Mapping[str, int]:
    """Return the newest act that is known: as a rule what was counted last, so that its notices have the same ids."""
    return {outcome.event_id: outcome.occurred_us for outcome in state.others[-1:]}


def _snapshot(student_id: str, version: int, derived: Derived) -> Snapshot:
    values = snapshot_values(from_date(derived.today.as_of), derived.today)
    values[StateKeyPatterns.TOLD] = derived.told.encoded()
    return Snapshot(student_id, version, values)
