"""Rows of the audit trail as they are shown: over HTTP, and as JSON at the command line."""

from dataclasses import dataclass
from typing import Any

from .audit import AuditOutcome, read_row
from .domain.days import to_text
from .ports import SealedRow


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What somebody did: ``actor`` and ``subject`` are pseudonyms, null where nobody is known."""

    seq: int
    at: str
    action: str
    outcome: AuditOutcome
    status: int | None
    actor: str | None
    roles: tuple[str, ...]
    subject: str | None
    correlation_id: str
    facts: dict[str, Any]
    writer: str
    mac: str


@dataclass(frozen=True, slots=True)
class AuditAnswer:
    """A page of the audit trail, newest first."""

    entries: tuple[AuditEntry, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Whether the trail is whole: its newest row as SEQ:MAC, and every fault in words."""

    whole: bool
    rows: int
    chain_id: str | None
    head: str | None
    faults: tuple[str, ...]


def entry_of(row: SealedRow) -> AuditEntry:
    """Return a row as it is shown."""
    content = read_row(row)
    return AuditEntry(
        seq=row.seq,
        at=to_text(content.at_us),
        action=content.action,
        outcome=content.outcome,
        status=content.status,
        actor=content.actor,
        roles=content.roles,
        subject=content.subject,
        correlation_id=content.correlation_id,
        facts=dict(content.facts),
        writer=content.writer,
        mac=row.mac,
    )


def shown_to_subject(row: SealedRow) -> dict[str, Any]:
    """Return what a person may know of a row: not who else is in it, only in which role."""
    content = read_row(row)
    return {
        "at": to_text(content.at_us),
        "action": content.action,
        "roles": list(content.roles),
        "outcome": content.outcome.value,
        "status": content.status,
    }
