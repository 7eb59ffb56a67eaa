"""Records that were read and are not yet worked on, by partition; the partitions take turns."""

from collections import deque
from collections.abc import Iterable, Mapping

from .dead_letters import Record

ROOM_BYTES = 84_000_000
"""Nothing more is read while records that take more memory than this wait."""


class WaitingRecords:
    """Lets a batch be large where there is a backlog, so that a student's work is done once for many records."""

    def __init__(self) -> None:
        self._records: dict[int, deque[Record]] = {}
        self._turns: deque[int] = deque()
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Tell whether enough is waiting."""
        return self._bytes >= ROOM_BYTES

    def __bool__(self) -> bool:
        """Tell whether anything is waiting."""
        return any(self._records.values())

    def add(self, records: Iterable[Record]) -> None:
        """Add records, those of a partition in their order."""
        for record in records:
            if (waiting := self._records.get(record.partition)) is None:
                waiting = self._records[record.partition] = deque()
            waiting.append(record)
            self._bytes += record.size

    def turn(self, last: Mapping[int, int]) -> int:
        """Return the partition whose turn it is; in each round everyone has one, in the order of ``last``."""
        while self._turns:
            number = self._turns.popleft()
            if self._records.get(number):
                return number
        self._turns.extend(sorted((n for n, waiting in self._records.items() if waiting), key=lambda n: (last[n], n)))
        return self._turns.popleft()

    def take(self, number: int, *, records: int, size: int) -> list[Record]:
        """Return the first records of a partition: no more than so many or so many bytes, but one at least."""
        waiting, taken, taken_bytes = self._records[number], list[Record](), 0
        while waiting and len(taken) < records:
            after = taken_bytes + waiting[0].size
            if after > size and taken:
                break
            taken.append(waiting.popleft())
            taken_bytes = after
        self._bytes -= taken_bytes
        return taken

    def drop(self, number: int) -> None:
        """Forget those of a partition."""
        self._bytes -= sum(record.size for record in self._records.pop(number, ()))

    def clear(self) -> None:
        """Forget all."""
        self._records.clear()
        self._turns.clear()
        self._bytes = 0
