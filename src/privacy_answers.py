"""What is answered about personal data: exports, receipts of erasures, and consent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ErasureAnswer:
    """How often a student was erased and when last; ``consented_at`` is null while they do not consent again."""

    number: int
    at: str
    consented_at: str | None


@dataclass(frozen=True, slots=True)
class ExportAnswer:
    """Everything stored about a student, by place; null where there is nothing."""

    student_id: str
    exported_at: str
    erasure: ErasureAnswer | None
    places: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlaceReceipt:
    """How many entries of a place went, or in a dry run would go, and how many a look through all of it found after."""

    entries: int
    remaining: int | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an erasure did, or in a dry run would do; then ``at``, ``remaining`` and ``verified`` are null.

    ``raw_records_until`` is until when Kafka's topics still hold records of the student; null where there is no Kafka,
    or where a topic keeps them for ever.
    """

    student_id: str
    dry_run: bool
    erasure: int
    at: str | None
    places: Mapping[str, PlaceReceipt]
    verified: bool | None
    raw_records_until: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConsentAnswer:
    """A student who consents again: events received after ``consented_at`` are taken."""

    student_id: str
    erasure: int
    consented_at: str
