"""Erasing students from Redis, and who was erased.

Erasing looks at no key but the student's own: the names of most are known, and those of the checkpoints stand in lists.
Only to verify it, and to apply the ledger to another instance, all keys are looked through.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import timedelta

import msgspec

from ..domain.days import day_of, to_date
from ..domain.erasures import Erasure
from ..domain.evidence import Component
from ..ports import Clock, Retention
from ..state_manager import StateKeyPatterns
from .redis_change import INDEX_SLACK_DAYS
from .redis_client import Instance, redis_errors
from .redis_store import PIPELINE, RedisStore

_SCANNED = 2000
_PREFIXES = ("student:", "prediction:")
_PACKED = (StateKeyPatterns.EVIDENCE, StateKeyPatterns.ANSWERS, StateKeyPatterns.OTHERS, StateKeyPatterns.COUNTED)
_SINGLE = (*_PACKED, StateKeyPatterns.TOLD, StateKeyPatterns.PREDICTION)


class RedisErasures:
    """The port of erasure over Redis."""

    def __init__(self, store: RedisStore, *, retention: Retention, clock: Clock) -> None:
        self._store = store
        self._retention = retention
        self._pseudonym = store.pseudonym
        self._key = store.keys.of
        self._student = store.keys.student
        self._clock = clock

    async def erasure(self, student_id: str) -> Erasure | None:
        """Return the marker of a student, None for one who was never erased."""
        [marker] = await self._store.markers([self._pseudonym(student_id)])
        return Erasure.decoded(marker) if marker else None

    async def erase(self, student_id: str, erasure: Erasure) -> int:
        """Delete a student's state and set the marker in one step; return how many keys went.

        Where the marker is newer, or tells of consent after this very erasure, nothing is done.
        """
        return await self._erase(student_id, erasure)

    async def sweep(self) -> None:
        """Return at once: the files of Redis are its own, and written anew by it."""

    async def enforce(self, erasures: Mapping[str, Erasure], instance: Instance | None = None) -> int:
        """Erase, by pseudonym, whoever has an older marker or none; return how many students had a state.

        With an ``instance`` there, and on no other: before the store itself goes on with it.
        """
        older = await self._with_older_markers(erasures)
        if not older:
            return 0
        found = await self._keys_of(older)
        for student_id, keys in found.items():
            await self._erase(student_id, erasures[self._pseudonym(student_id)], keys, instance)
        absent = older - {self._pseudonym(student_id) for student_id in found}
        for pseudonym in absent:
            await self._run([self._store.marker_key(pseudonym)], erasures[pseudonym], 0, instance)
        return len(found)

    async def export(self, student_id: str) -> object | None:
        """Return everything stored about a student, by key; None where nothing is."""
        keys = sorted([key async for key in self._scan(student_id)])
        if not keys:
            return None
        state = await self._store.state(student_id)
        shown = {} if state is None else {**state.canonical(), "events": state.events}
        packed = {self._key(pattern, student_id) for pattern in _PACKED}
        values: dict[str, object] = {}
        for start in range(0, len(keys), PIPELINE):
            values |= await self._values([key for key in keys[start : start + PIPELINE] if key not in packed])
        return {**shown, "values": values}

    async def remains(self, student_id: str) -> int:
        """Return how many keys there are of a student, found by looking through all."""
        return len({key async for key in self._scan(student_id)})

    async def _erase(
        self, student_id: str, erasure: Erasure, others: Iterable[str] = (), instance: Instance | None = None
    ) -> int:
        lists = self._lists(student_id)
        keys = dict.fromkeys([*self._names(student_id), *(key for key in others if key not in lists)])
        marker = self._store.marker_key(self._pseudonym(student_id))
        return max(0, await self._run([marker, *lists, *keys], erasure, len(lists), instance))

    async def _run(self, keys: list[str], erasure: Erasure, lists: int, instance: Instance | None) -> int:
        calls = [(keys, [erasure.encoded(), erasure.number, lists])]
        if instance is None:
            [gone] = await self._store.follow("erase", calls)
        else:
            [gone] = await self._store.run("erase", calls, instance)
        return int(gone)

    def _lists(self, student_id: str) -> list[str]:
        """Return the names of the lists in which the checkpoints are named."""
        days = self._retention.checkpoint_days + INDEX_SLACK_DAYS
        return [self._key(StateKeyPatterns.EVENTS, student_id, date=date) for date in self._dates(days)]

    def _names(self, student_id: str) -> list[str]:
        """Return the names of all other keys that a student may have."""
        names = [self._key(pattern, student_id) for pattern in _SINGLE]
        for date in self._dates(self._retention.state_days):
            names.append(self._key(StateKeyPatterns.MASTERY, student_id, date=date))
            names += [
                self._key(StateKeyPatterns.COMPONENT, student_id, date=date, component=component)
                for component in Component
            ]
        return names

    def _dates(self, days: int) -> list[str]:
        """Return the dates of the last days; tomorrow's too, since clocks differ a little."""
        tomorrow = to_date(day_of(self._clock()) + 1)
        return [(tomorrow - timedelta(days=back)).isoformat() for back in range(days + 2)]

    async def _with_older_markers(self, erasures: Mapping[str, Erasure]) -> set[str]:
        markers = await self._store.markers(erasures)
        return {
            pseudonym
            for (pseudonym, erasure), marker in zip(erasures.items(), markers, strict=True)
            if erasure.supersedes(Erasure.decoded(marker) if marker else None)
        }

    async def _keys_of(self, pseudonyms: set[str]) -> dict[str, list[str]]:
        """Return the keys of those students, by id."""
        wanted: dict[str, bool] = {}
        found: defaultdict[str, list[str]] = defaultdict(list)
        async for key in self._all_keys():
            student_id = self._student(key)
            if student_id not in wanted:
                wanted[student_id] = self._pseudonym(student_id) in pseudonyms
            if wanted[student_id]:
                found[student_id].append(key)
        return found

    async def _scan(self, student_id: str) -> AsyncIterator[str]:
        async for key in self._all_keys(self._key("*:{student_id}:*", student_id)):
            if self._student(key) == student_id:
                yield key

    async def _all_keys(self, pattern: str = "*") -> AsyncIterator[str]:
        """Yield the keys of all students, some perhaps twice."""
        with redis_errors():
            async for key in self._store.client.scan_iter(match=pattern, count=_SCANNED):
                name = key.decode()
                if name.startswith(_PREFIXES):
                    yield name

    async def _values(self, keys: list[str]) -> dict[str, object]:
        """Return what lies under keys, in terms that JSON has."""
        with redis_errors():
            async with self._store.client.pipeline(transaction=False) as pipeline:
                for key in keys:
                    if key.startswith(self._key(StateKeyPatterns.EVENTS, self._student(key), date="")):
                        pipeline.lrange(key, 0, -1)
                    else:
                        pipeline.get(key)
                found = await pipeline.execute()
        return {
            key: [_readable(part) for part in value] if isinstance(value, list) else _readable(value)
            for key, value in zip(keys, found, strict=True)
        }


def _readable(value: bytes | None) -> object:
    """Return a value as JSON where it is some, as text where it is that, else as hexadecimal digits."""
    try:
        return msgspec.json.decode(value or b"null")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    try:
        return (value or b"").decode()
    except UnicodeDecodeError:
        return (value or b"").hex()
