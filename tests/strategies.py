"""Hypothesis strategies of valid events in their plain form: all six types, few students and topics, 121 days.

Built on nothing of the product, so that a test from outside can use them too.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, TypeAlias

from hypothesis import strategies as st

Wire: TypeAlias = dict[str, Any]

STUDENTS = ("ada", "s-1")
TOPICS = (None, "loops", "lists", "unit_1.intro")
METHODS = ("decaying_average", "average", "latest", "highest")
HALF_LIVES = ("30", "5", "13.5", "365")
DAY_MS = 86_400_000
DAYS = 120
_CHARACTERS = "abcXYZ019._-"
_ERRORS = ("NameError", "TypeError", None)
_ALIASES = {
    "exercise.completed": "exercise.completion.submitted",
    "quiz.completed": "quiz.performance.submitted",
    "quality.assessed": "quality.assessment.completed",
    "activity.recorded": "consistency.activity.recorded",
}

ids = st.text(_CHARACTERS, min_size=1, max_size=8)
scores = st.sampled_from([0, 1, 0.5, 0.25, 0.1, 1 / 3, 0.7, 0.999_999_5]) | st.floats(0, 1)
items = st.sampled_from(["x-1", "x-2"])
seconds = st.sampled_from([0, 59.5, 400, 601])


def _optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def _data(
    required: Mapping[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]
) -> st.SearchStrategy[Wire]:
    return st.fixed_dictionaries(
        dict(required), optional={name: _optional(strategy) for name, strategy in optional.items()}
    )


@st.composite
def _counts(draw: st.DrawFn, correct: str, total: str) -> Wire:
    number = draw(st.integers(1, 60) | st.integers(1, 1_000_000))
    return {correct: draw(st.integers(0, number)), total: number}


@st.composite
def _exercise(draw: st.DrawFn) -> Wire:
    way: Wire = draw(
        st.fixed_dictionaries({"passed": st.booleans()})
        | st.fixed_dictionaries({"score": scores})
        | _counts("completed_exercises", "total_exercises")
    )
    about = _data(
        {},
        exercise_id=items,
        difficulty=st.sampled_from(["beginner", "intermediate", "advanced"]),
        time_spent_s=seconds,
    )
    return way | draw(about)


@st.composite
def _quiz(draw: st.DrawFn) -> Wire:
    # Long quizzes, so that a few overflow the window of answers; right and wrong as the bits of one number.
    number = draw(st.sampled_from([0, 0, 0, 2, 120]))
    right = draw(st.integers(0, 2**number - 1))
    responses = [
        {"item": f"q-{index}", "skills": [f"skill-{index % 3}"], "correct": bool(right >> index & 1)}
        for index in range(number)
    ]
    told = {"responses": responses} if number else {}
    return draw(_counts("correct_answers", "total_questions")) | draw(_data({}, quiz_id=items)) | told


@st.composite
def _quality(draw: st.DrawFn) -> Wire:
    names = ["code_quality_score", "correctness_score", "efficiency_score", "peer_review_score"]
    given = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    return {name: draw(scores) for name in given}


@st.composite
def _activity(draw: st.DrawFn, day: date) -> Wire:
    ago = draw(st.lists(st.integers(0, DAYS), max_size=20))
    return {"activity_dates": [(day - timedelta(days=days)).isoformat() for days in ago]}


_runs = _data({"exercise_id": items, "success": st.booleans()}, error_type=st.sampled_from(_ERRORS))
_help = _data({"message_kind": st.sampled_from(["stuck", "question"])}, exercise_id=items)


@st.composite
def _timestamps(draw: st.DrawFn, now_ms: int) -> tuple[int, str | int]:
    """Draw an instant up to a day ahead, in milliseconds and as it is sent."""
    # Few days as well as many, so that days with several events and days far apart are both common.
    ago = draw(st.integers(0, 4) | st.integers(0, DAYS)) * DAY_MS + draw(
        st.sampled_from([0, 1, DAY_MS // 2]) | st.integers(0, DAY_MS)
    )
    instant = now_ms + DAY_MS - ago
    zone = draw(st.sampled_from([None, 0, 330, -480]))
    if zone is None:
        return instant, instant
    local = datetime.fromtimestamp(0, timezone(timedelta(minutes=zone))) + timedelta(milliseconds=instant)
    return instant, local.isoformat().replace("+00:00", "Z")


@st.composite
def wire_events(draw: st.DrawFn, now: datetime) -> Wire:
    """Draw a valid event that may be received now."""
    now_ms = int(now.timestamp()) * 1000
    instant, timestamp = draw(_timestamps(now_ms))
    day = (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=instant)).date()
    kinds = {
        "exercise.completed": _exercise(),
        "quiz.completed": _quiz(),
        "quality.assessed": _quality(),
        "activity.recorded": _activity(day) | st.none(),
        "code.executed": _runs,
        "help.requested": _help,
    }
    kind = draw(st.sampled_from(sorted(kinds)))
    name = draw(st.sampled_from([kind, _ALIASES.get(kind, kind), f"com.learnflow.{kind}.v1"]))
    about = draw(_data({}, topic=st.sampled_from(TOPICS), source=st.just("a test")))
    return {
        "event_id": draw(ids),
        "event_type": name,
        "student_id": draw(st.sampled_from(STUDENTS)),
        "timestamp": timestamp,
        "data": draw(kinds[kind]),
        **about,
    }


def event_sets(now: datetime, max_size: int = 20) -> st.SearchStrategy[list[Wire]]:
    """Draw events of which no two of a student have one id."""
    return st.lists(
        wire_events(now), max_size=max_size, unique_by=lambda event: (event["student_id"], event["event_id"])
    )


@st.composite
def micro_weights(draw: st.DrawFn) -> dict[str, int]:
    """Draw component weights in micro-units that add up to one; some may be zero."""
    if draw(st.booleans()):
        return {"completion": 400_000, "quiz": 300_000, "quality": 200_000, "consistency": 100_000}
    cuts = sorted(draw(st.lists(st.integers(0, 1_000_000), min_size=3, max_size=3)))
    bounds = [0, *cuts, 1_000_000]
    names = ("completion", "quiz", "quality", "consistency")
    return {name: bounds[index + 1] - bounds[index] for index, name in enumerate(names)}
