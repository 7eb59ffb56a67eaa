"""A backlog in Kafka: the same events for the same mix and number, in the order in which they happened."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from .standard import TOPICS, Wire

STUDENTS = 5_000
DAYS = 60
"""The backlog is spread over so many days, the last of which is yesterday: all of it counts."""

_Data = dict[str, Any]
_Kind = tuple[str, Callable[[random.Random], _Data]]


def fill(bootstrap: str, topic: str, mix: str, events: int) -> None:
    """Send a backlog, keyed by student; raises ``RuntimeError`` for what the broker does not take."""
    refused: list[str] = []

    def report(error: KafkaError | None, delivery: Message) -> None:
        del delivery
        if error is not None:
            refused.append(error.name())

    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "compression.type": "lz4", "log_level": 0})
    for event in backlog(mix, events):
        key, value = event["student_id"].encode(), msgspec.json.encode(event)
        while True:
            try:
                producer.produce(topic, value, key, on_delivery=report)
                break
            except BufferError:
                producer.poll(0.05)
        producer.poll(0)
    if producer.flush(60) or refused:
        message = f"the broker did not take the backlog: {refused[:1]}"
        raise RuntimeError(message)


def backlog(mix: str, events: int) -> Iterator[Wire]:
    """Yield events, oldest first, of students at random; each has a ``duration_ms``, which is what the peers add up."""
    draw = random.Random(mix)  # noqa: S311  # reproducible, not secret
    kinds, weights = zip(*MIXES[mix].items(), strict=True)
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    step = timedelta(days=DAYS) / events
    for number in range(events):
        event_type, data = draw.choices(kinds, weights)[0]
        topic = draw.choice(TOPICS)
        yield {
            "event_id": f"{draw.getrandbits(128):032x}",
            "event_type": event_type,
            "student_id": f"student-{draw.randrange(STUDENTS):05}",
            "timestamp": (start + number * step).isoformat(timespec="milliseconds"),
            "topic": topic,
            "source": "exercise-agent",
            "duration_ms": draw.randrange(1_000, 900_000),
            "data": data(draw),
        }


def _exercise(draw: random.Random) -> _Data:
    return {
        "exercise_id": f"exercise-{draw.randrange(320):03}",
        "score": round(draw.betavariate(5, 2), 2),
        "difficulty": draw.choice(("beginner", "intermediate", "advanced")),
        "time_spent_s": draw.randrange(30, 700),
    }


def _quiz(draw: random.Random, responses: int = 0) -> _Data:
    answers = [
        {
            "item": f"question-{draw.randrange(1600):04}",
            "skills": [f"skill-{draw.randrange(48):02}"],
            "correct": draw.random() < 0.7,  # noqa: PLR2004  # more right than wrong
        }
        for _ in range(responses)
    ]
    right = sum(1 for answer in answers if answer["correct"]) if answers else draw.randrange(2, 6)
    quiz = {"quiz_id": f"quiz-{draw.randrange(80):02}", "total_questions": responses or 5, "correct_answers": right}
    return quiz | ({"responses": answers} if answers else {"time_spent_s": draw.randrange(30, 700)})


def _quality(draw: random.Random) -> _Data:
    return {"code_quality_score": round(draw.random(), 2), "correctness_score": round(draw.betavariate(5, 2), 2)}


def _run(draw: random.Random) -> _Data:
    failed = draw.random() < 0.4  # noqa: PLR2004  # most runs succeed
    how: _Data = {"error_type": draw.choice(("NameError", "TypeError", "IndexError"))} if failed else {}
    return {"exercise_id": f"exercise-{draw.randrange(320):03}", "success": not failed, **how}


def _help(draw: random.Random) -> _Data:
    kind = draw.choice(("question", "question", "question", "stuck"))
    return {"message_kind": kind, "exercise_id": f"exercise-{draw.randrange(320):03}"}


def _nothing(draw: random.Random) -> _Data:
    del draw
    return {}


MIXES: dict[str, dict[_Kind, int]] = {
    "plain": {("exercise.completed", _exercise): 1, ("quiz.completed", _quiz): 1},
    "class": {
        ("exercise.completed", _exercise): 30,
        ("code.executed", _run): 30,
        ("quiz.completed", partial(_quiz, responses=4)): 20,
        ("quality.assessed", _quality): 10,
        ("activity.recorded", _nothing): 5,
        ("help.requested", _help): 5,
    },
}
"""What there is how often: exercises and quizzes alone, and what a class sends in the course of a term."""
