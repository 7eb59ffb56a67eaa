"""The store over Redis: a student's packed state under a few keys, changed by one script when its version still holds.

The sums are worked out here, from the state as it was read, and written only if the version is the one that was read;
else the student is read again. So the server has little to do for each event, and a lost answer costs a second look:
the events are then found counted.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import islice
from typing import Any, TypeAlias, TypeVar, cast

from cachetools import LRUCache

from ..domain.aggregates import Aggregates
from ..domain.days import day_of, to_date
from ..domain.erasures import Erasure, Pseudonym
from ..domain.events import Event, EventStatus, digest64
from ..domain.outcomes import Outcome, Recent
from ..domain.state import StudentState
from ..errors import BrokerUnavailable, InstanceChanged, StoreUnavailable
from ..ports import Derivable, Retention, Snapshot, Verdict, Versioned
from ..state_manager import PLAIN, Keys, StateKeyPatterns
from .packing import is_counted, newest_outcomes, split_outcomes, unpack_aggregates, unpack_counted
from .redis_capacity import await_disk, can_await_disk, check_awaited, check_memory
from .redis_change import Held, Part, change, must_rewrite
from .redis_client import SCRIPTS, Client, Instance, identify, is_same, raise_first, redis_errors
from .redis_cluster import tag_of

PIPELINE = 100
MAX_CALLS, MAX_VALUES = 50, 2000
"""One command is for so many students or keys and values: Redis does nothing else meanwhile."""
AT_ONCE = 2
"""So many pipelines are under way at once: what one writes is worked out while Redis works on the other."""
HELD_BYTES = 20_000_000
"""The memory that students held may take, about."""
MAX_ROUNDS = 20
Call: TypeAlias = tuple[list[str], list[Any]]
"""The keys and the arguments with which a script is run."""

_DAY_S = 86_400
_T = TypeVar("_T")
_PACKED = (StateKeyPatterns.EVIDENCE, StateKeyPatterns.ANSWERS, StateKeyPatterns.OTHERS, StateKeyPatterns.COUNTED)


class RedisStore:
    """Both ports of the store over one Redis or a cluster; open it with ``open_redis_store``.

    One that ``follows`` goes on with another instance where it meets one; else it raises ``InstanceChanged``. One that
    ``syncs`` returns from ``apply`` when what it wrote is on the disk, where Redis can tell.
    """

    def __init__(
        self,
        client: Client,
        *,
        retention: Retention,
        new_version: Callable[[], int],
        pseudonym: Pseudonym,
        keys: Keys = PLAIN,
        follows: bool = True,
        syncs: bool = False,
        held_bytes: int = HELD_BYTES,
    ) -> None:
        self.client = client
        self.keys = keys
        self._retention = retention
        self._new_version = new_version
        self.pseudonym = pseudonym
        self._follows = follows
        self._syncs = syncs
        self._awaits_disk = False
        self._instance: Instance | None = None
        self.on_meeting: Callable[[Instance], Awaitable[object]] | None = None
        """What has to be done on another instance before anything is written there."""
        self._held: LRUCache[str, Held] = LRUCache(held_bytes, getsizeof=lambda held: min(held.size, held_bytes))

    # -- the store of evidence

    async def apply(self, events: Sequence[Event], now_us: int) -> list[EventStatus]:
        """Apply a batch, every student's part in one atomic step."""
        parts: dict[str, Part] = {}
        for position, event in enumerate(events):
            part = parts.setdefault(event.student_id, Part())
            part.positions.append(position)
            part.events.append(event)
        students = list(parts)
        some = [students[start : start + PIPELINE] for start in range(0, len(students), PIPELINE)]
        await _each(some, lambda chosen: self._apply({student: parts[student] for student in chosen}, now_us))
        statuses = [EventStatus.DUPLICATE] * len(events)
        for part in parts.values():
            for position, status in zip(part.positions, part.statuses, strict=True):
                statuses[position] = status
        return statuses

    async def version(self, student_id: str) -> int | None:
        """Return the version of a student's state, None where there is none."""
        with redis_errors():
            version = await self.client.hget(self.keys.of(StateKeyPatterns.EVIDENCE, student_id), "version")
        return None if version is None else int(version)

    async def aggregates(self, student_id: str) -> Versioned | None:
        """Return the aggregates of a student with their version."""
        with redis_errors():
            version, body = await self.client.hmget(
                self.keys.of(StateKeyPatterns.EVIDENCE, student_id), ("version", "body")
            )
        return None if version is None or body is None else Versioned(int(version), unpack_aggregates(_bytes(body)))

    async def recent(self, student_id: str) -> Recent:
        """Return the recent outcomes of a student, empty where there are none."""
        (found,) = await self.follow("windows", [(self._keys(student_id)[:3], [])])
        return _window(found)

    async def status(self, student_id: str, event_id: str) -> EventStatus | None:
        """Return what became of an event, None where nothing is known of it."""
        with redis_errors():
            counted = await self.client.get(self.keys.of(StateKeyPatterns.COUNTED, student_id))
            verdict = await self.client.get(self.keys.of(StateKeyPatterns.VERDICT, student_id, event_id=event_id))
        status = None if verdict is None else EventStatus(_bytes(verdict).decode())
        if status is EventStatus.CONFLICT or counted is None:
            return status
        return EventStatus.APPLIED if is_counted(_bytes(counted), digest64(event_id.encode())) else status

    async def derivable(self, students: Sequence[str]) -> list[Derivable | None]:
        """Return what results are derived from, None for a student without state."""
        patterns = (StateKeyPatterns.EVIDENCE, StateKeyPatterns.OTHERS, StateKeyPatterns.TOLD)
        calls: list[Call] = [([self.keys.of(pattern, one) for pattern in patterns], [""]) for one in students]
        return [derivable(found) for found in await self.follow("read", calls)]

    async def remember(self, snapshots: Sequence[Snapshot], now_us: int) -> list[bool]:
        """Keep snapshots of states that have not changed since."""
        del now_us
        kept = timedelta(days=self._retention.state_days)
        written: list[bool] = []
        for start in range(0, len(snapshots), PIPELINE):
            calls = [
                (
                    self.snapshot_keys(snapshot),
                    [snapshot.version, _seconds(snapshot.lifetime or kept), *snapshot.values.values()],
                )
                for snapshot in snapshots[start : start + PIPELINE]
            ]
            written += [result == 1 for result in await self.follow("remember", calls)]
        return written

    # -- many students at once

    async def versions_of(self, students: Sequence[str]) -> list[int | None]:
        """Return the version of each student's state, None where there is none."""
        return [int(found[0]) if found else None for found in await self._fields_of("version", students)]

    async def aggregates_of(self, students: Sequence[str]) -> list[Aggregates | None]:
        """Return the aggregates of each student, None where there are none."""
        return [unpack_aggregates(found[0]) if found else None for found in await self._fields_of("body", students)]

    async def others_of(self, students: Sequence[str]) -> list[Recent]:
        """Return of each student the recent outcomes that are no answers."""
        return [Recent(others=one) for one in await self._window_of("others", StateKeyPatterns.OTHERS, students)]

    async def answers_of(self, students: Sequence[str]) -> list[Recent]:
        """Return of each student the recent outcomes that are answers."""
        return [Recent(answers=one) for one in await self._window_of("answers", StateKeyPatterns.ANSWERS, students)]

    async def _window_of(self, number: str, pattern: str, students: Sequence[str]) -> list[list[Outcome]]:
        patterns = (StateKeyPatterns.EVIDENCE, pattern)
        calls: list[Call] = [([self.keys.of(part, one) for part in patterns], [number]) for one in students]
        return [newest_outcomes(body, int(stored)) for stored, body in await self.follow("window", calls)]

    async def _fields_of(self, field: str, students: Sequence[str]) -> list[list[bytes]]:
        """Return one field of each student's state, in a list that is empty where there is none."""
        calls: list[Call] = [([self.keys.of(StateKeyPatterns.EVIDENCE, one)], [field]) for one in students]
        return await self.follow("field", calls)

    # -- maintenance

    async def ping(self) -> None:
        """Return when Redis answers, is set up not to forget, and has room."""
        if self._syncs and self._instance is None:
            await self.identify()  # which tells how safe what is acknowledged will be
        await check_memory(self.client)

    async def meet(self) -> None:
        """Look whether Redis still is the instance known, and go on with another where it is not."""
        with redis_errors():
            known = self._instance is not None and await is_same(self.client, self._instance)
        if not known:
            await self.identify()

    async def state(self, student_id: str) -> StudentState | None:
        """Return everything that is known of a student."""
        (found,) = await self.follow("state", [(self._keys(student_id), [])])
        if not found:
            return None
        events, body, *numbers, answers, others, counted = found
        days = {digest: day for day, digest in unpack_counted(counted)}
        return StudentState(unpack_aggregates(body), _recent(numbers, answers, others), days, int(events))

    async def snapshot(self, student_id: str, date: str) -> bytes | None:
        """Return the snapshot of a day, None where there is none."""
        with redis_errors():
            found = await self.client.get(self.keys.of(StateKeyPatterns.MASTERY, student_id, date=date))
        return None if found is None else _bytes(found)

    async def students(self) -> AsyncIterator[str]:
        """Yield every student id, sorted, after one walk over all keys."""
        for name in sorted(await self._names()):
            yield name

    async def trim(self, now_us: int) -> int:
        """Forget what retention no longer keeps; whole students expire by themselves."""
        kept_from = self._retention.kept_from(day_of(now_us))
        touched, left = 0, iter(await self._names())
        while some := list(islice(left, PIPELINE)):
            # Only those that have something to forget are read whole: it is few of them in an hour.
            first_days = await self._fields_of("first_day", some)
            stale = [
                name for name, found in zip(some, first_days, strict=True) if found and int(found[0] or 0) < kept_from
            ]
            parts = {name: Part() for name, one in (await self._read(stale)).items() if one.version}
            await self._apply(parts, now_us)
            touched += len(parts)
        return touched

    async def _names(self) -> set[str]:
        """Return the ids of all students, by one walk over all keys."""
        match = self.keys.of(StateKeyPatterns.EVIDENCE, "*")
        prefix, _, suffix = match.partition("*")
        with redis_errors():
            keys = {key.decode() async for key in self.client.scan_iter(match=match, count=1000)}
        return {key.removeprefix(prefix).removesuffix(suffix) for key in keys}

    # -- applying

    async def _apply(self, parts: dict[str, Part], now_us: int) -> None:
        """Work out and write the parts, and again for those students that somebody else changed meanwhile."""
        left = list(parts)
        for _ in range(MAX_ROUNDS):
            held = await self._take(left)
            try:
                left = await self._write(held, {student_id: parts[student_id] for student_id in left}, now_us)
            except InstanceChanged:
                if not self._follows:
                    raise
                await self.identify()
            if not left:
                await self._tell_conflicts(parts)
                return
        detail = "Others change the same students without end."
        raise StoreUnavailable(detail)

    async def _take(self, students: Sequence[str]) -> dict[str, Held]:
        """Return students as they are held, or as they are read now.

        They are held no longer: what is not written must not be, and two who work on the same must not share it.
        """
        held = {student_id: self._held.pop(student_id) for student_id in students if student_id in self._held}
        return held | await self._read([student_id for student_id in students if student_id not in held])

    async def _read(self, students: Sequence[str]) -> dict[str, Held]:
        """Read students; where there is no state, what is held of it is empty but for the marker of an erasure."""
        calls = [(self._keys(student_id), list[object]()) for student_id in students]
        return dict(zip(students, map(_loaded, await self.follow("load", calls)), strict=True))

    async def markers(self, pseudonyms: Iterable[str]) -> list[str]:
        """Return the markers of erasures, empty where there is none."""
        with redis_errors():
            async with self.client.pipeline(transaction=False) as pipeline:
                for pseudonym in pseudonyms:
                    pipeline.get(self.marker_key(pseudonym))
                return [(marker or b"").decode() for marker in await pipeline.execute()]

    async def _write(self, held: dict[str, Held], parts: dict[str, Part], now_us: int) -> list[str]:
        """Write every part whose student is still as held; return the other students."""
        kept_from = self._retention.kept_from(day_of(now_us))
        for student_id, part in parts.items():
            part.judge(held[student_id].counted, held[student_id].erased)
        rewritten = [student for student, part in parts.items() if must_rewrite(held[student], part, kept_from)]
        windows = dict(zip(rewritten, await self._windows(rewritten), strict=True))
        writing = {student_id: part for student_id, part in parts.items() if part.fresh or student_id in windows}
        calls, after = [], {}
        for student_id, part in writing.items():
            before = held[student_id]
            expected = before.version
            changed = change(
                before,
                part,
                now_us=now_us,
                retention=self._retention,
                version=self._new_version(),
                windows=windows.get(student_id),
            )
            fresh = list(part.fresh.values())
            keys = self._keys_applied(student_id, [event.event_id for event in fresh], day_of(now_us))
            checkpoint_s = self._retention.checkpoint_days * _DAY_S
            calls.append((keys, changed.arguments(expected, checkpoint_s, [event.content for event in fresh])))
            after[student_id] = changed.after
        results = dict(zip(after, await self.run("apply", calls), strict=True))
        unchanged = await self._same_version({s: one.version for s, one in held.items() if s not in writing})
        done = unchanged | {student_id for student_id, result in results.items() if result == 1}
        for student_id in done:
            # One without a state is read again, since its marker may change meanwhile.
            if (one := after.get(student_id, held[student_id])).version:
                self._held[student_id] = one
        return [student_id for student_id in parts if student_id not in done]

    async def _same_version(self, versions: dict[str, str]) -> set[str]:
        """Return the students whose version still is the one given."""
        with redis_errors():
            async with self.client.pipeline(transaction=False) as pipeline:
                for student_id in versions:
                    pipeline.hget(self.keys.of(StateKeyPatterns.EVIDENCE, student_id), "version")
                found = await pipeline.execute()
        return {
            student_id
            for (student_id, version), now in zip(versions.items(), found, strict=True)
            if (now or b"").decode() == version
        }

    async def _tell_conflicts(self, parts: dict[str, Part]) -> None:
        """Make those duplicates conflicts whose checkpoint has another content."""
        places = [
            (part, index)
            for part in parts.values()
            for index, status in enumerate(part.statuses)
            if status is EventStatus.DUPLICATE
        ]
        with redis_errors():
            async with self.client.pipeline(transaction=False) as pipeline:
                for part, index in places:
                    event = part.events[index]
                    pipeline.get(self.keys.of(StateKeyPatterns.EVENT, event.student_id, event_id=event.event_id))
                contents = await pipeline.execute()
        for (part, index), content in zip(places, contents, strict=True):
            if content is not None and int(content) != part.events[index].content:
                part.statuses[index] = EventStatus.CONFLICT

    async def _windows(self, students: Sequence[str]) -> list[Recent]:
        """Return the stored outcomes of students."""
        calls = [(self._keys(student_id)[:3], list[object]()) for student_id in students]
        return [_window(found) for found in await self.follow("windows", calls)]

    async def follow(self, script: str, calls: Sequence[Call]) -> list[Any]:
        """Run a script that itself looks whether it may, on another instance where this one follows to it."""
        try:
            return await self.run(script, calls)
        except InstanceChanged:
            if not self._follows:
                raise
            await self.identify()
            return await self.run(script, calls)

    async def run(self, script: str, calls: Sequence[Call], instance: Instance | None = None) -> list[Any]:
        """Run a script for each call, many in one command: on the instance given or last identified, on no other."""
        if not calls:
            return []
        instance = instance or self._instance or await self.identify()
        digest_at = instance.digest_of(script)
        waits = self._awaits_disk and script in {"apply", "erase"}
        with redis_errors():
            async with self.client.pipeline(transaction=False) as pipeline:
                for some in _commands(calls, 1 if instance.divided else MAX_CALLS):
                    keys = [key for one, _ in some for key in one]
                    arguments = [v for one, values in some for v in (len(one), len(values), *values)]
                    pipeline.evalsha(digest_at(keys[0]), len(keys), *keys, *arguments)
                if waits:
                    await_disk(pipeline)
                packed = raise_first(await pipeline.execute(raise_on_error=False))
        if waits:
            check_awaited(packed.pop())
        return [result for body in packed for result in SCRIPTS[script](body)]

    def held(self, student_id: str) -> Held | None:
        """Return a student as last written here, None where that is not held; only the version tells if it still is."""
        return self._held.get(student_id)

    async def identify(self) -> Instance:
        """Meet Redis as it is now; what was held of another instance is forgotten."""
        with redis_errors():
            instance = await identify(self.client)
            self._awaits_disk = self._syncs and await can_await_disk(self.client)
        if self.on_meeting is not None:
            try:
                await self.on_meeting(instance)
            except BrokerUnavailable as error:  # before it is known who was erased nobody may use what is here
                raise StoreUnavailable(error.detail) from error
        # Nothing read from another instance may be trusted, not even that its versions mean the same.
        self._held.clear()
        self._instance = instance
        return instance

    def snapshot_keys(self, snapshot: Snapshot) -> list[str]:
        """Return the keys that ``remember.lua`` takes, in its order."""
        return [self.keys.of(pattern, snapshot.student_id) for pattern in (StateKeyPatterns.EVIDENCE, *snapshot.values)]

    def marker_key(self, pseudonym: str) -> str:
        """Return the key of the marker of an erasure; in a cluster it lies in the slot of the student's own keys."""
        tag = f"{{{tag_of(self.pseudonym.slot(pseudonym))}}}:" if self.keys.tagged else ""
        return StateKeyPatterns.ERASURE.format(pseudonym=tag + pseudonym)

    def _keys(self, student_id: str) -> list[str]:
        """Return the keys that ``load.lua`` takes, in its order; the others take the first of them."""
        packed = [self.keys.of(pattern, student_id) for pattern in _PACKED]
        return [*packed, self.marker_key(self.pseudonym(student_id))]

    def _keys_applied(self, student_id: str, event_ids: Sequence[str], today: int) -> list[str]:
        """Return the keys that ``apply.lua`` takes, in its order."""
        checkpoint = self.keys.of(StateKeyPatterns.EVENT, student_id, event_id="")
        checkpoints = [checkpoint + event_id for event_id in event_ids]
        return [*self._keys(student_id), self._index_key(student_id, today), *checkpoints]

    def verdict_keys(self, verdict: Verdict, today: int) -> list[str]:
        """Return the keys that ``verdict.lua`` takes, in its order."""
        student_id = verdict.student_id
        key = self.keys.of(StateKeyPatterns.VERDICT, student_id, event_id=verdict.event_id)
        return [key, self.marker_key(self.pseudonym(student_id)), self._index_key(student_id, today)]

    def _index_key(self, student_id: str, today: int) -> str:
        return self.keys.of(StateKeyPatterns.EVENTS, student_id, date=to_date(today).isoformat())


@asynccontextmanager
async def open_redis_store(
    client: Client,
    *,
    retention: Retention,
    new_version: Callable[[], int],
    pseudonym: Pseudonym,
    keys: Keys = PLAIN,
    syncs: bool = False,
) -> AsyncIterator[RedisStore]:
    """Make a store over a Redis, and close its connections at the end; nothing is asked of Redis yet.

    ``new_version`` gives the version of a changed state; random, so that no state ever has the version of another.
    """
    try:
        yield RedisStore(
            client, retention=retention, new_version=new_version, pseudonym=pseudonym, keys=keys, syncs=syncs
        )
    finally:
        await client.aclose()


async def _each(some: Sequence[_T], work: Callable[[_T], Awaitable[None]]) -> None:
    """Do a work on each, on a few at once; where one fails the others are waited for before that is raised."""
    if len(some) == 1:
        await work(some[0])  # by itself, which needs no event loop
        return
    room = asyncio.Semaphore(AT_ONCE)

    async def one(chosen: _T) -> None:
        async with room:
            await work(chosen)

    raise_first(await asyncio.gather(*map(one, some), return_exceptions=True))


def derivable(fields: Sequence[bytes], held: Held | None = None) -> Derivable | None:
    """Return what ``read.lua`` has found, or what is held where only its version was."""
    if not fields:
        return None
    version, told, *state = fields
    if state:
        events, body, number, others, erased = state
        held = Held(
            version=version.decode(),
            events=int(events),
            aggregates=unpack_aggregates(body),
            others=int(number),
            recent=others,
            erased=erased.decode(),
        )
    assert held is not None  # noqa: S101  # its version was asked about
    return Derivable(
        version=int(version),
        events=held.events,
        aggregates=held.aggregates,
        others=tuple(newest_outcomes(held.recent, held.others)),
        told=told or None,
        erasures=Erasure.decoded(held.erased).number if held.erased else 0,
    )


def _seconds(lifetime: timedelta) -> int:
    return int(lifetime.total_seconds())


def _bytes(value: object) -> bytes:
    return cast("bytes", value)  # the client decodes nothing


def _loaded(found: Sequence[bytes]) -> Held:
    """Return what ``load.lua`` has found; where that is no state, only the marker that one would be made under."""
    marker, *state = found
    if not state:
        return Held(erased=marker.decode())
    version, events, body, answers, others, counted, recent = state
    sums = unpack_aggregates(body)
    return Held(version.decode(), int(events), sums, counted, int(answers), int(others), recent, marker.decode())


def _commands(calls: Sequence[Call], most: int) -> Iterator[Sequence[Call]]:
    """Divide calls into those that one command does, no more than so many."""
    start, values = 0, 0
    for at, (keys, arguments) in enumerate(calls):
        values += len(keys) + len(arguments)
        if at - start == most or (values > MAX_VALUES and at > start):
            yield calls[start:at]
            start, values = at, len(keys) + len(arguments)
    if calls:
        yield calls[start:]


def _window(found: Sequence[bytes]) -> Recent:
    answers, others, *bodies = found
    return _recent((answers, others), *bodies)


def _recent(numbers: Sequence[bytes | None], answers: bytes | None, others: bytes | None) -> Recent:
    """Return the windows; more outcomes may be stored, in any order, than a window holds."""
    recent = Recent()
    for number, body in zip(numbers, (answers, others), strict=True):
        recent.add(split_outcomes(body or b"", int(number or 0)))
    return recent
