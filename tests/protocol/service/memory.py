"""The state of a stream in memory: whole events, folded when they are asked for; and a store of it that can forget."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from src.domain.events import Event, EventStatus
from src.domain.state import StudentState
from src.errors import StoreUnavailable
from src.ports import Derivable, Offsets, Partition, Snapshot, Written
from src.state_manager import StateKeyPatterns

from ..instance import Instance
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
    """The port of a stream's state, over an instance in memory."""

    def __init__(self, instance: Instance, chance: Chance, crossing: Crossing) -> None:
        self._instance = instance
        self._chance = chance
        self._cross = crossing
        self._run_id: int | None = 0

    async def begin(self) -> None:
        self._run_id = await self._cross(lambda: self._instance.run_id)

    async def is_same(self) -> bool:
        return await self._cross(lambda: self._instance.run_id == self._run_id)

    async def apply(self, events: Sequence[Event], now_us: int) -> list[EventStatus]:
        del now_us
        statuses: dict[int, EventStatus] = {}
        for student_id in dict.fromkeys(event.student_id for event in events):
            mine = [index for index, event in enumerate(events) if event.student_id == student_id]
            found = await self._fenced(partial(self._apply, [events[index] for index in mine]))
            statuses.update(zip(mine, found, strict=True))
        return [statuses[index] for index in range(len(events))]

    def _apply(self, events: Sequence[Event]) -> list[EventStatus]:
        student_id = events[0].student_id
        before = self._counted(student_id)
        counted = {} if before is None else {event.event_id: event for event in before.events}
        statuses = []
        for event in events:
            known = counted.setdefault(event.event_id, event)
            same = EventStatus.DUPLICATE if known.content == event.content else EventStatus.CONFLICT
            statuses.append(EventStatus.APPLIED if known is event else same)
        if EventStatus.APPLIED in statuses:
            after = Counted(self._chance.getrandbits(48), tuple(counted.values()))
            self._instance.write({("student", student_id): after})
        return statuses

    async def offsets(self, partition: Partition) -> Offsets:
        return await self._fenced(partial(self._offsets, partition))

    async def move_applied(self, partition: Partition, expected: int | None, end: int) -> bool:
        return await self._fenced(partial(self._move_applied, partition, expected, end))

    def _move_applied(self, partition: Partition, expected: int | None, end: int) -> bool:
        now = self._offsets(partition)
        if now.applied != expected:
            return False
        self._instance.write({partition: Offsets(end, now.published)})
        return True

    async def move_published(self, partition: Partition, end: int) -> int:
        return await self._fenced(partial(self._move_published, partition, end))

    def _move_published(self, partition: Partition, end: int) -> int:
        now = self._offsets(partition)
        published = max(now.published or 0, end)
        self._instance.write({partition: Offsets(now.applied, published)})
        return published

    async def read(self, students: Sequence[str]) -> list[Derivable | None]:
        return [await self._fenced(partial(self._read, student_id)) for student_id in students]

    def _read(self, student_id: str) -> Derivable | None:
        counted = self._counted(student_id)
        if counted is None:
            return None
        state = counted.folded()
        told = self._instance.values.get(StateKeyPatterns.TOLD.format(student_id=student_id))
        return Derivable(counted.version, state.events, state.aggregates, tuple(state.recent.others), told)

    async def finish(self, snapshots: Sequence[Snapshot]) -> list[Written]:
        return [await self._fenced(partial(self._finish, snapshot)) for snapshot in snapshots]

    def _finish(self, snapshot: Snapshot) -> Written:
        counted = self._counted(snapshot.student_id)
        if counted is None:
            return Written.GONE
        if counted.version != snapshot.version:
            return Written.CHANGED
        self._instance.write(snapshot.values)
        return Written.WRITTEN

    async def _fenced(self, act: Callable[[], T]) -> T:
        """Do one step, unless the store is another instance than the one met."""

        def fenced() -> T:
            self._instance.meet(self._run_id)
            return act()

        return await self._cross(fenced)

    def _counted(self, student_id: str) -> Counted | None:
        counted = self._instance.values.get(("student", student_id))
        assert counted is None or isinstance(counted, Counted)
        return counted

    def _offsets(self, partition: Partition) -> Offsets:
        offsets = self._instance.values.get(partition) or Offsets(None, None)
        assert isinstance(offsets, Offsets)
        return offsets


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
    """A store in memory, with as many ways to it as are wanted."""

    def __init__(self, chance: Chance, stream_type: type[MemoryStream] = MemoryStream) -> None:
        self._chance = chance
        self._stream_type = stream_type
        self._instance = Instance()

    @property
    def run(self) -> int:
        return self._instance.run_id

    def connect(self, name: str, *, loses: bool) -> Connected:
        del name
        return Connected(self._stream_type(self._instance, self._chance, Pausing(loses=loses)), _nothing)

    async def mark(self) -> None:
        """Every write can be undone anyhow."""

    async def roll_back(self, writes: int) -> None:
        self._instance.roll_back(writes)

    async def replace(self) -> None:
        self._instance.replace()

    async def stored(self, student_id: str, event_ids: Iterable[str]) -> Stored:
        del event_ids
        counted = self._instance.values.get(("student", student_id))
        state = None if counted is None else counted.folded()
        contents = {} if counted is None else {event.event_id: event.content for event in counted.events}
        prefix = f"student:{student_id}:"
        values = {
            key: value
            for key, value in self._instance.values.items()
            if isinstance(key, str) and key.startswith(prefix) and value is not None
        }
        return Stored(state, contents, values)

    async def offsets(self, partitions: Sequence[Partition]) -> list[Offsets]:
        nowhere = Offsets(None, None)
        return [self._instance.values.get(partition) or nowhere for partition in partitions]


async def _nothing() -> None:
    return
