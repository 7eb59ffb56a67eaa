"""Dead letters of erased students are not shown, and those of the others are personal data like any other."""

from collections.abc import Mapping

import msgspec

from .dead_letter_answers import content_of, summary_of
from .domain.erasures import Erasure, Pseudonym
from .ports import DeadLetter, DeadLetterIndex, DeadLetterLog, DeadLetterPage, DeadLetterRecord, ErasureLedger

_PAGE = 1000


class VisibleDeadLetters:
    """The log without what was received of students who were erased then, or had not consented again."""

    def __init__(self, log: DeadLetterLog, *, ledger: ErasureLedger, pseudonym: Pseudonym) -> None:
        self._log = log
        self._ledger = ledger
        self._pseudonym = pseudonym

    async def newest(self, before: Mapping[int, int], *, limit: int, reason: str | None) -> DeadLetterPage:
        """Return the newest of one reason or of all; a page may hold fewer than there are."""
        page = await self._log.newest(before, limit=limit, reason=reason)
        erasures = await self._ledger.read()
        return DeadLetterPage(tuple(one for one in page.letters if not self._is_hidden(one, erasures)), page.next)

    async def find(self, partition: int, offset: int) -> DeadLetterRecord | None:
        """Return one, None where there is none to be shown."""
        record = await self._log.find(partition, offset)
        if record is None or self._is_hidden(record.letter, await self._ledger.read()):
            return None
        return record

    def _is_hidden(self, letter: DeadLetter, erasures: Mapping[str, Erasure]) -> bool:
        if not erasures:
            return False
        found = (erasures.get(self._pseudonym(student_id)) for student_id in letter.students)
        return any(erasure is not None and erasure.refuses(letter.received_ms * 1000) for erasure in found)


class StudentDeadLetters:
    """What dead letters hold of a student, as a place with personal data.

    The records stay in the topic for as long as it keeps them; what goes is the memory of what was done with them.
    """

    def __init__(self, log: DeadLetterLog, *, index: DeadLetterIndex) -> None:
        self._log = log
        self._index = index

    async def export(self, student_id: str) -> object | None:
        """Return the dead letters that can be told to be of a student, with all that they hold."""
        found = []
        before: Mapping[int, int] | None = {}
        while before is not None:
            page = await self._log.newest(before, limit=_PAGE, reason=None)
            theirs = [letter for letter in page.letters if student_id in letter.students]
            for letter, handled in zip(theirs, await self._index.handled(theirs), strict=True):
                record = await self._log.find(letter.partition, letter.offset)
                held = (record.key, record.value) if record is not None else (None, None)
                found.append(
                    {
                        "dead_letter": msgspec.to_builtins(summary_of(letter, handled)),
                        "key": msgspec.to_builtins(content_of(held[0])),
                        "value": msgspec.to_builtins(content_of(held[1])),
                    }
                )
            before = page.next
        return found or None

    async def erase(self, student_id: str) -> int:
        """Forget what was done with them, and return of how many."""
        return await self._index.forget(student_id)

    async def remains(self, student_id: str) -> int:
        """Return of how many it is remembered what was done."""
        return await self._index.kept(student_id)
