"""The state as one consumer of a stream changes it, over Redis: every step on the instance that the batch began on."""

from collections.abc import Sequence
from operator import itemgetter

from ..domain.events import Event, EventStatus
from ..domain.outcomes import WINDOW_SIZE
from ..ports import Derivable, Offsets, Partition, Retention, Snapshot, Written
from ..state_manager import StateKeyPatterns
from .packing import split_outcomes, unpack_aggregates
from .redis_client import redis_errors, run_id_of
from .redis_store import PIPELINE, RedisStore

_DAY_S = 86_400
_ORDER = itemgetter(0, 1, 2)
"""Of an outcome: occurred time, event id, position in the event."""
_WRITTEN = {1: Written.WRITTEN, 0: Written.CHANGED, -1: Written.GONE}


class RedisStream:
    """The port of a stream's state, over a store that does not follow to another instance."""

    def __init__(self, store: RedisStore, *, retention: Retention) -> None:
        self._store = store
        self._lifetime_s = retention.state_days * _DAY_S
        self._run_id = ""

    async def begin(self) -> None:
        """Meet Redis as it is now."""
        self._run_id = (await self._store.identify()).run_id

    async def is_same(self) -> bool:
        """Tell whether it still is the instance that ``begin`` met."""
        with redis_errors():
            return await run_id_of(self._store.client) == self._run_id

    async def apply(self, events: Sequence[Event], now_us: int) -> list[EventStatus]:
        """Apply a batch."""
        return await self._store.apply(events, now_us)

    async def offsets(self, partition: Partition) -> Offsets:
        """Return the offsets of a partition."""
        ((applied, published),) = await self._store.run("offsets", [([_key(partition)], [])])
        return Offsets(int(applied) if applied else None, int(published) if published else None)

    async def move_applied(self, partition: Partition, expected: int | None, end: int) -> bool:
        """Move the applied offset if it is the one expected; tell whether it was."""
        arguments = ["applied", "" if expected is None else expected, end]
        return await self._store.run("offset", [([_key(partition)], arguments)]) == [1]

    async def move_published(self, partition: Partition, end: int) -> int:
        """Move the published offset, never backwards; return where it is."""
        (now,) = await self._store.run("offset", [([_key(partition)], ["published", "max", end])])
        return int(now)

    async def read(self, students: Sequence[str]) -> list[Derivable | None]:
        """Return what results are derived from, None for a student without state."""
        patterns = (StateKeyPatterns.EVIDENCE, StateKeyPatterns.OTHERS, StateKeyPatterns.TOLD)
        found: list[Derivable | None] = []
        for start in range(0, len(students), PIPELINE):
            calls = [
                ([pattern.format(student_id=student_id) for pattern in patterns], list[object]())
                for student_id in students[start : start + PIPELINE]
            ]
            found += [_derivable(result) for result in await self._store.run("read", calls)]
        return found

    async def finish(self, snapshots: Sequence[Snapshot]) -> list[Written]:
        """Keep what was derived of each student whose state still has the version derived from."""
        written: list[Written] = []
        for start in range(0, len(snapshots), PIPELINE):
            calls = [
                (
                    [StateKeyPatterns.EVIDENCE.format(student_id=snapshot.student_id), *snapshot.values],
                    [snapshot.version, self._lifetime_s, *snapshot.values.values()],
                )
                for snapshot in snapshots[start : start + PIPELINE]
            ]
            written += [_WRITTEN[result] for result in await self._store.run("remember", calls)]
        return written


def _key(partition: Partition) -> str:
    return StateKeyPatterns.OFFSETS.format(
        cluster_id=partition.cluster_id, topic_id=partition.topic_id, partition=partition.number
    )


def _derivable(fields: list[bytes]) -> Derivable | None:
    if not fields:
        return None
    version, events, body, number, others, told = fields
    # More outcomes may be stored, in any order, than a window holds.
    window = sorted(split_outcomes(others, int(number)), key=_ORDER)[-WINDOW_SIZE:]
    return Derivable(
        version=int(version),
        events=int(events),
        aggregates=unpack_aggregates(body),
        others=tuple(window),
        told=told or None,
    )
