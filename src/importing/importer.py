"""The import itself: batches through the one ingest, and a report."""

import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..domain.events import EventStatus
from ..errors import MasteryError, Reason
from ..mastery_service import EventResult, MasteryService
from .records import Record
from .rejects import Rejects

BATCH = 2000
SHOWN = 20
_CONFLICT = (Reason("event_id", "was counted with other content"),)
_REFUSED = (Reason("student_id", "is of a student who was erased"),)


@dataclass(slots=True)
class Report:
    """What became of the records of a file; ``rejected`` are the first of those not taken.

    ``error`` says why the reading ended early.
    """

    file: str
    statuses: Counter[EventStatus] = field(default_factory=Counter)
    rejected: list[tuple[int, tuple[Reason, ...]]] = field(default_factory=list)
    rejected_file: str | None = None
    error: str | None = None

    @property
    def records(self) -> int:
        """Return how many records there were."""
        return self.statuses.total()

    @property
    def failed(self) -> bool:
        """Tell whether the file could not be read to its end, or nothing in it could be taken."""
        bad = sum(self.statuses[status] for status in (EventStatus.INVALID, EventStatus.CONFLICT, EventStatus.REFUSED))
        return self.error is not None or bad == self.records > 0

    def shown(self) -> dict[str, Any]:
        """Return the report as plain values."""
        counts = {str(status): self.statuses[status] for status in EventStatus if status is not EventStatus.APPLIED}
        return {
            "file": self.file,
            "records": self.records,
            "accepted": self.statuses[EventStatus.APPLIED],
            **counts,
            "rejected": [
                {"line": line, "reasons": [reason._asdict() for reason in reasons]} for line, reasons in self.rejected
            ],
            "rejected_file": self.rejected_file,
            "error": self.error,
        }


async def import_records(
    service: MasteryService,
    records: Iterator[Record],
    *,
    report: Report,
    rejects: Rejects,
    advance: Callable[[int], None],
) -> None:
    """Ingest records in batches, add up what became of them and keep those not taken.

    ``advance`` is told after each batch how many records were done. Importing the same records again changes nothing,
    so an import that was broken off is simply run again.
    """
    for batch in _batches(records):
        readable = [record for record in batch if not record.reasons]
        results = iter(await service.ingest([record.event for record in readable]))
        for record in batch:
            result = EventResult(None, EventStatus.INVALID, record.reasons) if record.reasons else next(results)
            report.statuses[result.status] += 1
            reasons = _reasons(result)
            if reasons and len(report.rejected) < SHOWN:
                report.rejected.append((record.line, reasons))
            # Of a student who was erased nothing is kept, not even what was refused.
            if reasons and result.status is not EventStatus.REFUSED:
                rejects.add(record, reasons)
                report.rejected_file = str(rejects.path)
        advance(len(batch))


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    """Yield records in batches; when reading fails, what was read comes first and the failure after."""
    batch: list[Record] = []
    try:
        for record in records:
            batch.append(record)
            if len(batch) == BATCH:
                yield batch
                batch = []
    except (OSError, EOFError, zlib.error, MasteryError):
        yield batch
        raise
    yield batch


def _reasons(result: EventResult) -> tuple[Reason, ...]:
    """Return why a record was not taken; empty where it was."""
    if result.status is EventStatus.CONFLICT:
        return _CONFLICT
    if result.status is EventStatus.REFUSED:
        return _REFUSED
    return result.errors
