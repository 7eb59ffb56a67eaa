"""A topic and its consumer group in memory: partitions of records, committed offsets, and who owns what."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns a partition, and since which assignment: a commit from an earlier one is refused."""

    consumer: int
    generation: int


class Group(Generic[Record]):
    """What Kafka keeps for a consumer group on one topic."""

    def __init__(self, partitions: int) -> None:
        self.log: list[list[Record]] = [[] for _ in range(partitions)]
        self.committed: list[int | None] = [None] * partitions
        self.owners = [Owner(0, 0)] * partitions
        self._generation = 0

    @property
    def partitions(self) -> range:
        return range(len(self.log))

    @property
    def records(self) -> int:
        return sum(map(len, self.log))

    def append(self, partition: int, record: Record) -> int:
        """Append a record, and return its offset."""
        self.log[partition].append(record)
        return len(self.log[partition]) - 1

    def assign(self, partition: int, consumer: int) -> None:
        """Give a partition to a consumer, anew even where it has it."""
        self._generation += 1
        self.owners[partition] = Owner(consumer, self._generation)

    def owned_by(self, consumer: int) -> list[int]:
        return [partition for partition in self.partitions if self.owners[partition].consumer == consumer]

    def commit(self, partition: int, owner: Owner, offset: int) -> bool:
        """Commit an offset, and tell whether that was accepted: only the owner of now may."""
        accepted = self.owners[partition] == owner
        if accepted:
            self.committed[partition] = offset
        return accepted

    def reset(self) -> None:
        """Go back to the beginning, as an operator does."""
        self.committed = [0] * len(self.log)

    def is_done(self) -> bool:
        """Tell whether everything is committed."""
        return all((self.committed[number] or 0) == len(records) for number, records in enumerate(self.log))
