"""Writing the audit trail: one writer a process, which takes what waits in batches."""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice

from .audit import ROWS_LOST, AuditOutcome, AuditRow, Duty, Entry, Fact, Seal, encode_row, read_row
from .config import Settings
from .errors import AuditUnavailable, Refused
from .ports import AuditLog, Chain, Clock, Link, Person, SealedRow, Witness
from .pseudonyms import Pseudonyms

FLUSH_S = 1.0
"""How long something may wait to be written: what a process killed at once may lose."""

MAX_QUEUED = 10_000
BATCH = 500
MAX_ROUNDS = 50
SYSTEM = ("system",)
_CHAIN_ID_BYTES, _WRITER_BYTES = 8, 4
_audit = logging.getLogger("mastery_engine.audit")


@dataclass(slots=True, eq=False)
class _Waiting:
    """An entry on its way, and who waits for it."""

    entry: Entry
    at_us: int
    done: asyncio.Future[None] | None = None
    told: bool = False


class AuditTrail:
    """Records what happens; ``writing`` has to run beside it."""

    def __init__(
        self,
        log: AuditLog,
        *,
        seal: Seal,
        pseudonyms: Pseudonyms,
        witness: Witness,
        clock: Clock,
        new_id: Callable[[int], str] = secrets.token_hex,
        most_queued: int = MAX_QUEUED,
    ) -> None:
        self._log = log
        self._seal = seal
        self._pseudonyms = pseudonyms
        self._witness = witness
        self._clock = clock
        self._new_id = new_id
        self._most_queued = most_queued
        self._batch = BATCH
        self._writer = new_id(_WRITER_BYTES)
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._chain: Chain | None = None
        self._known: Link | None = None
        self._witnessed: Link | None = None
        self._next_witness_s = 0.0

    async def keep(self, entry: Entry, duty: Duty) -> None:
        """Record an entry as its duty asks; raises ``AuditUnavailable`` where it had to be written and was not."""
        if duty is Duty.BEHIND and len(self._queue) < self._most_queued:
            self._queue.append(_Waiting(entry, self._clock()))
            self._wake_later()
        elif duty is not Duty.NEVER:
            await self.record(entry)

    async def record(self, entry: Entry) -> None:
        """Record an entry, and return when it is in the trail.

        Where the trail cannot be written the entry waits and is written later; this raises ``AuditUnavailable``.
        """
        done = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(entry, self._clock(), done))
        self._wake.set()
        await done

    async def record_start(self, settings: Settings, *, version: str, role: str) -> None:
        """Record that a process started, and which settings differ from those of the last start of its kind.

        Until the trail can be read and written this raises, as ``record`` does.
        """
        subject = f"service:{role}"
        now, before = settings.shown(self._seal.fingerprint), await self._last_settings(subject)
        changed: list[str] | None = None if before is None else _differing(now, before)
        facts: dict[str, Fact] = {"version": version, "role": str(role), "settings": now, "changed": changed}
        await self.record(Entry("service.started", roles=SYSTEM, subject=subject, facts=facts))

    async def settings_unlike_last_start(self, settings: Settings) -> list[str]:
        """Return which settings are not as they were when a process of the service last started, of any kind."""
        now = settings.shown(self._seal.fingerprint)
        found: set[str] = set()
        for role in ("all", "api", "consumer"):
            before = await self._last_settings(f"service:{role}")
            found.update([] if before is None else _differing(now, before))
        return sorted(found)

    async def _last_settings(self, subject: str) -> Mapping[str, str] | None:
        pseudonym = (await self._pseudonyms.of([subject]))[subject]
        for row in await self._log.newest(None, 1, Person("subject", pseudonym)):
            settings = read_row(row).facts.get("settings")
            return settings if isinstance(settings, dict) else None
        return None

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write what is recorded; at the end what still waits is written."""
        self._known = self._witnessed = self._witness.last()
        task = asyncio.create_task(self._write())
        try:
            yield
        finally:
            self._closing = True
            self._wake.set()
            await task
            if self._timer is not None:
                self._timer.cancel()

    async def _write(self) -> None:
        closing = False
        while not closing:
            await self._wake.wait()
            self._wake.clear()
            closing = self._closing
            while self._queue and await self._write_batch():
                pass
            self._bear_witness()

    def _bear_witness(self) -> None:
        """Tell the witness how far the trail has come, at the end and at most once in so many seconds."""
        now_s = asyncio.get_running_loop().time()
        if self._known in (None, self._witnessed):
            return  # another process may have told of more
        if self._closing or now_s >= self._next_witness_s:
            self._next_witness_s = now_s + FLUSH_S
            self._witnessed = self._known
            self._witness.tell(self._known)

    async def _write_batch(self) -> bool:
        batch = list(islice(self._queue, self._batch))
        try:
            await self._append(batch)
        except Refused as error:
            self._postpone(batch, error.detail)
            return False
        except Exception:  # noqa: BLE001  # whatever it met, the writer must live on, and who waits must be told
            _audit.exception("AUDIT the trail failed")
            self._postpone(batch, "A defect; the log has it.")
            if self._batch == 1:
                self._queue.popleft()  # the one that no second attempt mends
            self._batch = 1
            return True
        self._batch = BATCH
        return True

    def _postpone(self, batch: Sequence[_Waiting], reason: str) -> None:
        """Leave a batch to be tried again, tell who waits, and say once for each entry that it is not in the trail."""
        for waiting in batch:
            if not waiting.told:
                waiting.told = True
                self._tell_not_stored(waiting.entry, reason)
            if waiting.done is not None and not waiting.done.done():
                waiting.done.set_exception(AuditUnavailable("The audit trail cannot be written."))
        while len(self._queue) > self._most_queued and self._queue[-1].told:
            self._queue.pop()
        self._wake_later()

    def _wake_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self._wake_now)

    def _wake_now(self) -> None:
        self._timer = None
        self._wake.set()

    async def _append(self, batch: Sequence[_Waiting]) -> None:
        """Append a batch at the end of the chain, wherever other processes have taken that by now."""
        rows = await self._rows(batch)
        for _ in range(MAX_ROUNDS):
            if not rows:
                return
            chain = self._chain = self._chain or await self._end()
            before = chain.head if chain.head.seq else None
            after, sealed = self._seal.extend(chain, map(encode_row, rows))
            if not await self._log.extend(before, after, sealed):
                # Another process was first, or the answer to an earlier attempt was lost: then these are there.
                there = await self._log.after(chain.head.seq, len(sealed))
                self._chain = None
                sealed = [ours for ours, found in zip(sealed, there, strict=False) if ours == found]
            else:
                self._chain, self._known = after, after.head
            self._finish(rows, sealed)
            rows = rows[len(sealed) :]
        if rows:
            message = "Too many processes write the audit trail at once."
            raise AuditUnavailable(message)

    def _finish(self, rows: Sequence[AuditRow], sealed: Sequence[SealedRow]) -> None:
        for row, one in zip(rows, sealed, strict=False):
            waiting = self._queue.popleft()
            waiting.told = True
            self._tell(row, one)
            if waiting.done is not None and not waiting.done.done():
                waiting.done.set_result(None)

    async def _end(self) -> Chain:
        """Return the chain as it is, or a new one."""
        found = await self._log.chain()
        await self._look_for_losses(found)
        return found or self._seal.begin(self._new_id(_CHAIN_ID_BYTES))

    async def _look_for_losses(self, found: Chain | None) -> None:
        """Compare the trail with what it was when this process, or the one before it, last wrote it."""
        known = self._known
        if known is None or (found is not None and known.seq <= found.anchor.seq):
            return
        there = await self._log.at([known.seq])
        self._known = None  # told once
        if [row.link for row in there] == [known]:
            return
        ends_at = 0 if found is None else found.head.seq
        _audit.error("AUDIT rows of the trail are lost", extra={"known": known.seq, "ends_at": ends_at})
        facts: dict[str, Fact] = {"known": known.seq, "ends_at": ends_at}
        self._queue.append(_Waiting(Entry(ROWS_LOST, AuditOutcome.FAILED, roles=SYSTEM, facts=facts), self._clock()))
        self._wake.set()

    async def _rows(self, batch: Sequence[_Waiting]) -> list[AuditRow]:
        entries = [waiting.entry for waiting in batch]
        people = {person for entry in entries for person in (entry.actor, entry.subject) if person is not None}
        names = await self._pseudonyms.of(people)
        return [
            AuditRow(
                writer=self._writer,
                at_us=waiting.at_us,
                actor=None if entry.actor is None else names[entry.actor],
                roles=entry.roles,
                action=entry.action,
                subject=None if entry.subject is None else names[entry.subject],
                outcome=entry.outcome,
                status=entry.status,
                correlation_id=entry.correlation_id,
                facts=dict(entry.facts),
            )
            for waiting, entry in zip(batch, entries, strict=True)
        ]

    def _tell(self, row: AuditRow, sealed: SealedRow) -> None:
        fields = {
            "seq": sealed.seq,
            "mac": sealed.mac,
            "action": row.action,
            "outcome": row.outcome,
            "status": row.status,
            "actor": row.actor,
            "roles": ",".join(row.roles),
            "subject": row.subject,
            "facts": row.facts,
            "correlation_id": row.correlation_id,
        }
        if row.outcome is AuditOutcome.DENIED:
            _audit.warning("AUDIT access denied", extra=fields)
        else:
            _audit.info("AUDIT recorded", extra=fields)

    def _tell_not_stored(self, entry: Entry, reason: str) -> None:
        fields = {
            "reason": reason,
            "action": entry.action,
            "outcome": entry.outcome,
            "status": entry.status,
            "actor": self._pseudonyms.known(entry.actor),
            "roles": ",".join(entry.roles),
            "subject": self._pseudonyms.known(entry.subject),
            "facts": dict(entry.facts),
            "correlation_id": entry.correlation_id,
        }
        _audit.error("AUDIT not stored", extra=fields)


def _differing(now: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    return sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))
