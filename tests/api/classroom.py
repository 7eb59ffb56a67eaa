"""A class of twelve, each made by what they did to stand where a teacher should find them.

Days are counted back from the moment at which the tests take place.
"""

from datetime import timedelta
from itertools import count
from typing import Any, TypeAlias

import httpx

from tests.making import NOW

from .tokens import bearer

Wire: TypeAlias = dict[str, Any]

COHORT = "twelve"
_numbers = count()


def did(student_id: str, ago: int, kind: str, topic: str, **data: object) -> Wire:
    """Return one event of a student, so many days ago."""
    number = next(_numbers)
    at = NOW - timedelta(days=ago, hours=2) + timedelta(seconds=number)
    return {
        "event_id": f"{student_id}-{number}",
        "event_type": kind,
        "student_id": student_id,
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "topic": topic,
        "data": data,
    }


def practised(student_id: str, topic: str, share: float, *agos: int) -> list[Wire]:
    """Return an exercise and a quiz of twenty questions on each of some days, both with a share of it right."""
    return [
        event
        for ago in agos
        for event in (
            did(student_id, ago, "exercise.completed", topic, score=share, exercise_id=f"{topic}-1"),
            did(student_id, ago, "quiz.completed", topic, total_questions=20, correct_answers=round(20 * share)),
        )
    ]


def tried(student_id: str, topic: str, share: float, *agos: int) -> list[Wire]:
    """Return five exercises on each of some days: whatever came of them, no sign of trouble by itself."""
    return [
        did(student_id, ago, "exercise.completed", topic, score=share, exercise_id=f"{topic}-{number}")
        for ago in agos
        for number in range(5)
    ]


def failed(student_id: str, ago: int, topic: str, exercise: str, error: str, times: int) -> list[Wire]:
    """Return runs of one exercise that all failed alike."""
    data = {"exercise_id": exercise, "success": False, "error_type": error}
    return [did(student_id, ago, "code.executed", topic, **data) for _ in range(times)]


EVENTS: list[Wire] = [
    # Works every other day at the beginning of the course, and gets little right.
    *tried("amy", "variables", 0.25, 6, 4, 2, 0),
    # Good at what was done, and said to be stuck at what comes next.
    *practised("ben", "variables", 0.85, 5, 3, 1),
    did("ben", 1, "help.requested", "numbers", message_kind="stuck"),
    # Quizzes go wrong: a low score, and the sign of it.
    *practised("cal", "variables", 0.3, 3, 1),
    # The same error again and again, though the rest goes well.
    *practised("dan", "variables", 0.8, 4, 2),
    *failed("dan", 1, "strings", "slices", "IndexError", 5),
    # Sits at one exercise for more than ten minutes.
    *practised("eve", "variables", 0.95, 4, 2, 1),
    did("eve", 0, "exercise.completed", "numbers", score=0.4, exercise_id="primes", time_spent_s=1500),
    # Was good, and has not been there for ten days.
    *practised("fay", "variables", 0.9, 14, 12, 10),
    # Went away stuck, eight days ago.
    *practised("gus", "variables", 0.4, 9),
    did("gus", 8, "help.requested", "variables", message_kind="stuck"),
    # Neither struggles nor shines.
    *practised("hal", "variables", 0.7, 6, 4, 2, 0),
    *practised("hal", "numbers", 0.65, 5, 3, 1),
    # One quiz of two questions says next to nothing.
    did("ida", 1, "quiz.completed", "variables", total_questions=2, correct_answers=1),
    # Was stuck, and then was not.
    did("jon", 5, "help.requested", "variables", message_kind="stuck"),
    *practised("jon", "variables", 0.75, 4, 2, 1),
    # Perfect, day after day, in all that was taught so far.
    *practised("kim", "variables", 1, 13, 11, 9, 7, 5, 3, 1),
    *practised("kim", "numbers", 1, 12, 10, 8, 6, 4, 2, 0),
    # Of lea there is nothing at all.
]
STUDENTS = ["amy", "ben", "cal", "dan", "eve", "fay", "gus", "hal", "ida", "jon", "kim", "lea"]
CONTENT = {"name": "Twelve", "teachers": ["teacher-1"], "students": STUDENTS}
URL = f"/api/v1/cohorts/{COHORT}"
TEACHER = bearer("teacher", user_id="teacher-1")


async def ask(client: httpx.AsyncClient, path: str, **headers: str) -> httpx.Response:
    """Ask about the class as its teacher."""
    return await client.get(f"{URL}/{path}", headers=TEACHER | headers)


async def view(client: httpx.AsyncClient, path: str) -> Any:
    """Return what its teacher is answered."""
    answer = await ask(client, path)
    assert answer.status_code == 200, answer.text
    return answer.json()
