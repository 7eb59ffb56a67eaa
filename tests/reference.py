"""Mastery model version 1, a second time: from events as they are sent to the answer of ``/mastery``.

It imports nothing of the product and shares none of its arithmetic: evidence is rounded from exact fractions, all
that follows is floating point. So an answer may differ from it by the last of six decimals, and a little more:
compare with ``differences``. Scores, weights and confidences are fractions of one throughout.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

TOLERANCE = 2e-6
WINDOW = timedelta(days=89)
WEIGHTS = {"completion": 0.4, "quiz": 0.3, "quality": 0.2, "consistency": 0.1}
TOPICAL = ("completion", "quiz", "quality")
HARDNESS = {None: Fraction(1), "beginner": Fraction(8, 10), "intermediate": Fraction(1), "advanced": Fraction(12, 10)}
RATINGS = ("code_quality_score", "correctness_score", "efficiency_score", "peer_review_score")
TYPES = {
    "exercise.completion.submitted": "exercise.completed",
    "quiz.performance.submitted": "quiz.completed",
    "quality.assessment.completed": "quality.assessed",
    "consistency.activity.recorded": "activity.recorded",
}
LEVELS = [(0.9, "expert"), (0.75, "proficient"), (0.6, "competent"), (0.4, "developing"), (0.0, "beginner")]

Wire: TypeAlias = Mapping[str, Any]
Values: TypeAlias = dict[str, tuple[float, float]]
"""Component to (value, confidence)."""


class Piece(NamedTuple):
    """Evidence: score times weight, and weight."""

    day: date
    component: str
    topic: str | None
    score: float
    weight: float


def expected_mastery(  # noqa: PLR0913  # the knobs of a deployment
    events: Sequence[Wire],
    as_of: date,
    today: date,
    received: datetime,
    *,
    student_id: str | None = None,
    topic: str | None = None,
    method: str = "decaying_average",
    weights: Mapping[str, float] | None = None,
    half_life: float = 30.0,
    retention: int = 90,
) -> dict[str, Any]:
    """Return the answer of ``/mastery``, without ``config_id``, after all events have been received at one moment.

    Of several events with one id the first is the one that counts.
    """
    weights = WEIGHTS if weights is None else weights
    if student_id is None:
        (student_id,) = {event["student_id"] for event in events}
    mine = list(_counted((event for event in events if event["student_id"] == student_id), received))
    kept_from = today - timedelta(days=retention - 1)
    first = max(as_of - WINDOW, kept_from)
    pieces = [piece for event in mine for piece in evidence(event) if first <= piece.day <= as_of]
    # What is listed is judged like what occurred: against the day it was received.
    oldest = max(first, _day(received) - WINDOW)
    active = sorted({day for event in mine for day in active_days(event) if oldest <= day <= as_of})
    topics = sorted({piece.topic for piece in pieces if piece.topic is not None}) if topic is None else [topic]
    about = {
        name: _standing(
            _values([piece for piece in pieces if piece.topic == name], as_of, method, half_life),
            {component: weights[component] for component in TOPICAL},
        )
        for name in topics
    }
    whole = _standing(_values(pieces, as_of, method, half_life) | consistency(active, as_of), weights)
    return {
        "student_id": student_id,
        "as_of": as_of.isoformat(),
        **(whole if topic is None else about[topic]),
        "topics": [{"topic": name, **standing} for name, standing in about.items()],
        "model": {"version": 1, "method": method, "weights": dict(weights), "half_life_days": half_life},
        "complete": as_of - WINDOW >= kept_from,
        "evidence_from": None if as_of - WINDOW >= kept_from else kept_from.isoformat(),
    }


def differences(answer: Any, expected: Any, at: str = "") -> list[str]:  # JSON
    """Return where an answer departs from what was expected by more than the tolerance; keys of its own are fine."""
    if isinstance(expected, dict) and isinstance(answer, dict):
        found = [f"{at}.{key} is missing" for key in expected if key not in answer]
        if "level" in expected and not found:
            # A value that lies on a boundary may round to either side, but the words follow from it.
            score, confidence = answer["score"], answer["confidence"]
            expected = expected | dict(zip(("level", "status"), words(score, confidence), strict=True))
        return found + [one for key in expected if key in answer for one in _differ(answer, expected, key, at)]
    if isinstance(expected, list) and isinstance(answer, list) and len(answer) == len(expected):
        return [one for index in range(len(expected)) for one in _differ(answer, expected, index, at)]
    if isinstance(expected, int | float) and isinstance(answer, int | float):
        return [] if abs(answer - expected) <= TOLERANCE + 1e-12 else [f"{at}: {answer} instead of {expected}"]
    return [] if answer == expected else [f"{at}: {answer} instead of {expected}"]


def words(score: float | None, confidence: float) -> tuple[str | None, str]:
    """Return (level, status) of a rounded score with a rounded confidence."""
    if score is None:
        return None, "no_evidence"
    if confidence < 0.2:
        return None, "insufficient_evidence"
    return next(level for start, level in LEVELS if score >= start), "ok"


def occurred(event: Wire) -> datetime:
    """Return when an event occurred, UTC."""
    stamp = event["timestamp"]
    if isinstance(stamp, str):
        return datetime.fromisoformat(stamp).astimezone(UTC)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=stamp)


def evidence(event: Wire) -> Iterator[Piece]:
    """Yield what an event says of completion, quiz or quality."""
    data = event.get("data") or {}
    given = {name: value for name, value in data.items() if value is not None}
    name = event["event_type"].removeprefix("com.learnflow.").removesuffix(".v1")
    match TYPES.get(name, name):
        case "exercise.completed":
            yield _piece(event, "completion", *_exercise(given))
        case "quiz.completed":
            total = given["total_questions"]
            yield _piece(event, "quiz", Fraction(given["correct_answers"], total), Fraction(min(total, 50)))
        case "quality.assessed":
            ratings = [Fraction(given[rating]) for rating in RATINGS if rating in given]
            yield _piece(event, "quality", sum(ratings, Fraction(0)) / len(ratings), Fraction(1))


def active_days(event: Wire) -> set[date]:
    """Return the days on which an event shows activity: its own, and those that an activity event lists."""
    listed = (event.get("data") or {}).get("activity_dates") or ()
    return {occurred(event).date(), *map(date.fromisoformat, listed)}


def consistency(active: Sequence[date], as_of: date) -> Values:
    """Return the component where there is an active day, from the active days of the window in order."""
    if not active:
        return {}
    lately = sum((as_of - day).days < 14 for day in active)
    idle = (as_of - active[-1]).days
    return {"consistency": (min(1.0, lately / 10) * 0.9 ** max(0, idle - 1), lately / (lately + 3))}


def _counted(events: Iterable[Wire], received: datetime) -> Iterator[Wire]:
    ids = set()
    for event in events:
        if occurred(event).date() >= _day(received) - WINDOW and event["event_id"] not in ids:
            ids.add(event["event_id"])
            yield event


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _exercise(given: Wire) -> tuple[Fraction, Fraction]:
    hardness = HARDNESS[given.get("difficulty")]
    if "total_exercises" in given:
        total = given["total_exercises"]
        return Fraction(given["completed_exercises"], total), min(total, 50) * hardness
    return Fraction(given["score"] if "score" in given else int(given["passed"])), hardness


def _piece(event: Wire, component: str, score: Fraction, weight: Fraction) -> Piece:
    micro = [round(value * 1_000_000) / 1_000_000 for value in (score * weight, weight)]
    return Piece(occurred(event).date(), component, event.get("topic"), *micro)


def _values(pieces: Sequence[Piece], as_of: date, method: str, half_life: float) -> Values:
    parts = {component: [piece for piece in pieces if piece.component == component] for component in TOPICAL}
    return {component: _value(part, as_of, method, half_life) for component, part in parts.items() if part}


def _value(pieces: Sequence[Piece], as_of: date, method: str, half_life: float) -> tuple[float, float]:
    decay = [2.0 ** (-(as_of - piece.day).days / half_life) for piece in pieces]
    n = sum(factor * piece.weight for factor, piece in zip(decay, pieces, strict=True))
    per_day = {day: _mean([piece for piece in pieces if piece.day == day]) for day in {p.day for p in pieces}}
    match method:
        case "latest":
            value = per_day[max(per_day)]
        case "highest":
            value = max(per_day.values())
        case "average":
            value = _mean(pieces)
        case _:
            value = sum(factor * piece.score for factor, piece in zip(decay, pieces, strict=True)) / n
    return value, n / (n + 3)


def _mean(pieces: Sequence[Piece]) -> float:
    return sum(piece.score for piece in pieces) / sum(piece.weight for piece in pieces)


def _standing(values: Values, weights: Mapping[str, float]) -> dict[str, Any]:
    everything, there = sum(weights.values()), sum(weights[component] for component in values)
    score = round(sum(weights[c] * value for c, (value, _) in values.items()) / there, 6) if there else None
    told = sum(weights[c] * sure for c, (_, sure) in values.items()) / everything if everything else 0.0
    confidence = round(told, 6)
    level, status = words(score, confidence)
    components: dict[str, Any] = dict.fromkeys(weights)
    for component, (value, sure) in values.items():
        components[component] = {
            "score": round(value, 6),
            "confidence": round(sure, 6),
            "weight": round(weights[component] / everything, 6) if everything else 0.0,
            "effective_weight": round(weights[component] / there, 6) if there else 0.0,
        }
    return {"score": score, "level": level, "status": status, "confidence": confidence, "components": components}


def _differ(answer: Any, expected: Any, key: Any, at: str) -> list[str]:  # JSON
    return differences(answer[key], expected[key], f"{at}.{key}")
