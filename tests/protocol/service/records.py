"""Random records as producers send them: new events, copies, conflicting contents, and what can never be applied."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from src.domain.days import DAY_US

from ..schedule import Chance

STUDENTS = ("ada", "s-1", "grace", "x.2")
_TOPICS = ("loops", "lists", None)
_ITEMS = ("x-1", "x-2")


@dataclass(frozen=True, slots=True)
class Sent:
    """A record as it stands in the log."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int
    what: str


class Producers:
    """All who send events of some students."""

    def __init__(self, chance: Chance, students: int) -> None:
        self._chance = chance
        self._students = STUDENTS[:students]
        self._known: list[dict[str, Any]] = []

    def send(self, now_us: int) -> tuple[int, Sent]:
        """Return the number of the student and the next record."""
        wire, what = self._wire(now_us)
        number = self._students.index(wire["student_id"])
        what = f"{what} {wire['event_id']} of {wire['student_id']}: {wire['event_type']} {wire.get('topic')}"
        value: bytes | None
        value, headers = self._encoded(wire)
        if self._chance.happens(0.1):
            value, what = self._spoilt(wire), f"INVALID {what}"
        key = None if self._chance.happens(0.1) else wire["student_id"].encode()
        return number, Sent(key, value, headers, now_us // 1000, what)

    def _wire(self, now_us: int) -> tuple[dict[str, Any], str]:
        draw = self._chance.random()
        if not self._known or draw > 0.3:
            wire = self._new(now_us)
            self._known.append(wire)
            return wire, "new"
        wire = self._chance.choice(self._known)
        if draw > 0.08:
            return wire | {"source": "somebody else"}, "again"
        others = [topic for topic in _TOPICS if topic != wire["topic"]]
        return wire | {"topic": self._chance.choice(others)}, "CONFLICTING"

    def _new(self, now_us: int) -> dict[str, Any]:
        kind = self._chance.choice(sorted(_DATA))
        return {
            "event_id": f"e-{len(self._known)}",
            "event_type": kind,
            "student_id": self._chance.choice(self._students),
            "timestamp": (now_us - self._age_us()) // 1000,
            "topic": self._chance.choice(_TOPICS),
            "data": _DATA[kind](self._chance),
        }

    def _age_us(self) -> int:
        """Most are of now; some are late, a few too late, and a few from a clock that is fast."""
        draw = self._chance.random()
        if draw < 0.05:
            return 100 * DAY_US
        if draw < 0.1:
            return -DAY_US // 2
        return self._chance.randrange(10 * DAY_US) if draw < 0.5 else 0

    def _encoded(self, wire: dict[str, Any]) -> tuple[bytes, tuple[tuple[str, bytes | None], ...]]:
        """Return it plain, or in a CloudEvents envelope; that makes no difference to its content."""
        form = self._chance.randrange(3)
        if form == 0:
            return json.dumps(wire).encode(), (("x-request-id", b"r-1"),)
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=wire["timestamp"])
        attributes = {"specversion": "1.0", "id": wire["event_id"], "time": moment.isoformat(), "source": "tests"}
        if form == 1:
            return json.dumps(attributes | {"type": wire["event_type"], "data": wire}).encode(), ()
        return json.dumps(wire).encode(), tuple((f"ce_{name}", text.encode()) for name, text in attributes.items())

    def _spoilt(self, wire: dict[str, Any]) -> bytes | None:
        ways = (None, b"{", b"[]", json.dumps(wire | {"student_id": "no:body"}).encode(), json.dumps({}).encode())
        return self._chance.choice(ways)


def _quiz(chance: Chance) -> dict[str, Any]:
    total = chance.randint(1, 9)
    answers = chance.choice((0, 0, 2, 90))
    responses = [{"item": f"q-{n}", "skills": ["s"], "correct": chance.happens(0.5)} for n in range(answers)]
    told = {"responses": responses} if responses else {}
    return {"total_questions": total, "correct_answers": chance.randint(0, total), **told}


def _exercise(chance: Chance) -> dict[str, Any]:
    return {"exercise_id": chance.choice(_ITEMS), "passed": chance.happens(0.6), "time_spent_s": chance.randrange(900)}


def _run(chance: Chance) -> dict[str, Any]:
    success = chance.happens(0.3)
    return {"exercise_id": chance.choice(_ITEMS), "success": success} | ({} if success else {"error_type": "NameError"})


def _quality(chance: Chance) -> dict[str, Any]:
    return {"code_quality_score": chance.randrange(5) / 4}


def _help(chance: Chance) -> dict[str, Any]:
    return {"message_kind": chance.choice(("stuck", "question")), "exercise_id": chance.choice(_ITEMS)}


def _activity(chance: Chance) -> dict[str, Any]:
    del chance
    return {}


_DATA = {
    "quiz.completed": _quiz,
    "exercise.completed": _exercise,
    "code.executed": _run,
    "quality.assessed": _quality,
    "help.requested": _help,
    "activity.recorded": _activity,
}
