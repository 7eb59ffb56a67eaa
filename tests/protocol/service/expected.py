"""What the records in a log come to."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from src.domain.erasures import Erasure
from src.domain.events import Event
from src.domain.state import StudentState
from src.errors import InvalidJSON
from src.event_validator import Invalid, decode_record, validate
from tests.making import PSEUDONYM

from .records import Sent

Place: TypeAlias = tuple[int, int]
"""A partition and an offset."""


class Copy(NamedTuple):
    """An event as it stands at one place in the log."""

    event: Event
    place: Place


class ExpectedStudent:
    """The events of one student, each id with all its copies."""

    def __init__(self, student_id: str, copies: Mapping[str, Sequence[Copy]]) -> None:
        self.student_id = student_id
        self.copies = copies

    def state(self, contents: Mapping[str, int]) -> StudentState:
        """Return the state in which these contents were counted, each once."""
        state = StudentState()
        for event_id, copies in self.copies.items():
            state.add(next(copy.event for copy in copies if copy.event.content == contents[event_id]))
        return state

    def differing(self, contents: Mapping[str, int]) -> Iterator[Place]:
        """Yield the places of the copies with other contents."""
        for event_id, copies in self.copies.items():
            yield from (copy.place for copy in copies if copy.event.content != contents.get(event_id))

    def disputed(self) -> Iterator[Place]:
        """Yield the places of all copies of which there is more than one content."""
        for copies in self.copies.values():
            if len({copy.event.content for copy in copies}) > 1:
                yield from (copy.place for copy in copies)


class Expected:
    """What is in a log: what can never be applied, and the events of every student, but those that are refused.

    ``refused`` are the places of those, ``known`` the students of all.
    """

    def __init__(self, log: Sequence[Sequence[Sent]], erasures: Mapping[str, Erasure]) -> None:
        self.invalid: set[Place] = set()
        self.refused: set[Place] = set()
        self.known: set[str] = set()
        found: defaultdict[str, defaultdict[str, list[Copy]]] = defaultdict(lambda: defaultdict(list))
        for partition, records in enumerate(log):
            for offset, sent in enumerate(records):
                event = _read(sent)
                if event is None:
                    self.invalid.add((partition, offset))
                elif not event.expired:
                    self.known.add(event.student_id)
                    erasure = erasures.get(PSEUDONYM(event.student_id))
                    if erasure is not None and erasure.refuses(event.received_us):
                        self.refused.add((partition, offset))
                        continue
                    found[event.student_id][event.event_id].append(Copy(event, (partition, offset)))
        self.students = [ExpectedStudent(student_id, found[student_id]) for student_id in sorted(found)]
        self.erased = sorted(self.known - found.keys())


def _read(sent: Sent) -> Event | None:
    try:
        checked = validate(decode_record(sent.value, sent.headers), sent.timestamp_ms * 1000)
    except InvalidJSON:
        return None
    return None if isinstance(checked, Invalid) else checked
