"""The audit trail for tests: fakes of what keeps it, and the parts put together over any store.

The fakes pass ``tests/contract/test_audit_log.py``, as what they stand in for.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from src.audit import Seal
from src.audit_history import AuditHistory
from src.audit_trail import MAX_QUEUED, AuditTrail
from src.domain.days import day_of
from src.errors import StoreUnavailable
from src.ports import AuditLog, Chain, Link, Person, Salts, SealedRow
from src.pseudonyms import Pseudonyms
from tests.making import NOW_US

KEY = b"a key of the tests, used nowhere else"


class AuditStore(AuditLog, Salts, Protocol):
    """What an adapter of the trail is."""


class MemoryAudit:
    """The ports of the trail and of its salts in lists."""

    def __init__(self) -> None:
        self.begun: Chain | None = None
        self.rows: list[SealedRow] = []
        self.kept: dict[str, tuple[bytes, int]] = {}

    async def chain(self) -> Chain | None:
        if not self.rows or self.begun is None:
            return None
        return Chain(self.begun.chain_id, self.begun.anchor, self.begun.signature, self.rows[-1].link)

    async def extend(self, before: Link | None, after: Chain, rows: Sequence[SealedRow]) -> bool:
        if (self.rows[-1].link if self.rows else None) != before:
            return False
        if before is None:
            self.begun = after
        self.rows += rows
        return True

    async def at(self, numbers: Sequence[int]) -> list[SealedRow]:
        return [row for row in self.rows if row.seq in numbers]

    async def after(self, seq: int, limit: int) -> list[SealedRow]:
        return [row for row in self.rows if row.seq > seq][:limit]

    async def newest(self, before: int | None, limit: int, person: Person | None = None) -> list[SealedRow]:
        rows = [row for row in self.rows[::-1] if before is None or row.seq < before]
        if person is not None:
            rows = [row for row in rows if json.loads(row.body).get(person.part) == person.pseudonym]
        return rows[:limit]

    async def trim(self, after: Chain) -> None:
        if self.begun is not None and self.begun.anchor.seq < after.anchor.seq:
            self.begun = after
            self.rows = [row for row in self.rows if row.seq > after.anchor.seq]

    async def salts(self, names: Sequence[str], fresh: Sequence[bytes], today: int) -> list[bytes]:
        for name, salt in zip(names, fresh, strict=True):
            self.kept[name] = self.kept.get(name, (salt,))[0], today
        return [self.kept[name][0] for name in names]

    async def salt(self, name: str) -> bytes | None:
        return self.kept[name][0] if name in self.kept else None

    async def forget_salt(self, name: str) -> bool:
        return self.kept.pop(name, None) is not None

    async def trim_salts(self, unused_since: int) -> None:
        self.kept = {name: kept for name, kept in self.kept.items() if kept[1] >= unused_since}


class FailingAudit(MemoryAudit):
    """Refuses, or loses the answer, for as long as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.loses_answers = 0
        self.attempts = 0

    async def salts(self, names: Sequence[str], fresh: Sequence[bytes], today: int) -> list[bytes]:
        self._check()
        return await super().salts(names, fresh, today)

    async def extend(self, before: Link | None, after: Chain, rows: Sequence[SealedRow]) -> bool:
        self.attempts += 1
        self._check()
        done = await super().extend(before, after, rows)
        if self.loses_answers:
            self.loses_answers -= 1
            self._fail()
        return done

    def _check(self) -> None:
        if self.away:
            self._fail()

    def _fail(self) -> None:
        detail = "The store is away."
        raise StoreUnavailable(detail)


@dataclass
class MemoryWitness:
    """Remembers the newest row, or nothing."""

    head: Link | None = None

    def last(self) -> Link | None:
        return self.head

    def tell(self, head: Link) -> None:
        self.head = head


@dataclass
class SetClock:
    """A clock that stands still until it is set."""

    now_us: int = NOW_US

    def __call__(self) -> int:
        return self.now_us

    @property
    def today(self) -> int:
        return day_of(self.now_us)


class Audit(NamedTuple):
    """The writing and the reading part of one process."""

    trail: AuditTrail
    history: AuditHistory


@dataclass
class Place:
    """Where processes keep one trail together."""

    store: AuditStore
    witness: MemoryWitness = field(default_factory=MemoryWitness)
    clock: SetClock = field(default_factory=SetClock)
    seal: Seal = field(default_factory=lambda: Seal(KEY))
    most_queued: int = MAX_QUEUED

    @asynccontextmanager
    async def process(self, *, days: int = 365) -> AsyncIterator[Audit]:
        """Open the trail as one process does; at the end everything is written."""
        pseudonyms = Pseudonyms(KEY, salts=self.store, clock=self.clock)
        trail = AuditTrail(
            self.store,
            seal=self.seal,
            pseudonyms=pseudonyms,
            witness=self.witness,
            clock=self.clock,
            most_queued=self.most_queued,
        )
        history = AuditHistory(
            self.store, seal=self.seal, pseudonyms=pseudonyms, witness=self.witness, clock=self.clock, days=days
        )
        async with trail.writing():
            yield Audit(trail, history)
