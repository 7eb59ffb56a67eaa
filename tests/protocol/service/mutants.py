"""The service and its state with one guard left out each, which a schedule has to notice."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from src.domain.erasures import Erasure
from src.domain.events import Event
from src.ports import Offsets, Partition, Snapshot, Verdict, Written
from src.results import Derived
from src.stream_service import StreamService

from ..instance import Instance
from .memory import MemoryStream, offsets_at, written

T = TypeVar("T")


class Unfenced(MemoryStream):
    """Goes on with whatever instance there is."""

    async def _fenced(self, shard: Instance, act: Callable[[], T]) -> T:
        del shard
        return await self._cross(act)


class ForgetsMarkers(MemoryStream):
    """Counts whatever comes, whoever was erased."""

    def _refuses(self, shard: Instance, event: Event | Verdict) -> bool:
        del shard, event
        return False


class MovesAnyway(MemoryStream):
    """Moves the applied offset, whoever has moved it before."""

    def _move_applied(self, shard: Instance, partition: Partition, expected: int | None, end: int) -> bool:
        del expected
        return super()._move_applied(shard, partition, offsets_at(shard, partition).applied, end)


class MovesBack(MemoryStream):
    """Moves the published offset to the end of every batch."""

    def _move_published(self, shard: Instance, partition: Partition, end: int) -> int:
        shard.write({partition: Offsets(offsets_at(shard, partition).applied, end)})
        return end


class FinishesAnyway(MemoryStream):
    """Keeps what was derived of whatever version."""

    def _finish(self, shard: Instance, snapshot: Snapshot) -> Written:
        shard.write(written(snapshot))
        return Written.WRITTEN


class OneTellsForAll(MemoryStream):
    """Keeps offsets on one shard, as if all forgot together."""

    @property
    def _told_by(self) -> Sequence[Instance]:
        return self._shards[:1]


class ErasesOnlyOnce(StreamService):
    """Takes it that every instance of the store knows who was erased."""

    async def _enforce(self, erasures: Mapping[str, Erasure]) -> None:
        self._known |= erasures


class ForgetsUnfinished(StreamService):
    """Begins anew as if nothing had been left over."""

    async def begin(self) -> None:
        self._unfinished.clear()
        await super().begin()


class ForgetsWhatItTold(StreamService):
    """Compares with the mark, whatever it has told itself."""

    async def _derive(self, causes: dict[str, dict[str, int]]) -> dict[str, tuple[int, Derived]]:
        self._unfinished.clear()
        return await super()._derive(causes)
