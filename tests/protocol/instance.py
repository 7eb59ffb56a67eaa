"""A store that can be another one the next moment: values by key, every write undoable, known by its run."""

from collections.abc import Mapping, Sequence
from typing import Any

from src.errors import InstanceChanged


class Instance:
    """A Redis in memory: single steps are atomic, its last writes can be lost, and an empty one can take its place.

    Several of them are the masters of a cluster, of which each forgets for itself.
    """

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}
        self.run_id = 1
        self._undo: list[dict[Any, Any]] = []

    def meet(self, run_id: int | None) -> None:
        """Raise ``InstanceChanged`` unless it is the run named; None stands for a caller that does not ask."""
        if run_id is not None and run_id != self.run_id:
            raise InstanceChanged

    def write(self, changes: Mapping[Any, Any]) -> None:
        """Change some values in one step."""
        self._undo.append({key: self.values.get(key) for key in changes})
        self.values.update(changes)

    def roll_back(self, writes: int) -> None:
        """Start again without the last writes."""
        for _ in range(min(writes, len(self._undo))):
            self.values.update(self._undo.pop())
        self.run_id += 1

    def replace(self) -> None:
        """Be an empty one."""
        self.values, self._undo = {}, []
        self.run_id += 1


def lowest(offsets: Sequence[int | None]) -> int | None:
    """Return the lowest of the offsets of several masters, None where one has none."""
    known = [offset for offset in offsets if offset is not None]
    return min(known) if len(known) == len(offsets) else None
