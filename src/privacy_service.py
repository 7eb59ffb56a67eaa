"""The use cases of personal data: give out everything, erase everything for good, and take it up again by consent."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from .domain.days import to_text
from .domain.erasures import Erasure, Pseudonym
from .errors import Conflict, Reason
from .ports import Clock, Erasable, ErasureLedger, PersonalData, TopicRetention
from .privacy_answers import ConsentAnswer, ErasureAnswer, ExportAnswer, PlaceReceipt, Receipt

STATE = "state"
_log = logging.getLogger("mastery_engine.privacy")

NO_BACKUPS = (
    "Copies that were made before (backups, snapshots of a disk) are not reached; restored, they are erased again."
)
RAW_RECORDS = (
    "Kafka's topics hold the student's records, dead letters and results until raw_records_until; those are not shown "
    "and not counted, and what is sent later is refused and lies there as long."
)
RAW_FOR_EVER = "A topic of Kafka keeps its records for ever: those of the student stay in it."
LATE_RESULTS = "A result that was derived before the erasure may still be delivered after it."
REJECTED = (
    "Of rejected imports those in this machine's DATA_DIR are reached, and a file that names the student goes whole."
)


class Forgetful(Protocol):
    """Holds what was derived of students in memory, and forgets it."""

    def cached(self, student_id: str) -> int:
        """Return how many answers there are about a student."""

    def forget(self, student_id: str) -> int:
        """Forget them, and return how many there were."""


class CachedAnswers:
    """The answers that this process holds in memory, as a place with personal data."""

    def __init__(self, *holders: Forgetful) -> None:
        self._holders = holders

    async def export(self, student_id: str) -> object | None:
        """Return None: all of it is derived from what other places hold."""
        del student_id
        return None

    async def erase(self, student_id: str) -> int:
        """Forget them, and return how many there were."""
        return sum(holder.forget(student_id) for holder in self._holders)

    async def remains(self, student_id: str) -> int:
        """Return how many there are."""
        return sum(holder.cached(student_id) for holder in self._holders)


class PrivacyService:
    """Works over every place where something about students is stored; the state of students is one of its own.

    An erasure is written to the ledger before anything is deleted, so that it is completed whatever happens in between.
    """

    def __init__(
        self,
        state: Erasable,
        *,
        places: Mapping[str, PersonalData],
        ledger: ErasureLedger,
        pseudonym: Pseudonym,
        clock: Clock,
        topics: TopicRetention | None = None,
    ) -> None:
        self._state = state
        self._places = places
        self._ledger = ledger
        self._pseudonym = pseudonym
        self._clock = clock
        self._topics = topics

    async def export(self, student_id: str) -> ExportAnswer:
        """Return everything stored about a student."""
        erasure = await self._known(student_id)
        held = {STATE: await self._state.export(student_id)}
        for name, place in self._places.items():
            held[name] = await place.export(student_id)
        return ExportAnswer(student_id, to_text(self._clock()), None if erasure is None else _shown(erasure), held)

    async def preview(self, student_id: str) -> Receipt:
        """Return the receipt that an erasure would have; nothing is changed."""
        erasure = _next(await self._known(student_id), self._clock())
        places = {STATE: PlaceReceipt(await self._state.remains(student_id), None)}
        for name, place in self._places.items():
            places[name] = PlaceReceipt(await place.remains(student_id), None)
        until, notes = await self._raw_records()
        return Receipt(
            student_id=student_id,
            dry_run=True,
            erasure=erasure.number,
            at=None,
            places=places,
            verified=None,
            raw_records_until=until,
            notes=notes,
        )

    async def erase(self, student_id: str) -> Receipt:
        """Erase a student everywhere and for good, look whether anything is left, and return the receipt.

        Who is erased already is erased again under the same number: what an erasure that broke off has left goes too.
        """
        until, notes = await self._raw_records()
        started = time.perf_counter()
        before = await self._known(student_id)
        erasure = _next(before, self._clock())
        await self._enter(student_id, erasure)
        entries = {STATE: await self._state.erase(student_id, erasure)}
        for name, place in self._places.items():
            entries[name] = await place.erase(student_id)
        await self._state.sweep()
        erased_s = time.perf_counter() - started
        places = await self._looked_at(student_id, entries)
        verified = not any(place.remaining for place in places.values()) and await self._holds(student_id, erasure)
        fields = {
            "entries": sum(entries.values()),
            "verified": verified,
            "again": before == erasure,
            "seconds": round(erased_s, 3),
        }
        _log.info("ERASURE done", extra=fields)
        return Receipt(
            student_id=student_id,
            dry_run=False,
            erasure=erasure.number,
            at=to_text(erasure.at_us),
            places=places,
            verified=verified,
            raw_records_until=until,
            notes=notes,
        )

    async def restore_consent(self, student_id: str) -> ConsentAnswer:
        """Take events of an erased student again from this moment on; raises ``Conflict`` for one not erased."""
        erasure = await self._known(student_id)
        if erasure is None:
            detail = "The student was not erased: their events are taken."
            raise Conflict(detail, [Reason("student_id", "was not erased")])
        consented = erasure.consented_us or self._clock()
        erasure = replace(erasure, consented_us=consented)
        await self._enter(student_id, erasure)
        # What an erasure that broke off has left must not come back with the consent: it goes in the same step.
        await self._state.erase(student_id, erasure)
        _log.info("ERASURE consent restored", extra={"number": erasure.number})
        return ConsentAnswer(student_id, erasure.number, to_text(consented))

    async def _known(self, student_id: str) -> Erasure | None:
        """Return the newest that the ledger or the state tells of a student."""
        told = (await self._ledger.read()).get(self._pseudonym(student_id))
        marked = await self._state.erasure(student_id)
        return marked if marked is not None and marked.supersedes(told) else told

    async def _enter(self, student_id: str, erasure: Erasure) -> None:
        """See to it that the ledger holds an erasure; what it holds already is not written twice."""
        pseudonym = self._pseudonym(student_id)
        if erasure.supersedes((await self._ledger.read()).get(pseudonym)):
            await self._ledger.write(pseudonym, erasure)

    async def _looked_at(self, student_id: str, entries: Mapping[str, int]) -> dict[str, PlaceReceipt]:
        found = {STATE: PlaceReceipt(entries[STATE], await self._state.remains(student_id))}
        for name, place in self._places.items():
            found[name] = PlaceReceipt(entries[name], await place.remains(student_id))
        return found

    async def _holds(self, student_id: str, erasure: Erasure) -> bool:
        """Tell whether the ledger and the state, read again, both know of an erasure."""
        told = (await self._ledger.read()).get(self._pseudonym(student_id))
        return told == erasure and await self._state.erasure(student_id) == erasure

    async def _raw_records(self) -> tuple[str | None, tuple[str, ...]]:
        notes: Sequence[str] = (NO_BACKUPS, REJECTED)
        if self._topics is None:
            return None, tuple(notes)
        longest_ms = await self._topics.longest_ms()
        if longest_ms is None:
            return None, (*notes, RAW_FOR_EVER, LATE_RESULTS)
        return to_text(self._clock() + longest_ms * 1000), (*notes, RAW_RECORDS, LATE_RESULTS)


async def erase_again(
    erasures: Mapping[str, Erasure], enforce: Callable[[Mapping[str, Erasure]], Awaitable[int]]
) -> None:
    """Apply what the ledger holds to a store, which may have been restored from an older copy."""
    found = await enforce(erasures)
    if found:
        _log.warning("ERASURE applied again", extra={"students": found})


def _next(known: Erasure | None, now_us: int) -> Erasure:
    """Return the erasure that follows: the same one where the student is erased and has not consented since."""
    if known is not None and known.consented_us is None:
        return known
    return Erasure((0 if known is None else known.number) + 1, now_us)


def _shown(erasure: Erasure) -> ErasureAnswer:
    consented = None if erasure.consented_us is None else to_text(erasure.consented_us)
    return ErasureAnswer(erasure.number, to_text(erasure.at_us), consented)
