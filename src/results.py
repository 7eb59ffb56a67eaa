"""What the service tells of a student: CloudEvents on ``mastery.results``.

An id is a hash of the content, and the content holds no time of processing: equal ids mean equal bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeAlias

import msgspec

from .answers import MasteryAnswer, mastery_answer
from .domain.days import DAY_US, day_of, to_text
from .domain.erasures import revision
from .domain.levels import Level
from .domain.mastery import window
from .domain.model import MasteryModel
from .domain.outcomes import Recent
from .domain.struggles import Struggle, as_struggle, open_signals
from .ports import Derivable, Message, Topic

SOURCE = "/mastery-engine"
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
_HEADERS = (("content-type", CONTENT_TYPE.encode()),)
TYPES = {kind: f"com.learnflow.mastery.{kind}.v1" for kind in ("updated", "level.changed", "struggle.detected")}
_WHOLE = ""
_encode = msgspec.json.Encoder(order="deterministic").encode
_DATA = b'{"data":%b,"datacontenttype":"application/json",'
_ABOUT = {
    kind: f'"source":"{SOURCE}","specversion":"1.0","subject":"%b","time":"%b","type":"{name}"}}'.encode()
    for kind, name in TYPES.items()
}


@dataclass(frozen=True, slots=True)
class Told:
    """What was last told of a student: the level of each topic, of the whole under an empty name, and what is open."""

    levels: dict[str, Level | None]
    struggles: tuple[str, ...]

    def encoded(self) -> bytes:
        """Return it as bytes, the same for the same content."""
        return _encode(self)


NOTHING_TOLD = Told({}, ())
_decode_told = msgspec.json.Decoder(Told).decode


Causes: TypeAlias = Mapping[str, int]
"""The ids of the events that a result answers, each with the instant when it occurred."""


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from one version of a student's state: today's answer, the messages, and what is told with them."""

    today: MasteryAnswer
    messages: tuple[Message, ...]
    told: Told


def told(body: bytes | None) -> Told:
    """Return what was told, from its bytes."""
    return NOTHING_TOLD if body is None else _decode_told(body)


@dataclass(frozen=True, slots=True)
class Frame:
    """What results are derived with: the configuration, today, and the first day that retention keeps."""

    model: MasteryModel
    today: int
    kept_from: int

    def answer(self, student_id: str, state: Derivable, as_of: int) -> MasteryAnswer:
        """Return where a student stands at the end of a day."""
        return mastery_answer(student_id, state.aggregates, window(as_of, self.kept_from), self.model, None)


def derive(
    student_id: str, state: Derivable, causes: Causes, before: Told, frame: Frame, *, only_notices: bool = False
) -> Derived:
    """Derive a student's answer as of the day of the newest cause, and what to tell of the last day with evidence.

    Levels and struggles do not follow the day of the causes: a late event takes nothing back of what newer ones led to.
    Where nobody reads the answers, ``only_notices`` spares them.
    """
    last = max([part.days[-1] for part in state.aggregates.series.values()], default=frame.today)
    newest_us = max(causes.values(), default=last * DAY_US)
    as_of, time = day_of(newest_us), to_text(newest_us)
    days = {last, frame.today} if only_notices else {as_of, last, frame.today}
    answers = {day: frame.answer(student_id, state, day) for day in days}
    open_now = open_signals(Recent(others=list(state.others)).since(frame.kept_from).others)
    now = Told(_levels(answers[last]), tuple(sorted(open_now)))
    messages = []
    if not only_notices:
        data = {
            "student_id": student_id,
            "revision": revision(state.erasures, state.events),
            "causes": sorted(causes),
            "mastery": answers[as_of],
        }
        messages.append(_message("updated", student_id, time, data))
    messages += [_message("level.changed", student_id, time, change) for change in _changes(student_id, before, now)]
    messages += [
        _message("struggle.detected", student_id, time, _struggle(student_id, as_struggle(found)))
        for struggle_id, found in open_now.items()
        if struggle_id not in before.struggles
    ]
    return Derived(answers[frame.today], tuple(messages), now)


def _levels(answer: MasteryAnswer) -> dict[str, Level | None]:
    return {_WHOLE: answer.level} | {topic.topic: topic.level for topic in answer.topics}


def _changes(student_id: str, before: Told, now: Told) -> Iterable[dict[str, Any]]:
    for topic in sorted(before.levels.keys() | now.levels.keys()):
        old, new = before.levels.get(topic), now.levels.get(topic)
        if old != new:
            yield {"student_id": student_id, "topic": topic or None, "from": old, "to": new}


def _struggle(student_id: str, struggle: Struggle) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.to_builtins(struggle)
    return {"student_id": student_id} | content


def _message(kind: str, student_id: str, time: str, data: object) -> Message:
    # Names are in order, so the id stands between these two; they are what it is a hash of. No id and no time holds
    # anything that JSON would write in another way.
    first, last = _DATA % _encode(data), _ABOUT[kind] % (student_id.encode(), time.encode())
    event_id = sha256(first + last).hexdigest()[:32]
    return Message(Topic.RESULTS, student_id.encode(), b'%b"id":"%b",%b' % (first, event_id.encode(), last), _HEADERS)
