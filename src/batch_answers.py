"""Batch jobs as they go over the wire."""

from dataclasses import dataclass
from typing import Any

import msgspec

from .domain.batches import BatchKind, BatchStatus, ItemStatus
from .domain.days import to_text
from .ports import BatchItem, BatchJob


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why the question about a student could not be answered; never holds a value."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class StudentError(ItemError):
    """The same of one student."""

    student_id: str


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """A job; ``errors`` are the first hundred, and ``level_changes`` null for all kinds but recompute."""

    batch_id: str
    kind: BatchKind
    status: BatchStatus
    total: int
    done: int
    failed: int
    created_at: str
    finished_at: str | None
    errors: tuple[StudentError, ...]
    level_changes: int | None


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """What became of one student: the ``result`` by the kind of the job, or the ``error``."""

    student_id: str
    status: ItemStatus
    result: Any
    error: ItemError | None


@dataclass(frozen=True, slots=True)
class BatchResults:
    """A page of results, in the order asked for."""

    results: tuple[ItemAnswer, ...]
    next: str | None


_decode_error = msgspec.json.Decoder(ItemError).decode


def batch_answer(job: BatchJob) -> BatchAnswer:
    """Return a job as it is shown."""
    spec, progress = job.spec, job.progress
    return BatchAnswer(
        batch_id=job.batch_id,
        kind=spec.kind,
        status=progress.status,
        total=progress.total,
        done=progress.done,
        failed=progress.failed,
        created_at=to_text(spec.created_us),
        finished_at=None if progress.finished_us is None else to_text(progress.finished_us),
        errors=tuple(map(_student_error, job.errors)),
        level_changes=progress.level_changes if spec.kind is BatchKind.RECOMPUTE else None,
    )


def item_answer(item: BatchItem) -> ItemAnswer:
    """Return an item as it is shown."""
    if item.status is ItemStatus.FAILED:
        return ItemAnswer(item.student_id, item.status, None, _decode_error(item.body))
    return ItemAnswer(item.student_id, item.status, msgspec.Raw(item.body), None)


def _student_error(item: BatchItem) -> StudentError:
    error = _decode_error(item.body)
    return StudentError(error.code, error.reason, item.student_id)
