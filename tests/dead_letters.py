"""Dead letters for tests: how the consumer makes them, and fakes of where they are read and remembered.

The fakes pass ``tests/contract/test_dead_letters.py``, as what they stand in for.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from src.dead_letters import Record, dead_letter, read_back, students_in
from src.errors import Reason
from src.ports import DeadLetter, DeadLetterPage, DeadLetterRecord, Handled, Message
from tests.making import NOW_US, wire

GROUP = "mastery-engine-group"
INVALID = (Reason("data.correct_answers", "must not be more than total_questions"), Reason("topic", "must be text"))
READ_MS = NOW_US // 1000 - 2000
BURIED_MS = NOW_US // 1000
INVALID_VALUE = json.dumps(wire(topic=7, data={"total_questions": 4, "correct_answers": 5})).encode()


def message(
    value: bytes | None = INVALID_VALUE, *, key: bytes | None = b"student-1", code: str = "invalid", offset: int = 41
) -> Message:
    """Return a dead letter as the consumer sends it, of a record that came with a header of its own."""
    record = Record(2, offset, key, value, (("trace", b"\xff\x00"), ("empty", None)), READ_MS)
    return dead_letter(record, code, INVALID, group=GROUP, event_id="e-1", correlation_id="request-7")


def letter(
    offset: int = 0,
    *,
    partition: int = 0,
    value: bytes | None = INVALID_VALUE,
    code: str = "invalid",
    timestamp_ms: int | None = None,
) -> DeadLetterRecord:
    """Return the same as it is read from a place in the topic."""
    sent = message(value, code=code)
    at_ms = BURIED_MS + offset if timestamp_ms is None else timestamp_ms
    told = read_back(sent.headers, partition=partition, offset=offset, timestamp_ms=at_ms)
    told = replace(told, students=students_in(sent.key, sent.value, sent.headers))
    return DeadLetterRecord(told, sent.key, sent.value, sent.headers)


class MemoryDeadLetters:
    """The log in a list; a page looks at so many records and no more."""

    def __init__(self, records: Iterable[DeadLetterRecord] = (), *, looks_at: int = 10_000) -> None:
        self.records = list(records)
        self.looks_at = looks_at

    async def newest(self, before: Mapping[int, int], *, limit: int, reason: str | None) -> DeadLetterPage:
        left = {record.letter.partition: 10**9 for record in self.records} | dict(before)
        found: list[DeadLetter] = []
        for looked_at, one in enumerate(self._newest_first(left)):
            if len(found) == limit or looked_at == self.looks_at:
                return DeadLetterPage(tuple(found), left)
            left[one.partition] = one.offset
            if reason in (None, one.reason):
                found.append(one)
        return DeadLetterPage(tuple(found), None)

    def _newest_first(self, before: Mapping[int, int]) -> list[DeadLetter]:
        letters = [record.letter for record in self.records if record.letter.offset < before[record.letter.partition]]
        return sorted(letters, key=lambda one: (one.timestamp_ms, one.offset), reverse=True)

    async def find(self, partition: int, offset: int) -> DeadLetterRecord | None:
        place = partition, offset
        return next((one for one in self.records if (one.letter.partition, one.letter.offset) == place), None)


class MemoryDeadLetterIndex:
    """The index in a dictionary."""

    def __init__(self) -> None:
        self.entries: dict[tuple[int, int, int], Handled] = {}
        self.students: dict[tuple[int, int, int], frozenset[str]] = {}

    async def handled(self, letters: Sequence[DeadLetter]) -> list[Handled | None]:
        return [self.entries.get(_key(one)) for one in letters]

    async def remember(self, letter: DeadLetter, handled: Handled) -> Handled:
        self.students[_key(letter)] = letter.students
        return self.entries.setdefault(_key(letter), handled)

    async def forget(self, student_id: str) -> int:
        keys = self._of(student_id)
        for key in keys:
            del self.entries[key], self.students[key]
        return len(keys)

    async def kept(self, student_id: str) -> int:
        return len(self._of(student_id))

    def _of(self, student_id: str) -> list[tuple[int, int, int]]:
        return [key for key, students in self.students.items() if student_id in students]


def _key(letter: DeadLetter) -> tuple[int, int, int]:
    return letter.partition, letter.offset, letter.timestamp_ms


class MemoryQueue:
    """Takes what is published."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        self.messages += messages
