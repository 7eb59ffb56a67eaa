"""Events of many students, and among them what a consumer must survive: repetitions, contradictions, rubbish."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

CANARY = "canary.person@example.org"
"""Personal data, in fields that are not read: it must be found nowhere outside the records themselves."""

DEPTH = 100_000
_TOPICS = ("loops", "functions", "lists", "strings", "files", "classes", "errors", "recursion")
_DAYS = 80  # far from the edge of the window, so that no event is too old at midnight


@dataclass(frozen=True, slots=True)
class Sending:
    """One record to be sent."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Mix:
    """How many records in a thousand are something else than a new, valid event."""

    duplicates: int = 40
    conflicts: int = 4
    expired: int = 4
    invalid: int = 6


PURE = Mix(0, 0, 0, 0)


class Generator:
    """Makes records, the same for the same seed and name; the name is part of every id."""

    def __init__(self, name: str, *, seed: int = 0, students: int = 50) -> None:
        self._name = name
        self._dice = random.Random(f"{name}/{seed}")
        self._students = [f"{name}-{number}" for number in range(students)]
        self._made = 0
        self._earlier: list[dict[str, Any]] = []
        self._now = datetime.now(UTC)

    def event(self, student_id: str | None = None, **fields: Any) -> dict[str, Any]:
        """Return a new event in its plain form."""
        self._made += 1
        event_type = self._dice.choice(tuple(_DATA))
        age = timedelta(seconds=self._dice.randrange(_DAYS * 86_400))
        usual = {
            "event_id": f"{self._name}-e{self._made}",
            "event_type": event_type,
            "student_id": student_id or self._dice.choice(self._students),
            "timestamp": (self._now - age).isoformat(),
            "topic": self._dice.choice(_TOPICS),
            "source": CANARY,
            "contact": CANARY,
            "data": _DATA[event_type](self._dice) | {"e_mail": CANARY},
        }
        return usual | fields

    def records(self, number: int, mix: Mix | None = None) -> Iterator[Sending]:
        """Yield so many new events, and between them the rest of the mix."""
        mix = Mix() if mix is None else mix
        for _ in range(number):
            event = self.event()
            self._earlier.append(event)
            yield record(event)
            chance = self._dice.randrange(1000)
            for share, make in (
                (mix.duplicates, self._duplicate),
                (mix.conflicts, self._conflict),
                (mix.expired, self._expired),
                (mix.invalid, self._invalid),
            ):
                if 0 <= chance < share:
                    yield make()
                chance -= share

    def _duplicate(self) -> Sending:
        return record(self._dice.choice(self._earlier[-1000:]))

    def _conflict(self) -> Sending:
        event = self._dice.choice(self._earlier[-1000:])
        return record(event | {"topic": "another-" + event["topic"]})

    def _expired(self) -> Sending:
        return record(self.event(timestamp=(self._now - timedelta(days=200)).isoformat()))

    def _invalid(self) -> Sending:
        return self._dice.choice(rubbish(self._dice.choice(self._students)))


def record(event: dict[str, Any], *, partition: int | None = None) -> Sending:
    """Return the record of an event, under the key that it belongs to."""
    return Sending(event["student_id"].encode(), json.dumps(event).encode(), partition=partition)


def rubbish(student_id: str) -> list[Sending]:
    """Return records that can never be applied, one of each kind."""
    key = student_id.encode()
    unknown = {
        "event_id": "unknown-1",
        "event_type": f"lesson.{CANARY}",
        "student_id": student_id,
        "timestamp": f"yesterday, says {CANARY}",
        "data": {"score": CANARY},
    }
    return [
        Sending(key, b"{ not JSON, " + CANARY.encode()),
        Sending(key, b"\xff" + CANARY.encode()),
        Sending(key, b"[" * DEPTH + b"]" * DEPTH),
        Sending(key, None),
        Sending(key, json.dumps(unknown).encode()),
        Sending(None, b"", (("x-request-id", b"\x1b[31m\r\nforged"),)),
    ]


def _exercise(dice: random.Random) -> dict[str, Any]:
    data: dict[str, Any] = {"exercise_id": f"ex-{dice.randrange(40)}", "time_spent_s": dice.randrange(900)}
    total = dice.randrange(1, 60)
    how: dict[str, Any] = dice.choice(
        (
            {"passed": dice.random() < 0.6},
            {"score": round(dice.random(), 3)},
            {"total_exercises": total, "completed_exercises": dice.randrange(total + 1)},
        )
    )
    return data | how | {"difficulty": dice.choice(("beginner", "intermediate", "advanced"))}


def _quiz(dice: random.Random) -> dict[str, Any]:
    total = dice.randrange(1, 8)
    right = dice.randrange(total + 1)
    responses = [
        {"item": f"item-{number}", "skills": ["iteration"], "correct": number < right} for number in range(total)
    ]
    return {"total_questions": total, "correct_answers": right, "responses": responses}


def _quality(dice: random.Random) -> dict[str, Any]:
    return {"code_quality_score": round(dice.random(), 3), "correctness_score": round(dice.random(), 2)}


def _run(dice: random.Random) -> dict[str, Any]:
    failed = {"success": False, "error_type": dice.choice(("NameError", "TypeError"))}
    return {"exercise_id": f"ex-{dice.randrange(5)}", **(failed if dice.random() < 0.5 else {"success": True})}


def _help(dice: random.Random) -> dict[str, Any]:
    return {"message_kind": dice.choice(("stuck", "question")), "exercise_id": f"ex-{dice.randrange(5)}"}


_DATA = {
    "exercise.completed": _exercise,
    "quiz.completed": _quiz,
    "quality.assessed": _quality,
    "activity.recorded": lambda _: {},
    "code.executed": _run,
    "help.requested": _help,
}
