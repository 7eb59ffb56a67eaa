"""Looking into the audit trail: pages, what it holds of one person, whether it is whole, and how long it is kept."""

import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain as chained
from itertools import islice, takewhile
from typing import TypeAlias

from .audit import UNREADABLE, AuditRow, Faults, Seal, read_row
from .audit_answers import AuditAnswer, AuditVerdict, entry_of, shown_to_subject
from .domain.days import DAY_US, day_of, from_date
from .errors import BadRequest, Reason
from .ports import AuditLog, Clock, Link, Person, SealedRow, Witness
from .pseudonyms import Pseudonyms

PAGE = 1000
LOOKED_AT = 10_000
"""How many rows are looked at for one page, where most of them are not asked for."""

SLACK_US = 3_600_000_000
"""The times of rows are those of several machines: from one row to the next they may go back by as much as this."""

Progress: TypeAlias = Callable[[int, int], object]
"""Is told how many rows were followed, and how many there are."""

_CURSOR = re.compile(r"[0-9a-f]{1,15}", re.ASCII)
_audit = logging.getLogger("mastery_engine.audit")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are asked for: about whom, by whom, from which day to which; people by their own ids."""

    subject: str | None = None
    actor: str | None = None
    first: date | None = None
    last: date | None = None

    @property
    def first_us(self) -> int | None:
        """Return the first moment."""
        return None if self.first is None else from_date(self.first) * DAY_US

    @property
    def end_us(self) -> int | None:
        """Return the moment after the last."""
        return None if self.last is None else (from_date(self.last) + 1) * DAY_US

    def takes(self, at_us: int) -> bool:
        """Tell whether a moment is within."""
        return (self.first_us is None or at_us >= self.first_us) and (self.end_us is None or at_us < self.end_us)

    def begins_after(self, at_us: int) -> bool:
        """Tell whether nothing before a row of this moment can be within."""
        return self.first_us is not None and at_us < self.first_us - SLACK_US


class AuditHistory:
    """Reads the trail, and forgets what is older than ``days``."""

    def __init__(
        self, log: AuditLog, *, seal: Seal, pseudonyms: Pseudonyms, witness: Witness, clock: Clock, days: int
    ) -> None:
        self._log = log
        self._seal = seal
        self._pseudonyms = pseudonyms
        self._witness = witness
        self._clock = clock
        self._days = days

    # -- pages

    async def page(self, wanted: Wanted, *, limit: int, cursor: str | None = None) -> AuditAnswer:
        """Return a page, newest first; raises ``BadRequest`` for a cursor of another list.

        It may hold fewer than the limit though there are more.
        """
        before = None if cursor is None else _position(cursor)
        people = await self._people(wanted)
        if people is None:
            return AuditAnswer((), None)
        if before is None and wanted.end_us is not None:
            before = await self._first_after(wanted.end_us + SLACK_US)
        found: list[SealedRow] = []
        # Where the store itself leaves out what is not asked for, no more is read than is shown.
        size = limit if len(people) <= 1 and wanted.first is None and wanted.last is None else PAGE
        for _ in range(LOOKED_AT // PAGE):
            rows = await self._log.newest(before, size, people[0] if people else None)
            for row in rows:
                before, content = row.seq, read_row(row)
                if content.action != UNREADABLE and wanted.begins_after(content.at_us):
                    return _answer(found, None)
                if wanted.takes(content.at_us) and _is_of(content, people):
                    found.append(row)
                if len(found) == limit:
                    return _answer(found, before)
            if len(rows) < size:
                return _answer(found, None)
        return _answer(found, before)

    async def _people(self, wanted: Wanted) -> list[Person] | None:
        """Return whose rows are asked for; None where one of them is not known, and so has none."""
        people = []
        if wanted.subject is not None:
            people.append(Person("subject", await self._pseudonyms.find(wanted.subject) or ""))
        if wanted.actor is not None:
            people.append(Person("actor", await self._pseudonyms.find(wanted.actor) or ""))
        return people if all(person.pseudonym for person in people) else None

    async def _first_after(self, at_us: int) -> int | None:
        """Return the number of the first row after a moment, by halves; None where there is no row."""
        chain = await self._log.chain()
        if chain is None:
            return None
        low, high = chain.anchor.seq + 1, chain.head.seq + 1
        while low < high:
            middle = (low + high) // 2
            rows = await self._log.after(middle - 1, 1)
            if rows and read_row(rows[0]).at_us < at_us:
                low = middle + 1
            else:
                high = middle
        return low

    # -- what it holds of one person

    async def export(self, student_id: str) -> object | None:
        """Return the rows about a student and those of what the student did."""
        pseudonym = await self._pseudonyms.find(student_id)
        if pseudonym is None:
            return None
        people = Person("subject", pseudonym), Person("actor", pseudonym)
        rows = {row.seq: row for person in people async for row in self._all(person)}
        return [shown_to_subject(rows[seq]) for seq in sorted(rows)] or None

    async def erase(self, student_id: str) -> int:
        """Destroy what leads from a student to their rows; the rows stay, and the chain with them."""
        return int(await self._pseudonyms.forget(student_id))

    async def remains(self, student_id: str) -> int:
        """Return whether anything leads from a student to rows."""
        return int(await self._pseudonyms.find(student_id) is not None)

    async def _all(self, person: Person) -> AsyncIterator[SealedRow]:
        before = None
        while rows := await self._log.newest(before, PAGE, person):
            for row in rows:
                yield row
            before = rows[-1].seq

    # -- whether it is whole

    async def verify(self, known: Iterable[Link] = (), progress: Progress = max) -> AuditVerdict:
        """Follow the whole chain in pages, then look for the rows that are known from elsewhere.

        What the witness was told last is known too.
        """
        chain = await self._log.chain()
        witnessed = self._witness.last()
        faults = Faults(self._seal, chain or self._seal.begin(""))
        kept_after = faults.last.seq
        while rows := await self._log.after(faults.last.seq, PAGE):
            if rows[0].seq != faults.last.seq + 1:
                await self._follow_retention(faults)
            faults.check([row for row in rows if row.seq > faults.last.seq])
            progress(faults.rows, faults.rows if chain is None else max(faults.rows, chain.head.seq - kept_after))
        everything = chained(() if witnessed is None else (witnessed,), known)
        await self._look_for((link for link in everything if link.seq > kept_after), faults)
        head = f"{faults.last.seq}:{faults.last.mac}"
        found = tuple(faults.found)
        if chain is None:
            return AuditVerdict(not found, 0, None, None, found)
        return AuditVerdict(not found, faults.rows, chain.chain_id, head, found)

    async def _follow_retention(self, faults: Faults) -> None:
        """Go on after the rows that retention has taken away in the meantime."""
        chain = await self._log.chain()
        if chain is not None and chain.anchor.seq > faults.last.seq:
            faults.go_on_after(chain)

    async def _look_for(self, known: Iterable[Link], faults: Faults) -> None:
        links = iter(known)
        while batch := list(islice(links, PAGE // 2)):
            there = {row.seq: row for row in await self._log.at([link.seq for link in batch])}
            for link in batch:
                faults.compare(link, there.get(link.seq))

    # -- how long it is kept

    async def trim(self) -> int:
        """Forget rows that are too old, as far as the chain is whole; return how many."""
        first_day = day_of(self._clock()) - self._days + 1
        chain, forgotten = await self._log.chain(), 0
        while chain is not None:
            # The newest row stays, whatever its age: the next one is tied to it.
            rows = await self._log.after(chain.anchor.seq, PAGE)
            old = _older(rows, first_day * DAY_US, chain.head.seq)
            faults = Faults(self._seal, chain)
            faults.check(old)
            if faults.found:
                _audit.error(
                    "AUDIT rows of the trail were changed, none are forgotten", extra={"after": chain.anchor.seq}
                )
            if faults.found or not old:
                break
            chain = replace(chain, anchor=faults.last, signature=self._seal.signature(chain.chain_id, faults.last))
            await self._log.trim(chain)
            forgotten += len(old)
        await self._pseudonyms.trim(first_day - 1)
        return forgotten


def _answer(rows: Sequence[SealedRow], before: int | None) -> AuditAnswer:
    return AuditAnswer(tuple(map(entry_of, rows)), None if before is None else f"{before:x}")


def _position(cursor: str) -> int:
    if not _CURSOR.fullmatch(cursor):
        detail = "The cursor is not one that this service gave."
        raise BadRequest(detail, [Reason("cursor", "is not a cursor of this list")])
    return int(cursor, 16)


def _older(rows: Sequence[SealedRow], than_us: int, newest: int) -> list[SealedRow]:
    return list(takewhile(lambda row: row.seq < newest and read_row(row).at_us < than_us, rows))


def _is_of(row: AuditRow, people: Sequence[Person]) -> bool:
    return all(getattr(row, person.part) == person.pseudonym for person in people)
