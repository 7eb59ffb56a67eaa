"""The state as one consumer of a stream changes it, over Redis: every step on the instance that the batch began on.

The servers of a cluster lose their last writes each for itself. So each has offsets of its own, which tell what of its
own students it holds: they are moved on every server after what the batch writes there, and the lowest counts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..domain.days import day_of
from ..domain.erasures import Erasure
from ..domain.events import Event, EventStatus
from ..errors import InstanceChanged
from ..ports import Clock, Derivable, Offsets, Partition, Retention, Snapshot, Verdict, Written, wall_clock
from ..state_manager import StateKeyPatterns
from .redis_change import INDEX_SLACK_DAYS
from .redis_client import Instance, is_same, redis_errors
from .redis_erasures import RedisErasures
from .redis_store import PIPELINE, RedisStore, derivable

_DAY_S = 86_400
_WRITTEN = {1: Written.WRITTEN, 0: Written.CHANGED, -1: Written.GONE}


class RedisStream:
    """The port of a stream's state, over a store that does not follow to another instance."""

    def __init__(self, store: RedisStore, *, retention: Retention, clock: Clock = wall_clock) -> None:
        self._store = store
        self._clock = clock
        self._erasures = RedisErasures(store, retention=retention, clock=clock)
        self._lifetime_s = retention.state_days * _DAY_S
        self._verdict_s = retention.checkpoint_days * _DAY_S
        self._instance: Instance | None = None
        self._shards: list[str] = []
        # What the applied offset of a partition was on each server when this consumer last read or moved it.
        self._seen: dict[Partition, list[int | None]] = {}

    async def begin(self) -> None:
        """Meet Redis as it is now."""
        self._instance = await self._store.identify()
        self._shards = [server.shard.prefix for server in self._instance.servers]
        self._seen.clear()

    async def is_same(self) -> bool:
        """Tell whether it still is the instance that ``begin`` met."""
        with redis_errors():
            return self._instance is not None and await is_same(self._store.client, self._instance)

    async def enforce(self, erasures: Mapping[str, Erasure]) -> int:
        """Erase whoever has an older marker or none, as the store that does not follow: on this instance only."""
        return await self._erasures.enforce(erasures)

    async def apply(self, events: Sequence[Event], now_us: int) -> list[EventStatus]:
        """Apply a batch."""
        return await self._store.apply(events, now_us)

    async def tell(self, verdicts: Sequence[Verdict]) -> None:
        """Keep verdicts for as long as checkpoints are kept."""
        for start in range(0, len(verdicts), PIPELINE):
            calls: list[tuple[list[str], list[Any]]] = [
                (
                    self._store.verdict_keys(one, day_of(self._clock())),
                    [one.status, self._verdict_s, one.received_us, self._verdict_s + INDEX_SLACK_DAYS * _DAY_S],
                )
                for one in verdicts[start : start + PIPELINE]
            ]
            await self._store.run("verdict", calls)

    async def offsets(self, partition: Partition) -> Offsets:
        """Return the offsets of a partition: the lowest that a server has, none where one has none."""
        found = await self._store.run("offsets", [([key], []) for key in self._keys(partition)])
        applied, published = ([int(one) if one else None for one in column] for column in zip(*found, strict=True))
        self._seen[partition] = applied
        return Offsets(_lowest(applied), _lowest(published))

    async def move_applied(self, partition: Partition, expected: int | None, end: int) -> bool:
        """Move the applied offset if it is the one expected; tell whether it was.

        A server that is ahead of the others was seen there, and stays there until they have caught up.
        """
        keys = self._keys(partition)
        seen = self._seen.get(partition, [])
        if not seen or _lowest(seen) != expected:
            seen = [expected] * len(keys)
        ends = [max(one or 0, end) for one in seen]
        calls = [
            ([key], ["applied", "" if one is None else one, to]) for key, one, to in zip(keys, seen, ends, strict=True)
        ]
        moved = all(await self._store.run("offset", calls))
        if moved:
            self._seen[partition] = list(ends)
        return moved

    async def move_published(self, partition: Partition, end: int) -> int:
        """Move the published offset, never backwards; return where it is."""
        calls = [([key], ["published", "max", end]) for key in self._keys(partition)]
        return min(map(int, await self._store.run("offset", calls)))

    async def read(self, students: Sequence[str]) -> list[Derivable | None]:
        """Return what results are derived from, None for a student without state."""
        patterns = (StateKeyPatterns.EVIDENCE, StateKeyPatterns.OTHERS, StateKeyPatterns.TOLD)
        key_of = self._store.keys.of
        found: list[Derivable | None] = []
        for start in range(0, len(students), PIPELINE):
            some = students[start : start + PIPELINE]
            held = [self._store.held(student_id) for student_id in some]
            calls = [
                ([key_of(pattern, student_id) for pattern in patterns], ["" if one is None else one.version])
                for student_id, one in zip(some, held, strict=True)
            ]
            found += map(derivable, await self._store.run("read", calls), held)
        return found

    async def finish(self, snapshots: Sequence[Snapshot]) -> list[Written]:
        """Keep what was derived of each student whose state still has the version derived from."""
        written: list[Written] = []
        for start in range(0, len(snapshots), PIPELINE):
            calls = [
                (
                    self._store.snapshot_keys(snapshot),
                    [snapshot.version, self._lifetime_s, *snapshot.values.values()],
                )
                for snapshot in snapshots[start : start + PIPELINE]
            ]
            written += [_WRITTEN[result] for result in await self._store.run("remember", calls)]
        return written

    def _keys(self, partition: Partition) -> list[str]:
        """Return where the offsets of a partition are kept, on each server."""
        if not self._shards:
            message = "No instance was met yet."
            raise InstanceChanged(message)
        return [
            StateKeyPatterns.OFFSETS.format(
                shard=shard,
                cluster_id=partition.cluster_id,
                topic_id=partition.topic_id,
                partition=partition.number,
            )
            for shard in self._shards
        ]


def _lowest(offsets: Sequence[int | None]) -> int | None:
    """Return the lowest, None where one is missing."""
    known = [offset for offset in offsets if offset is not None]
    return min(known) if len(known) == len(offsets) else None
