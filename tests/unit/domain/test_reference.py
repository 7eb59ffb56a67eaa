"""The engine against an independent computation of the same formulas, and the explanation against the engine."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from src.domain.aggregates import Aggregates
from src.domain.days import to_date
from src.domain.evidence import TOPICAL, Component
from src.domain.explanation import Explanation, Improvement, explain
from src.domain.fixed import MICRO
from src.domain.mastery import topic_standing, whole_standing, window
from src.domain.model import MasteryModel, Method
from tests.making import NOW, TODAY, wire
from tests.reference import differences, expected_mastery
from tests.strategies import STUDENTS, TOPICS, Wire, event_sets

from .building import KEPT_FROM, answer, fold, valid
from .test_laws import AGO, EVENTS, MODELS

LAW = settings(max_examples=100, deadline=None)
TOPIC = st.sampled_from([*TOPICS, "never"])
PERFECT: dict[Component, tuple[str, dict[str, Any]]] = {
    Component.COMPLETION: ("exercise.completed", {"passed": True}),
    Component.QUIZ: ("quiz.completed", {"total_questions": 1, "correct_answers": 1}),
    Component.QUALITY: ("quality.assessed", {"peer_review_score": 1.0}),
    Component.CONSISTENCY: ("activity.recorded", {}),
}


def expected(
    wires: list[Wire],
    student_id: str,
    as_of: date,
    model: MasteryModel,
    *,
    topic: str | None = None,
    retention: int = 90,
) -> dict[str, Any]:
    return expected_mastery(
        wires,
        as_of,
        NOW.date(),
        NOW,
        student_id=student_id,
        topic=topic,
        method=model.method,
        weights={component: weight / MICRO for component, weight in model.weights.items()},
        half_life=float(model.half_life_days),
        retention=retention,
    )


@LAW
@given(event_sets(NOW), st.lists(st.integers(0, 50), max_size=9), MODELS, AGO, TOPIC, st.sampled_from([90, 91, 180]))
def test_the_engine_agrees_with_an_independent_computation(
    wires: list[Wire], again: list[int], model: MasteryModel, ago: int, topic: str | None, retention: int
) -> None:
    wires = wires + [wires[index % len(wires)] for index in again if wires]
    span = window(TODAY - ago, TODAY - retention + 1)
    for student_id in STUDENTS:
        sums = fold(valid(one) for one in wires if one["student_id"] == student_id).aggregates
        found = answer(student_id, sums, span, model, topic=topic)
        wanted = expected(wires, student_id, to_date(TODAY - ago), model, topic=topic, retention=retention)
        assert differences(found, wanted) == []


def test_the_independent_computation_gives_the_golden_numbers() -> None:
    # The student of test_mastery: completion 0.475, quiz 0.8, consistency 0.1.
    data = [
        ("2026-01-15T08:00:00Z", "exercise.completed", {"score": 0.4}),
        ("2025-12-16T08:00:00+01:00", "exercise.completion.submitted", {"passed": True}),
        ("2025-11-16T08:00:00Z", "exercise.completed", {"completed_exercises": 1, "total_exercises": 10}),
        (1768464000000, "quiz.completed", {"total_questions": 5, "correct_answers": 4}),
    ]
    wires = [
        wire(f"e-{number}", timestamp=at, data=told) | {"event_type": kind}
        for number, (at, kind, told) in enumerate(data)
    ]
    found = expected_mastery([*wires, *wires], NOW.date(), NOW.date(), NOW)
    # The set of ten exercises weighs ten: (0.4 + 0.5 + 0.25) / (1 + 0.5 + 2.5) = 0.2875; n = 4
    assert found["components"]["completion"]["score"] == 0.2875
    assert found["components"]["quiz"] == {
        "score": 0.8,
        "confidence": 0.625,
        "weight": 0.3,
        "effective_weight": 0.375,
    }
    assert found["components"]["consistency"]["score"] == 0.1
    # (0.4 * 0.2875 + 0.3 * 0.8 + 0.01) / 0.8 = 0.365 / 0.8; 0.4 * 4/7 + 0.3 * 5/8 + 0.1 / 4 = 0.441071
    assert (found["score"], found["confidence"], found["level"]) == (0.45625, 0.441071, "developing")
    assert (found["student_id"], found["as_of"], found["complete"]) == ("student-1", "2026-01-15", True)
    past = expected_mastery(wires, NOW.date() - timedelta(days=30), NOW.date(), NOW, topic="loops")
    # 1 and, half as heavy, 1 of 10: 1.5 / 6
    assert (past["score"], past["complete"], past["evidence_from"]) == (0.25, False, "2025-10-18")


def test_a_difference_is_told() -> None:
    found = expected_mastery([wire()], NOW.date(), NOW.date(), NOW)
    assert differences(found | {"more": 1}, found) == []
    assert differences(found | {"score": found["score"] + 3e-6}, found) != []
    assert differences(found | {"level": "expert"}, found) != []
    assert differences(found | {"topics": []}, found) != []
    assert differences({name: value for name, value in found.items() if name != "complete"}, found) != []


@LAW
@given(EVENTS, MODELS, AGO, TOPIC)
def test_an_explanation_adds_up_to_the_score_exactly(
    events: list[Any], model: MasteryModel, ago: int, topic: str | None
) -> None:
    sums, span = fold(events).aggregates, window(TODAY - ago, KEPT_FROM)
    explanation = explain(sums, span, model, topic)
    standing = whole_standing(sums, span, model) if topic is None else topic_standing(sums, topic, span, model)
    assert explanation.score == standing.score
    parts = [Decimal(repr(part.value)) for part in explanation.contributions]
    assert sum(parts) == Decimal(repr(explanation.score or 0.0))
    assert all(part >= 0 for part in parts)
    places = [(part.component, part.topic, part.day) for part in explanation.contributions]
    assert len(set(places)) == len(places)
    assert {component for component, _, _ in places} <= {name for name, value in standing.components.items() if value}


@LAW
@given(EVENTS, MODELS, st.integers(0, 89), TOPIC)
def test_a_gain_is_what_the_evidence_really_brings(
    events: list[Any], model: MasteryModel, ago: int, topic: str | None
) -> None:
    span = window(TODAY - ago, KEPT_FROM)
    sums = fold(events).aggregates
    explanation = explain(sums, span, model, topic)
    found = {(one.component, one.topic): Decimal(repr(one.gain)) for one in explanation.improvements}
    seen = sums.between(span.first, span.last)
    topics: list[str | None] = [topic] if topic is not None else [*seen.topics()] or [None]
    places = [(component, about) for component in TOPICAL for about in topics]
    places += [(Component.CONSISTENCY, None)] if topic is None else []
    gains = {place: gain(sums, explanation, model, ago, place, topic) for place in places}
    assert found == {place: gained for place, gained in gains.items() if gained > 0}
    assert_ranked(explanation.improvements)


def gain(  # one scenario
    sums: Aggregates,
    explanation: Explanation,
    model: MasteryModel,
    ago: int,
    place: tuple[Component, str | None],
    topic: str | None,
) -> Decimal:
    """Return what the score gains when the event of a perfect piece of evidence is really added."""
    component, about = place
    kind, data = PERFECT[component]
    at = f"{to_date(TODAY - ago)}T01:00:00Z"
    event = valid(wire("one-more", kind, timestamp=at, topic=about, data=data))
    changed = Aggregates()
    changed.merge(sums)
    changed.add(event.evidence)
    after = explain(changed, window(TODAY - ago, KEPT_FROM), model, topic).score
    return Decimal(repr(after or 0.0)) - Decimal(repr(explanation.score or 0.0))


def assert_ranked(improvements: tuple[Improvement, ...]) -> None:
    gains = [one.gain for one in improvements]
    assert gains == sorted(gains, reverse=True)


@LAW
@given(EVENTS, AGO)
def test_one_day_of_evidence_is_the_same_by_every_method(events: list[Any], ago: int) -> None:
    day = TODAY - ago
    sums = Aggregates()
    sums.add(row._replace(day=day) for row in fold(events).aggregates.rows())
    span = window(day, KEPT_FROM)
    scores = {
        tuple(None if value is None else value.score for value in whole_standing(sums, span, model).components.values())
        for model in map(MasteryModel, Method)
    }
    assert len(scores) == 1
