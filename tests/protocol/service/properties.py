"""What must hold of the real service when nothing is left to do."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import msgspec

from src.answers import mastery_answer
from src.dead_letters import read_back
from src.domain.days import day_of, from_date, to_date
from src.domain.erasures import revision
from src.domain.mastery import window
from src.domain.state import StudentState
from src.ports import Derivable, Message, Offsets, Topic
from src.results import NOTHING_TOLD, Frame, Told, derive
from src.state_manager import PLAIN, StateKeyPatterns, snapshot_values
from tests.making import PSEUDONYM, TODAY

from ..schedule import Fault
from .backend import Stored
from .expected import Expected, ExpectedStudent, Place
from .surroundings import MODEL, NAMES, RETENTION, Surroundings

_FORGETTING = frozenset({Fault.ROLLBACK, Fault.REPLACEMENT})
_UNSEEN = frozenset({Fault.DEATH, Fault.LOST_REPORTS})


class Results(NamedTuple):
    """What was published of one student: the data of each kind of event, in order."""

    updates: list[dict[str, Any]]
    levels: list[dict[str, Any]]
    struggles: list[dict[str, Any]]


async def violations(around: Surroundings) -> set[str]:
    """Return the names of the properties that do not hold."""
    erasures = around.ledger.entries
    expected = Expected(around.group.log, erasures)
    stored = {one.student_id: await around.backend.stored(one.student_id, one.copies) for one in expected.students}
    results = around.broker.of(Topic.RESULTS)
    found = {
        *_of_offsets(around, await around.backend.offsets(NAMES)),
        *_of_dead_letters(around, expected, stored),
        *_of_ids(results),
    }
    for student_id in expected.erased:
        left = await around.backend.stored(student_id, [])
        if left.state is not None or left.values:
            found.add("what was erased stays erased")
    for student in expected.students:
        kept = stored[student.student_id]
        found |= set(_of_state(student, kept))
        if kept.contents.keys() == student.copies.keys():
            found |= set(_of_what_was_told(around, student, kept, _of_one(student.student_id, results)))
    return found


def _of_offsets(around: Surroundings, offsets: Sequence[Offsets]) -> Iterator[str]:
    ends = [len(records) or None for records in around.group.log]
    if [one.applied for one in offsets] != ends:
        yield "the applied offset reaches the end"
    if [one.published for one in offsets] != ends:
        yield "the published offset reaches the end"


def _of_dead_letters(around: Surroundings, expected: Expected, stored: Mapping[str, Stored]) -> Iterator[str]:
    buried: set[Place] = set()
    for letter in around.broker.of(Topic.DEAD_LETTERS):
        origin = read_back(letter.headers, partition=0, offset=0, timestamp_ms=0).origin
        assert origin is not None
        sent = around.group.log[origin.partition][origin.offset]
        if (letter.key, letter.value) != (sent.key, sent.value):
            yield "a dead letter has the bytes of its record"
        buried.add((origin.partition, origin.offset))
    differing = (place for one in expected.students for place in one.differing(stored[one.student_id].contents))
    must = expected.invalid.union(differing)
    if must - buried:
        yield "what is invalid or conflicts is buried"
    # A store that has forgotten which content came first may decide otherwise the second time.
    forgot = _FORGETTING & around.plan.faults
    if buried - expected.refused - must.union(place for one in expected.students for place in one.disputed() if forgot):
        yield "nothing else is buried"


def _of_ids(results: Iterable[Message]) -> Iterator[str]:
    contents: defaultdict[str, set[Message]] = defaultdict(set)
    for message in results:
        contents[msgspec.json.decode(message.value or b"")["id"]].add(message)
    if any(len(same) > 1 for same in contents.values()):
        yield "equal ids mean equal bytes"


def _of_state(student: ExpectedStudent, kept: Stored) -> Iterator[str]:
    if kept.contents.keys() - student.copies.keys():
        yield "what was erased stays erased"
    elif kept.state is None or kept.contents.keys() != student.copies.keys():
        yield "nothing is lost"
    elif any(kept.contents[name] not in {c.event.content for c in found} for name, found in student.copies.items()):
        yield "content is one of those sent"
    else:
        final = student.state(kept.contents)
        if (kept.state.canonical(), kept.state.events) != (final.canonical(), final.events):
            yield "the state is that of the events, each counted once"


def _of_one(student_id: str, results: Iterable[Message]) -> Results:
    found = Results([], [], [])
    kinds = {"updated": found.updates, "level.changed": found.levels, "struggle.detected": found.struggles}
    for message in results:
        event = msgspec.json.decode(message.value or b"")
        if event["subject"] == student_id:
            kind = event["type"].removeprefix("com.learnflow.mastery.").removesuffix(".v1")
            kinds[kind].append(event["data"] | {"time": event["time"]})
    return found


def _of_what_was_told(around: Surroundings, student: ExpectedStudent, kept: Stored, results: Results) -> Iterator[str]:
    final = student.state(kept.contents)
    causes = {event_id for update in results.updates for event_id in update["causes"]}
    erasure = around.ledger.entries.get(PSEUDONYM(student.student_id))
    # Results may have been published of what was erased later.
    if student.copies.keys() - causes or (erasure is None and causes != student.copies.keys()):
        yield "every event is a cause"
    erasures = 0 if erasure is None else erasure.number
    yield from _of_updates(around, student.student_id, final, erasures, results.updates)
    told = _told(around, student.student_id, final)
    if kept.values.get(StateKeyPatterns.TOLD.format(student_id=student.student_id)) != told.encoded():
        yield "the mark is of the final state"
    yield from _of_notices(around, told, results)
    yield from _of_snapshots(around, student.student_id, final, kept)


def _of_updates(
    around: Surroundings, student_id: str, final: StudentState, erasures: int, updates: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    kept_froms = [RETENTION.kept_from(today) for today in range(TODAY, day_of(around.now_us) + 1)]

    def is_right(update: Mapping[str, Any]) -> bool:
        as_of = from_date(date.fromisoformat(update["time"][:10]))
        answers = (_answer(student_id, final, as_of, kept_from) for kept_from in kept_froms)
        shown = [msgspec.json.decode(msgspec.json.encode(answer)) for answer in answers]
        return update["revision"] == revision(erasures, final.events) and update["mastery"] in shown

    # Of several with the same revision the reader has the last.
    newest = sorted(updates, key=lambda update: int(update["revision"]))
    if not [update for update in newest[-1:] if is_right(update)]:
        yield "the update with the highest revision is of the final state"
    # A consumer that had lost its partition and dies may leave an old one behind.
    last = [update for update in updates[-1:] if is_right(update)]
    if not last and not around.has(Fault.DEATH):
        yield "the last update is of the final state"


def _of_notices(around: Surroundings, told: Told, results: Results) -> Iterator[str]:
    if set(told.struggles) - {struggle["id"] for struggle in results.struggles}:
        yield "every open struggle was noticed"
    noticed: defaultdict[str, list[str | None]] = defaultdict(list)
    for change in results.levels:
        noticed[change["topic"] or ""].append(change["to"])
    if any(level is not None and level not in noticed[topic] for topic, level in told.levels.items()):
        yield "the level that holds was noticed"
    # So may one that dies, or one that does not know what arrived, and a store that has forgotten what was noticed.
    last = {topic: levels[-1] for topic, levels in noticed.items() if levels}
    wrong = any(level != told.levels.get(topic) for topic, level in last.items())
    if wrong and not around.plan.faults & (_UNSEEN | _FORGETTING):
        yield "the last notice is of the final state"


def _of_snapshots(around: Surroundings, student_id: str, final: StudentState, kept: Stored) -> Iterator[str]:
    marker = StateKeyPatterns.MASTERY.format(student_id=student_id, date="")
    days = [day for day in range(TODAY, day_of(around.now_us) + 1) if f"{marker}{to_date(day)}" in kept.values]
    if not days:
        yield "there is a snapshot"
        return
    written = {key: value for key, value in kept.values.items() if key.startswith(f"{marker}{to_date(days[-1])}")}
    answer = _answer(student_id, final, days[-1], RETENTION.kept_from(days[-1]))
    if written != {
        PLAIN.of(pattern, student_id): value for pattern, value in snapshot_values(days[-1], answer).items()
    }:
        yield "the snapshot is of the final state"


def _answer(student_id: str, final: StudentState, as_of: int, kept_from: int) -> Any:
    return mastery_answer(student_id, final.aggregates, window(as_of, kept_from), MODEL, None)


def _told(around: Surroundings, student_id: str, final: StudentState) -> Told:
    """Return what is told of a state."""
    today = day_of(around.now_us)
    state = Derivable(0, final.events, final.aggregates, tuple(final.recent.others), None)
    frame = Frame(MODEL, today, RETENTION.kept_from(today))
    return derive(student_id, state, {}, NOTHING_TOLD, frame).told
