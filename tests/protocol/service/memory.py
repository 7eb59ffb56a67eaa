"""The state of a stream in memory: whole events, folded when they are asked for; and a store of it that can forget."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from src.domain.erasures import Erasure, slot_of
from src.domain.events import Event, EventStatus
from src.domain.state import StudentState
from src.errors import StoreUnavailable
from src.ports import Derivable, Offsets, Partition, Snapshot, Verdict, Written
from src.state_manager import PLAIN, StateKeyPatterns
from tests.making import PSEUDONYM

from ..instance import Instance, lowest
from ..schedule import Chance, Loss
from .backend import Connected, Stored
from .seams import pause

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counted:
    """A student's events, in the order in which they were counted."""

    version: int
    events: tuple[Event, ...]

    def folded(self) -> StudentState:
        state = StudentState()
        for event in self.events:
            state.add(event)
        return state


class Crossing(Protocol):
    """The way to the store and back: does what is asked of the store, in one step."""

    async def __call__(self, act: Callable[[], T], /) -> T: ...


class MemoryStream:
    """The port of a stream's state, over an instance in memory, or over several that hold some students each."""

    def __init__(self, shards: Sequence[Instance], chance: Chance, crossing: Crossing) -> None:
        self._shards = shards
        self._chance = chance
        self._cross = crossing
        self._run: list[int | None] = [0 for _ in shards]
        self._seen: dict[Partition, list[int | None]] = {}

    @property
    def _told_by(self) -> Sequence[Instance]:
        """Return the shards that keep offsets."""
        return self._shards

    async def begin(self) -> None:
        self._run = [await self._cross(partial(run_of, shard)) for shard in self._shards]
        self._seen.clear()

    async def is_same(self) -> bool:
        return [await self._cross(partial(run_of, shard)) for shard in self._shards] == self._run

    async def enforce(self, erasures: Mapping[str, Erasure]) -> int:
        found = 0
        for name, erasure in erasures.items():
            shard = shard_at(PSEUDONYM.slot(name), self._shards)
            found += await self._fenced(shard, partial(enforce_in, shard, name, erasure))
        return found

    async def apply(self, events: Sequence[Event], now_us: int) -> list[EventStatus]:
        del now_us
        statuses: dict[int, EventStatus] = {}
        for student_id in dict.fromkeys(event.student_id for event in events):
            mine = [index for index, event in enumerate(events) if event.student_id == student_id]
            shard = shard_of(student_id, self._shards)
            found = await self._fenced(shard, partial(self._apply, shard, [events[index] for index in mine]))
            statuses.update(zip(mine, found, strict=True))
        return [statuses[index] for index in range(len(events))]

    def _apply(self, shard: Instance, events: Sequence[Event]) -> list[EventStatus]:
        student_id = events[0].student_id
        before = counted_of(student_id, shard)
        counted = {} if before is None else {event.event_id: event for event in before.events}
        statuses = []
        for event in events:
            if self._refuses(shard, event):
                statuses.append(EventStatus.REFUSED)
                continue
            known = counted.setdefault(event.event_id, event)
            same = EventStatus.DUPLICATE if known.content == event.content else EventStatus.CONFLICT
            statuses.append(EventStatus.APPLIED if known is event else same)
        if EventStatus.APPLIED in statuses:
            after = Counted(self._chance.getrandbits(48), tuple(counted.values()))
            shard.write({("student", student_id): after})
        return statuses

    def _refuses(self, shard: Instance, event: Event | Verdict) -> bool:
        erasure = shard.values.get(("erasure", PSEUDONYM(event.student_id)))
        return erasure is not None and bool(erasure.refuses(event.received_us))

    async def tell(self, verdicts: Sequence[Verdict]) -> None:
        for verdict in verdicts:
            shard = shard_of(verdict.student_id, self._shards)
            await self._fenced(shard, partial(self._tell, shard, verdict))

    def _tell(self, shard: Instance, verdict: Verdict) -> None:
        if not self._refuses(shard, verdict):
            key = StateKeyPatterns.VERDICT.format(student_id=verdict.student_id, event_id=verdict.event_id)
            shard.write({key: verdict.status.encode()})

    async def offsets(self, partition: Partition) -> Offsets:
        found = [await self._fenced(shard, partial(offsets_at, shard, partition)) for shard in self._told_by]
        self._seen[partition] = [one.applied for one in found]
        return lowest_of(found)

    async def move_applied(self, partition: Partition, expected: int | None, end: int) -> bool:
        seen = self._seen.get(partition, [])
        if not seen or lowest(seen) != expected:
            seen = [expected for _ in self._told_by]
        ends = [max(one or 0, end) for one in seen]
        for shard, one, to in zip(self._told_by, seen, ends, strict=True):
            if not await self._fenced(shard, partial(self._move_applied, shard, partition, one, to)):
                return False
        self._seen[partition] = list(ends)
        return True

    def _move_applied(self, shard: Instance, partition: Partition, expected: int | None, end: int) -> bool:
        now = offsets_at(shard, partition)
        if now.applied != expected:
            return False
        shard.write({partition: Offsets(end, now.published)})
        return True

    async def move_published(self, partition: Partition, end: int) -> int:
        return min(
            [await self._fenced(one, partial(self._move_published, one, partition, end)) for one in self._told_by]
        )

    def _move_published(self, shard: Instance, partition: Partition, end: int) -> int:
        now = offsets_at(shard, partition)
        published = max(now.published or 0, end)
        shard.write({partition: Offsets(now.applied, published)})
        return published

    async def read(self, students: Sequence[str]) -> list[Derivable | None]:
        found = []
        for student_id in students:
            shard = shard_of(student_id, self._shards)
            found.append(await self._fenced(shard, partial(self._read, shard, student_id)))
        return found

    def _read(self, shard: Instance, student_id: str) -> Derivable | None:
        counted = counted_of(student_id, shard)
        if counted is None:
            return None
        state = counted.folded()
        told = shard.values.get(StateKeyPatterns.TOLD.format(student_id=student_id))
        erasure = shard.values.get(("erasure", PSEUDONYM(student_id)))
        return Derivable(
            version=counted.version,
            events=state.events,
            aggregates=state.aggregates,
            others=tuple(state.recent.others),
            told=told,
            erasures=0 if erasure is None else erasure.number,
        )

    async def finish(self, snapshots: Sequence[Snapshot]) -> list[Written]:
        found = []
        for snapshot in snapshots:
            shard = shard_of(snapshot.student_id, self._shards)
            found.append(await self._fenced(shard, partial(self._finish, shard, snapshot)))
        return found

    def _finish(self, shard: Instance, snapshot: Snapshot) -> Written:
        counted = counted_of(snapshot.student_id, shard)
        if counted is None:
            return Written.GONE
        if counted.version != snapshot.version:
            return Written.CHANGED
        shard.write(written(snapshot))
        return Written.WRITTEN

    async def _fenced(self, shard: Instance, act: Callable[[], T]) -> T:
        """Do one step on a shard, unless that is another instance than the one met."""
        met = self._run[self._shards.index(shard)]

        def fenced() -> T:
            shard.meet(met)
            return act()

        return await self._cross(fenced)


def run_of(shard: Instance) -> int:
    """Return which instance a shard is."""
    return shard.run_id


def shard_of(student_id: str, shards: Sequence[Instance]) -> Instance:
    """Return the shard on which a student lies."""
    return shard_at(slot_of(student_id), shards)


def shard_at(slot: int, shards: Sequence[Instance]) -> Instance:
    """Return the shard to which a slot belongs."""
    return shards[slot % len(shards)]


def counted_of(student_id: str, shard: Instance) -> Counted | None:
    """Return what is counted of a student."""
    counted = shard.values.get(("student", student_id))
    assert counted is None or isinstance(counted, Counted)
    return counted


def offsets_at(shard: Instance, partition: Partition) -> Offsets:
    """Return the offsets that a shard keeps."""
    offsets = shard.values.get(partition) or Offsets(None, None)
    assert isinstance(offsets, Offsets)
    return offsets


def lowest_of(found: Sequence[Offsets]) -> Offsets:
    """Return the lowest of the offsets of all shards."""
    return Offsets(lowest([one.applied for one in found]), lowest([one.published for one in found]))


def written(snapshot: Snapshot) -> dict[str, bytes]:
    """Return the values of a snapshot by key."""
    return {PLAIN.of(pattern, snapshot.student_id): value for pattern, value in snapshot.values.items()}


def enforce_in(instance: Instance, name: str, erasure: Erasure) -> int:
    """Erase whoever has this pseudonym, unless the marker there is as new; return how many had a state."""
    if not erasure.supersedes(instance.values.get(("erasure", name))):
        return 0
    students = [key[1] for key in instance.values if isinstance(key, tuple) and key[0] == "student"]
    found = [student_id for student_id in students if PSEUDONYM(student_id) == name]
    for student_id in found:
        erase_in(instance, student_id, erasure)
    instance.write({("erasure", name): erasure})
    return len(found)


def erase_in(instance: Instance, student_id: str, erasure: Erasure) -> None:
    """Delete everything of a student and set the marker in one step, unless that settles the erasure."""
    marker = "erasure", PSEUDONYM(student_id)
    if erasure.is_settled_by(instance.values.get(marker)):
        return
    prefix = f"student:{student_id}:"
    keys = [key for key in instance.values if isinstance(key, str) and key.startswith(prefix)]
    instance.write({**dict.fromkeys([("student", student_id), *keys]), marker: erasure})


async def straight(act: Callable[[], T], /) -> T:
    """Do it at once."""
    return act()


class Pausing:
    """A crossing with a pause before every call; where ``loses`` is set, the call may get lost."""

    def __init__(self, *, loses: bool) -> None:
        self._loses = loses

    async def __call__(self, act: Callable[[], T], /) -> T:
        loss = await pause()
        if self._loses and loss is Loss.REQUEST:
            raise StoreUnavailable("lost")  # noqa: EM101  # says all there is
        result = act()
        if self._loses and loss is not None:
            raise StoreUnavailable("lost")  # noqa: EM101  # likewise
        return result


class MemoryBackend:
    """A store in memory, of one or several shards, with as many ways to it as are wanted."""

    def __init__(self, chance: Chance, stream_type: type[MemoryStream] = MemoryStream, shards: int = 1) -> None:
        self._chance = chance
        self._stream_type = stream_type
        self._shards = [Instance() for _ in range(shards)]

    @property
    def run(self) -> int:
        return sum(shard.run_id for shard in self._shards)

    def connect(self, name: str, *, loses: bool) -> Connected:
        del name
        return Connected(self._stream_type(self._shards, self._chance, Pausing(loses=loses)), _nothing)

    async def mark(self) -> None:
        """Every write can be undone anyhow."""

    async def roll_back(self, writes: int) -> None:
        self._any_shard().roll_back(writes)

    async def replace(self) -> None:
        self._any_shard().replace()

    def _any_shard(self) -> Instance:
        return self._chance.choice(self._shards) if len(self._shards) > 1 else self._shards[0]

    async def erase(self, student_id: str, erasure: Erasure) -> None:
        erase_in(shard_of(student_id, self._shards), student_id, erasure)

    async def stored(self, student_id: str, event_ids: Iterable[str]) -> Stored:
        del event_ids
        shard = shard_of(student_id, self._shards)
        counted = counted_of(student_id, shard)
        state = None if counted is None else counted.folded()
        contents = {} if counted is None else {event.event_id: event.content for event in counted.events}
        prefix = f"student:{student_id}:"
        values = {
            key: value
            for key, value in shard.values.items()
            if isinstance(key, str) and key.startswith(prefix) and value is not None
        }
        return Stored(state, contents, values)

    async def offsets(self, partitions: Sequence[Partition]) -> list[Offsets]:
        return [lowest_of([offsets_at(shard, partition) for shard in self._shards]) for partition in partitions]


async def _nothing() -> None:
    return
