"""What must hold in the end, whatever was done meanwhile, worked out from Kafka's log in the order of offsets."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import msgspec

from src.domain.days import from_date
from src.domain.events import WINDOW_DAYS, Event
from src.domain.state import StudentState
from src.errors import InvalidJSON
from src.event_validator import decode_record, validate
from tests.reference import differences, expected_mastery

from .generator import CANARY
from .topics import EVENTS, Stored

UPDATED = "com.learnflow.mastery.updated.v1"
SHOWN = 5
_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(slots=True)
class Expected:
    """What follows from the log."""

    states: dict[str, StudentState] = field(default_factory=dict)
    counted: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    dead: dict[tuple[int, int], Stored] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)

    def dump(self) -> bytes:
        """Return what ``dump --all`` has to print."""
        kept_from = from_date(datetime.now(UTC).date()) - WINDOW_DAYS + 1
        students = []
        for student_id, state in sorted(self.states.items()):
            state.trim(kept_from)
            students.append(b"\n" + _encode({"student_id": student_id, **state.canonical()}))
        return b"[" + b",".join(students) + (b"\n]\n" if students else b"]\n")


def fold(log: Iterable[Stored]) -> Expected:
    """Count every event once; of several with one id the first is the one that counts."""
    expected = Expected()
    contents: dict[tuple[str, str], int] = {}
    for record in log:
        status, event = _judge(record, contents)
        expected.statuses[status] += 1
        if status in {"invalid", "conflict"}:
            expected.dead[record.partition, record.offset] = record
        if status == "applied" and event is not None:
            contents[event.student_id, event.event_id] = event.content
            expected.states.setdefault(event.student_id, StudentState()).add(event)
            expected.counted[event.student_id].append(json.loads(record.value or b""))
    return expected


def _judge(record: Stored, contents: Mapping[tuple[str, str], int]) -> tuple[str, Event | None]:
    try:
        event = validate(decode_record(record.value, record.headers), record.timestamp_ms * 1000)
    except InvalidJSON:
        return "invalid", None
    if not isinstance(event, Event):
        return "invalid", None
    if event.expired:
        return "expired", event
    content = contents.get((event.student_id, event.event_id))
    if content is None:
        return "applied", event
    return "duplicate" if content == event.content else "conflict", event


@dataclass(frozen=True, slots=True)
class Found:
    """What the service has left behind."""

    dump: bytes
    results: Iterable[Stored]
    dead_letters: Iterable[Stored]
    committed: Mapping[int, int]
    offsets: Mapping[int, tuple[int, int]]
    ends: Mapping[int, int]
    logs: str


def violations(expected: Expected, found: Found, *, sample: int = 60) -> list[str]:
    """Return everything that does not hold; answers are worked out a second time for a sample of the students."""
    return [
        *_state(expected, found.dump),
        *_results(expected, found.results, sample),
        *_dead_letters(expected, found.dead_letters),
        *_offsets(found),
        *_privacy(found),
    ]


def _state(expected: Expected, dump: bytes) -> list[str]:
    wanted = expected.dump()
    if dump == wanted:
        return []
    mine = {one["student_id"]: one for one in json.loads(wanted)}
    theirs = {one["student_id"]: one for one in json.loads(dump)}
    wrong = sorted(student for student in mine.keys() | theirs.keys() if mine.get(student) != theirs.get(student))
    lost, extra = (sum(_ids(a, s) - _ids(b, s) for s in wrong) for a, b in ((mine, theirs), (theirs, mine)))
    return [f"state: {len(wrong)} students differ ({lost} ids lost, {extra} too many), such as {wrong[:SHOWN]}"]


def _ids(dump: Mapping[str, Any], student_id: str) -> int:
    return sum(map(len, dump.get(student_id, {"counted": {}})["counted"].values()))


class _Updated(msgspec.Struct):
    """The data of a result, as far as it is read."""

    student_id: str
    revision: int = 0
    causes: list[str] = []
    mastery: msgspec.Raw = msgspec.Raw(b"null")


class _Result(msgspec.Struct):
    """A result, as far as it is read."""

    id: str
    type: str
    data: _Updated


@dataclass(slots=True)
class _Told:
    """What the results say of one student."""

    causes: set[str] = field(default_factory=set)
    revision: int = -1
    answers: set[bytes] = field(default_factory=set)

    def add(self, data: _Updated) -> None:
        """Take note of a result; of the answers those of the highest revision are kept."""
        self.causes.update(data.causes)
        if data.revision > self.revision:
            self.revision = data.revision
            self.answers.clear()
        if data.revision == self.revision:
            self.answers.add(bytes(data.mastery))


def _results(expected: Expected, results: Iterable[Stored], sample: int) -> list[str]:
    digests: dict[str, bytes] = {}
    told: dict[str, _Told] = defaultdict(_Told)
    found = []
    decode = msgspec.json.Decoder(_Result).decode
    for record in results:
        value = record.value or b""
        result = decode(value)
        digest = sha256(value).digest()
        if digests.setdefault(result.id, digest) != digest:
            found.append(f"results: two contents under {result.id}")
        if CANARY.encode() in value:
            found.append(f"privacy: {CANARY} is in the results")
        if result.type == UPDATED:
            told[result.data.student_id].add(result.data)
    for student_id, events in expected.counted.items():
        one = told[student_id]
        missing = {event["event_id"] for event in events} - one.causes
        if missing:
            found.append(f"results: {len(missing)} events of {student_id} are no cause, such as {min(missing)}")
        if one.revision != len(events):
            found.append(f"results: the last revision of {student_id} is {one.revision} instead of {len(events)}")
    for student_id in list(expected.counted)[:: max(1, len(expected.counted) // sample)]:
        found += _answers(student_id, expected.counted[student_id], told[student_id].answers)
    return found


def _answers(student_id: str, events: list[dict[str, Any]], answers: Iterable[bytes]) -> list[str]:
    now = datetime.now(UTC)
    found = []
    for answer in map(json.loads, answers):
        as_of = date.fromisoformat(answer["as_of"])
        wanted = expected_mastery(events, as_of, now.date(), now, student_id=student_id)
        wrong = differences(answer, wanted)
        if wrong:
            found.append(f"results: the answer of {student_id} as of {as_of} is wrong: {wrong[:SHOWN]}")
    return found


def _dead_letters(expected: Expected, dead_letters: Iterable[Stored]) -> list[str]:
    found, seen = [], set()
    for letter in dead_letters:
        headers = {name: value.decode("utf-8", "replace") for name, value in letter.headers}
        place = int(headers["__connect.errors.partition"]), int(headers["__connect.errors.offset"])
        original = expected.dead.get(place)
        seen.add(place)
        if headers["__connect.errors.topic"] != EVENTS or original is None:
            found.append(f"dead letters: {place} does not belong there")
        elif (original.key, original.value) != (letter.key, letter.value):
            found.append(f"dead letters: {place} was changed")
        if CANARY in "".join(headers[name] for name in headers if name.startswith(("dlq-", "__connect", "kafka_dlt"))):
            found.append(f"dead letters: personal data in the headers of {place}")
    missing = expected.dead.keys() - seen
    return found + ([f"dead letters: {len(missing)} are missing, such as {min(missing)}"] if missing else [])


def _offsets(found: Found) -> list[str]:
    wrong = []
    for number, end in found.ends.items():
        stored = found.offsets.get(number, (0, 0))
        if found.committed[number] != end or stored != (end, end):
            wrong.append(
                f"offsets: partition {number} ends at {end}, "
                f"committed {found.committed[number]}, applied and published {stored}"
            )
    return wrong


def _privacy(found: Found) -> list[str]:
    places = {"the logs": found.logs, "the state": found.dump.decode()}
    return [f"privacy: {CANARY} is in {name}" for name, text in places.items() if CANARY in text]
