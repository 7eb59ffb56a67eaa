"""The standard student, that every figure is about: the same events for the same id and last day.

45 active days out of 90, three topics a day out of eight, an exercise and a quiz of five responses in each, quality
every other active day; both windows of outcomes are full by it.
"""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from src.domain.days import DAY_US, from_date
from src.domain.events import Event
from src.domain.state import StudentState
from src.event_validator import validate

TOPICS = ("variables", "conditionals", "loops", "functions", "lists", "dictionaries", "files", "classes")
ACTIVE_DAYS = 45
TOPICS_A_DAY = 3
QUESTIONS = 5
EVENTS = ACTIVE_DAYS * TOPICS_A_DAY * 2 + (ACTIVE_DAYS + 1) // 2 * TOPICS_A_DAY
"""Events of one standard student."""

Wire = dict[str, Any]


def standard_events(student_id: str, last_day: date) -> Iterator[Wire]:
    """Yield the events of a standard student as producers send them, oldest first."""
    draw = random.Random(student_id)  # noqa: S311  # reproducible, not secret
    for active in range(ACTIVE_DAYS):
        day = last_day - timedelta(days=2 * (ACTIVE_DAYS - 1 - active))
        topics = [TOPICS[(active * TOPICS_A_DAY + place) % len(TOPICS)] for place in range(TOPICS_A_DAY)]
        for hour, topic in enumerate(topics):
            yield _event(student_id, day, hour, "exercise.completed", topic, _exercise(draw, topic))
            yield _event(student_id, day, hour, "quiz.completed", topic, _quiz(draw, topic))
            if active % 2 == 0:
                yield _event(student_id, day, hour, "quality.assessed", topic, _quality(draw))


def standard_state(student_id: str, last_day: date) -> StudentState:
    """Return the state of a standard student at the end of the last day."""
    state = StudentState()
    for wire in standard_events(student_id, last_day):
        state.add(checked(wire, last_day))
    return state


def standard_quiz(student_id: str, last_day: date) -> Wire:
    """Return the newest quiz of a standard student, the event that the figures are multiples of."""
    return [wire for wire in standard_events(student_id, last_day) if wire["event_type"] == "quiz.completed"][-1]


def small_quiz(student_id: str, last_day: date) -> Wire:
    """Return a quiz of the same student and moment without its responses, as small as events come."""
    quiz = standard_quiz(student_id, last_day)
    return quiz | {"data": {name: quiz["data"][name] for name in ("total_questions", "correct_answers")}}


def usual_events(student_id: str, last_day: date) -> Iterator[Wire]:
    """Yield the newest event of each of the usual types, and a quiz without responses as well."""
    newest = {wire["event_type"]: wire for wire in standard_events(student_id, last_day)}
    about = newest["exercise.completed"]
    yield from newest.values()
    yield small_quiz(student_id, last_day)
    told = {"exercise_id": "loops-01", "success": False, "error_type": "TypeError"}
    yield about | {"event_type": "code.executed", "data": told}
    yield about | {"event_type": "help.requested", "data": {"message_kind": "stuck", "exercise_id": "loops-01"}}


def checked(wire: Wire, day: date) -> Event:
    """Return an event as validation leaves it, received at the end of a day."""
    event = validate(wire, (from_date(day) + 1) * DAY_US)
    if not isinstance(event, Event):
        message = f"not a valid event: {event.reasons}"
        raise TypeError(message)
    return event


def _event(student_id: str, day: date, hour: int, kind: str, topic: str, data: Wire) -> Wire:
    # Early in the day, so that no event of today lies more than a day ahead of any clock.
    return {
        "event_id": f"{student_id}-{day}-{topic}-{kind.partition('.')[0]}",
        "event_type": kind,
        "student_id": student_id,
        "timestamp": f"{day}T{hour:02}:15:00Z",
        "topic": topic,
        "source": "exercise-agent",
        "data": data,
    }


def _exercise(draw: random.Random, topic: str) -> Wire:
    return {
        "exercise_id": f"{topic}-{draw.randrange(40):02}",
        "score": round(draw.betavariate(5, 2), 2),
        "difficulty": draw.choice(["beginner", "intermediate", "advanced"]),
        "time_spent_s": draw.randrange(30, 900),
    }


def _quiz(draw: random.Random, topic: str) -> Wire:
    responses = [
        {
            "item": f"{topic}-q{draw.randrange(200):03}",
            "skills": [f"{topic}.{draw.randrange(6)}"],
            "correct": draw.random() < 0.7,  # noqa: PLR2004  # more right than wrong
        }
        for _ in range(QUESTIONS)
    ]
    return {
        "quiz_id": f"{topic}-quiz-{draw.randrange(20):02}",
        "total_questions": QUESTIONS,
        "correct_answers": sum(response["correct"] is True for response in responses),
        "time_spent_s": draw.randrange(60, 600),
        "responses": responses,
    }


def _quality(draw: random.Random) -> Wire:
    return {"code_quality_score": round(draw.betavariate(5, 2), 2), "correctness_score": round(draw.random(), 2)}
