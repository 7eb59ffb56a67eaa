"""What is audited, the rows of the trail, and the chain that ties them together."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TypeAlias

import msgspec

from .ports import Chain, Link, SealedRow
from .pseudonyms import keyed
from .security import Principal, Role

Fact: TypeAlias = str | int | bool | Mapping[str, str] | list[str] | None

ROWS_LOST = "audit.rows-lost"
"""The action of a row that says that rows before it were lost."""

UNREADABLE = "audit.unreadable"
"""Shown as the action of a row that is not as it was written, and cannot be read."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_IMPERSONAL = frozenset({"agents.me", "agents.list-intents", "dashboard.service-figures"})
_DENIALS = frozenset({401, 403})
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


class AuditOutcome(StrEnum):
    """How something audited ended."""

    ALLOWED = "allowed"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody did; people by their own ids, which neither a row nor a line of the log holds."""

    action: str
    outcome: AuditOutcome = AuditOutcome.ALLOWED
    actor: str | None = None
    roles: tuple[str, ...] = ()
    subject: str | None = None
    status: int | None = None
    correlation_id: str = "-"
    facts: Mapping[str, Fact] = field(default_factory=dict)


class AuditRow(msgspec.Struct, frozen=True):
    """What a row of the trail says; ``at_us`` is in microseconds since 1970, people are pseudonyms.

    ``writer`` is the process that wrote it: so no two rows are ever the same, and each process knows its own.
    """

    writer: str
    at_us: int
    actor: str | None
    roles: tuple[str, ...]
    action: str
    subject: str | None
    outcome: AuditOutcome
    status: int | None
    correlation_id: str
    facts: dict[str, Fact]


encode_row = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AuditRow).decode


def read_row(row: SealedRow) -> AuditRow:
    """Return what a row says; one that somebody made unreadable says that it is."""
    try:
        return _decode(row.body)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return AuditRow("", 0, None, (), UNREADABLE, None, AuditOutcome.FAILED, None, "-", {})


class Duty(Enum):
    """When something has to be in the trail."""

    NEVER = "never"
    BEHIND = "behind"
    BEFORE = "before"


@dataclass(slots=True)
class Asked:
    """What is known of a request by the time of its answer: the rules of access tell who asks.

    ``reads`` is for a route that reads though its method says that it changes something. ``subject`` and ``action``
    stand in for what the path and the name of the route say.
    """

    who: Principal | None = None
    subject: str | None = None
    action: str | None = None
    reads: bool = False
    facts: dict[str, Fact] = field(default_factory=dict)


def duty(asked: Asked, *, method: str, status: int, action: str, exports: bool = False) -> Duty:
    """Return when the answer to a request has to be in the trail.

    Refusals of access and changes are recorded before the answer goes out. What somebody read of another person, and
    what an admin or a teacher looked at, may be written a moment later; an export may not. What the client got wrong
    changed and showed nothing. Events that a service sends are its job.
    """
    if status in _DENIALS:
        return Duty.BEFORE
    who = asked.who
    if who is None or _CLIENT_ERROR <= status < _SERVER_ERROR:
        return Duty.NEVER
    privileged = who.has(Role.ADMIN, Role.TEACHER)
    if not asked.reads and method not in _SAFE_METHODS:
        return Duty.BEFORE if privileged or asked.subject is not None or who.has(Role.STUDENT) else Duty.NEVER
    if status >= _SERVER_ERROR or action in _IMPERSONAL or (asked.subject is None and not privileged):
        return Duty.NEVER
    if exports:
        return Duty.BEFORE
    return Duty.BEHIND if privileged or asked.subject != who.user_id else Duty.NEVER


class Seal:
    """Seals rows with a key that the store does not have: each seal is over the row and the seal before it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def begin(self, chain_id: str) -> Chain:
        """Return a chain without rows."""
        anchor = Link(0, keyed(self._key, "begin", chain_id.encode()))
        return Chain(chain_id, anchor, self.signature(chain_id, anchor), anchor)

    def extend(self, chain: Chain, bodies: Iterable[bytes]) -> tuple[Chain, list[SealedRow]]:
        """Return the chain after rows of this content, and the rows."""
        rows, last = [], chain.head
        for body in bodies:
            row = SealedRow(last.seq + 1, body, self.mac(chain.chain_id, last, body))
            rows.append(row)
            last = row.link
        return Chain(chain.chain_id, chain.anchor, chain.signature, last), rows

    def mac(self, chain_id: str, before: Link, body: bytes) -> str:
        """Return the seal of the row that follows another."""
        return keyed(self._key, "row", chain_id.encode(), b"%d" % (before.seq + 1), before.mac.encode(), body)

    def signature(self, chain_id: str, anchor: Link) -> str:
        """Return the signature of what comes before the oldest row that is kept."""
        return keyed(self._key, "anchor", chain_id.encode(), b"%d" % anchor.seq, anchor.mac.encode())

    def fingerprint(self, secret: str) -> str:
        """Return what tells one secret from another, and nothing else of them."""
        return keyed(self._key, "secret", secret.encode(errors="surrogateescape"))[:8]


class Faults:
    """Follows the chain row by row, and says in words where it is not as it was written."""

    MOST = 100

    def __init__(self, seal: Seal, chain: Chain) -> None:
        self._seal = seal
        self.rows = 0
        self.found: list[str] = []
        self.go_on_after(chain)

    def go_on_after(self, chain: Chain) -> None:
        """Begin with the oldest row that is kept."""
        self._chain_id, self.last = chain.chain_id, chain.anchor
        seal = self._seal
        if not hmac.compare_digest(seal.signature(chain.chain_id, chain.anchor), chain.signature):
            self.add(f"the signature of the beginning, after row {chain.anchor.seq}, is not valid")

    def add(self, fault: str) -> None:
        """Keep a fault, of very many only the first."""
        if len(self.found) < self.MOST:
            self.found.append(fault)

    def check(self, rows: Sequence[SealedRow]) -> None:
        """Follow the chain over the next rows."""
        for row in rows:
            if row.seq != self.last.seq + 1:
                self.add(f"rows {self.last.seq + 1} to {row.seq - 1} are missing")
            elif not hmac.compare_digest(self._seal.mac(self._chain_id, self.last, row.body), row.mac):
                self.add(f"row {row.seq} is not what was written there, or does not follow the row before it")
            elif b'"action":"audit.rows-lost"' in row.body:
                self.add(f"row {row.seq} records that rows before it were lost")
            self.last = row.link
            self.rows += 1

    def compare(self, known: Link, found: SealedRow | None) -> None:
        """Compare a row that is known from elsewhere with what is there under its number."""
        if found is None:
            self.add(f"row {known.seq}, which was written once, is missing")
        elif not hmac.compare_digest(found.mac, known.mac):
            self.add(f"row {known.seq} is another than the one that was written once")
