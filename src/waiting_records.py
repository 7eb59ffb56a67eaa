"""Records that were read and are not yet worked on, by partition; the partitions take turns."""

from collections import deque
from collections.abc import Iterable, Mapping

import msgspec

from .dead_letters import Record

ROOM_BYTES = 32_000_000
"""Nothing more is read while records that take more memory than this wait."""
PACKED = 1000
"""So many records of a partition are packed into one value, which takes little more than half of the memory."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Record]).decode


class WaitingRecords:
    """Lets a batch be large where there is a backlog, so that a student's work is done once for many records."""

    def __init__(self) -> None:
        self._queues: dict[int, _Queue] = {}
        self._turns: deque[int] = deque()

    @property
    def full(self) -> bool:
        """Tell whether enough is waiting."""
        return sum(queue.size for queue in self._queues.values()) >= ROOM_BYTES

    def __bool__(self) -> bool:
        """Tell whether anything is waiting."""
        return any(self._queues.values())

    def add(self, records: Iterable[Record]) -> None:
        """Add records, those of a partition in their order."""
        for record in records:
            if (queue := self._queues.get(record.partition)) is None:
                queue = self._queues[record.partition] = _Queue()
            queue.add(record)

    def turn(self, last: Mapping[int, int]) -> int:
        """Return the partition whose turn it is; in each round everyone has one, in the order of ``last``."""
        while self._turns:
            number = self._turns.popleft()
            if self._queues.get(number):
                return number
        self._turns.extend(sorted((n for n, queue in self._queues.items() if queue), key=lambda n: (last[n], n)))
        return self._turns.popleft()

    def take(self, number: int, *, records: int, size: int) -> list[Record]:
        """Return the first records of a partition: no more than so many or so many bytes, but one at least."""
        return self._queues[number].take(records, size)

    def drop(self, number: int) -> None:
        """Forget those of a partition."""
        self._queues.pop(number, None)

    def clear(self) -> None:
        """Forget all."""
        self._queues.clear()
        self._turns.clear()


class _Queue:
    """The records of one partition in their order: the first and the last as they are, those between them packed."""

    __slots__ = ("_first", "_first_bytes", "_last", "_last_bytes", "_packed", "_packed_bytes")

    def __init__(self) -> None:
        self._first: deque[Record] = deque()
        self._packed: deque[bytes] = deque()
        self._last: list[Record] = []
        self._first_bytes = self._packed_bytes = self._last_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._first or self._packed or self._last)

    @property
    def size(self) -> int:
        return self._first_bytes + self._packed_bytes + self._last_bytes

    def add(self, record: Record) -> None:
        self._last.append(record)
        self._last_bytes += record.size
        if len(self._last) == PACKED:
            packed = _encode(self._last)
            self._packed.append(packed)
            self._packed_bytes += len(packed)
            self._last, self._last_bytes = [], 0

    def take(self, records: int, size: int) -> list[Record]:
        taken = list[Record]()
        while len(taken) < records and (self._first or self._unpack()):
            one = self._first[0].size
            size -= one
            if size < 0 and taken:
                break
            self._first_bytes -= one
            taken.append(self._first.popleft())
        return taken

    def _unpack(self) -> bool:
        """Make the next records the first ones; tell whether there are any."""
        if self._packed:
            packed = self._packed.popleft()
            self._packed_bytes -= len(packed)
            self._first.extend(_decode(packed))
            self._first_bytes = sum(record.size for record in self._first)
        else:
            self._first.extend(self._last)
            self._first_bytes, self._last, self._last_bytes = self._last_bytes, [], 0
        return bool(self._first)
