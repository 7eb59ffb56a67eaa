"""What the real service is driven over: a store that can be rolled back, replaced and looked into."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from src.domain.erasures import Erasure
from src.domain.state import StudentState
from src.ports import Offsets, Partition, StreamState


@dataclass(frozen=True, slots=True)
class Connected:
    """A consumer's own way to the store, and how it ends."""

    state: StreamState
    close: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stored:
    """What is kept of a student: the state, the content counted under each id, and the values for readers by key."""

    state: StudentState | None
    contents: Mapping[str, int]
    values: Mapping[str, bytes]


class Backend(Protocol):
    """A store under test."""

    @property
    def run(self) -> int:
        """Return which instance it is: another number after every change."""

    def connect(self, name: str, *, loses: bool) -> Connected:
        """Return a way to the store, of which every round trip is a pause; where ``loses`` is set one may be lost."""

    async def mark(self) -> None:
        """Take note that a step has been done: to here it may be rolled back."""

    async def roll_back(self, writes: int) -> None:
        """Become an instance without the last writes."""

    async def replace(self) -> None:
        """Become an empty instance."""

    async def erase(self, student_id: str, erasure: Erasure) -> None:
        """Carry out an erasure, or the consent after it, from outside every consumer."""

    async def stored(self, student_id: str, event_ids: Iterable[str]) -> Stored:
        """Return what is kept of a student."""

    async def offsets(self, partitions: Sequence[Partition]) -> list[Offsets]:
        """Return the offsets of partitions."""
