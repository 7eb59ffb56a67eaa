from datetime import date
from decimal import Decimal

import pytest

from src.domain.aggregates import Aggregates
from src.domain.evidence import Component
from src.domain.explanation import Action, Contribution, Explanation, explain
from src.domain.mastery import window
from src.domain.model import MasteryModel, Method
from tests.making import TODAY

from .building import FULL, KEPT_FROM, active_ago, aggregates, day, piece

COMPLETION, QUIZ, QUALITY, CONSISTENCY = Component
MODEL = MasteryModel()

# The student of the goldens in test_mastery: completion 0.475, quiz 0.8, consistency 0.1; the whole 0.55.
SPREAD = [piece(0, COMPLETION, 0.4), piece(30, COMPLETION, 1.0), piece(60, COMPLETION, 0.1, 2)]
STUDENT = aggregates(*SPREAD, piece(0, QUIZ, 0.8, 5), *active_ago(0, 30, 60))


def parts(explanation: Explanation) -> list[tuple[Component, str | None, date, float]]:
    return [(part.component, part.topic, part.day, part.value) for part in explanation.contributions]


def gains(explanation: Explanation) -> list[tuple[Component, str | None, float]]:
    return [(one.component, one.topic, one.gain) for one in explanation.improvements]


def total(explanation: Explanation) -> Decimal:
    return sum((Decimal(repr(part.value)) for part in explanation.contributions), Decimal(0))


def test_the_whole_is_split_over_component_topic_and_day() -> None:
    explanation = explain(STUDENT, FULL, MODEL)
    assert explanation.score == 0.55
    assert parts(explanation) == [
        (QUIZ, "loops", day(0), 0.3),  # 0.8 with an effective weight of 0.375
        (COMPLETION, "loops", day(30), 0.125),  # (1.0 / 2) / 2, the half of it
        (COMPLETION, "loops", day(0), 0.1),  # 0.4 / 2, the half of it
        (COMPLETION, "loops", day(60), 0.0125),  # (0.2 / 4) / 2, the half of it
        (CONSISTENCY, None, day(0), 0.0125),  # 0.1 with an effective weight of 0.125, under the last active day
    ]


def test_a_topic_is_split_by_its_own_evidence() -> None:
    explanation = explain(STUDENT, FULL, MODEL, "loops")
    assert explanation.score == 0.614286
    # Weights 4/7 and 3/7; rounded down 342857 + 142857 + 114285 + 14285 lack two micro-units of 614286, which go to
    # the remainders of 0.714 (the others are 0.143).
    assert parts(explanation) == [
        (QUIZ, "loops", day(0), 0.342857),
        (COMPLETION, "loops", day(30), 0.142857),
        (COMPLETION, "loops", day(0), 0.114286),
        (COMPLETION, "loops", day(60), 0.014286),
    ]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (Method.AVERAGE, [(30, 0.125), (0, 0.05), (60, 0.025)]),  # 1.0, 0.4 and 0.2, each / 4 / 2
        (Method.LATEST, [(0, 0.2)]),
        (Method.HIGHEST, [(30, 0.5)]),
    ],
)
def test_only_the_days_that_a_method_looks_at_contribute(method: Method, expected: list[tuple[int, float]]) -> None:
    completion = [part for part in parts(explain(STUDENT, FULL, MasteryModel(method))) if part[0] is COMPLETION]
    assert completion == [(COMPLETION, "loops", day(ago), value) for ago, value in expected]


def test_the_best_day_of_the_whole_is_split_over_its_topics() -> None:
    sums = aggregates(piece(1, QUIZ, 1.0), piece(1, QUIZ, 0.5, 3, topic=None), piece(0, QUIZ, 0.6))
    explanation = explain(sums, FULL, MasteryModel(Method.HIGHEST))
    # yesterday 2.5 / 4, today 0.6
    assert explanation.score == 0.625
    assert parts(explanation) == [(QUIZ, None, day(1), 0.375), (QUIZ, "loops", day(1), 0.25)]


def test_of_two_equally_good_days_the_later_is_the_best() -> None:
    sums = aggregates(piece(9, QUIZ, 0.5), piece(5, QUIZ, 0.5, 2), piece(1, QUIZ, 0.25))
    assert parts(explain(sums, FULL, MasteryModel(Method.HIGHEST))) == [(QUIZ, "loops", day(5), 0.5)]


def test_evidence_of_failure_stands_there_with_nothing() -> None:
    explanation = explain(aggregates(piece(0, QUIZ, 0.0), *active_ago(20)), FULL, MODEL)
    assert explanation.score == 0.0
    assert parts(explanation) == [(CONSISTENCY, None, day(20), 0.0), (QUIZ, "loops", day(0), 0.0)]


def test_uneven_parts_add_up_to_the_rounded_score() -> None:
    # Seven equal days: a seventh each, which is 0.142857 and a bit; one of them takes the missing micro-unit.
    sums = aggregates(*(piece(0, QUIZ, 1.0, topic=topic) for topic in "abcdefg"))
    explanation = explain(sums, FULL, MODEL)
    assert sorted(part.value for part in explanation.contributions) == [0.142857] * 6 + [0.142858]
    assert total(explanation) == 1


def test_the_parts_of_a_topic_do_not_depend_on_which_evidence_came_first() -> None:
    # 2/3 * 0.5 and 1/3 * 0.7 both leave a third of a micro-unit; 0.566667 needs one more than their whole parts.
    exercise, rating = piece(0, COMPLETION, 0.5), piece(0, QUALITY, 0.7)
    one, other = (
        explain(aggregates(*pieces), FULL, MODEL, "loops") for pieces in ([exercise, rating], [rating, exercise])
    )
    assert total(one) == total(other) == Decimal("0.566667")
    assert one == other


def test_what_would_raise_the_whole_most_comes_first() -> None:
    assert gains(explain(STUDENT, FULL, MODEL)) == [
        (QUALITY, "loops", 0.09),  # (0.19 + 0.24 + 0.2 + 0.01) / 1 = 0.64
        (COMPLETION, "loops", 0.0875),  # 1.95 / 3 = 0.65; (0.26 + 0.24 + 0.01) / 0.8 = 0.6375
        (QUIZ, "loops", 0.0125),  # 5/6; (0.19 + 0.25 + 0.01) / 0.8 = 0.5625
    ]  # active today already


def test_what_would_raise_a_topic_most_comes_first() -> None:
    assert gains(explain(STUDENT, FULL, MODEL, "loops")) == [
        (COMPLETION, "loops", 0.1),  # (0.26 + 0.24) / 0.7 = 0.714286
        (QUALITY, "loops", 0.085714),  # (0.19 + 0.24 + 0.2) / 0.9 = 0.7
        (QUIZ, "loops", 0.014285),  # (0.19 + 0.25) / 0.7 = 0.628571
    ]


def test_a_student_who_has_nothing_gains_from_anything() -> None:
    explanation = explain(Aggregates(), FULL, MODEL)
    assert (explanation.score, explanation.contributions) == (None, ())
    assert [(one.action, one.topic, one.gain) for one in explanation.improvements] == [
        (Action.COMPLETE_EXERCISE, None, 0.82),  # the day becomes active: (0.4 + 0.1 * 0.1) / 0.5
        (Action.TAKE_QUIZ, None, 0.775),  # 0.31 / 0.4
        (Action.HAVE_CODE_ASSESSED, None, 0.7),  # 0.21 / 0.3
        (Action.BE_ACTIVE, None, 0.1),
    ]
    assert gains(explain(Aggregates(), FULL, MODEL, "loops")) == [
        (component, "loops", 1.0) for component in (COMPLETION, QUALITY, QUIZ)
    ]


def test_coming_back_is_worth_the_active_day_and_the_gap() -> None:
    # Three days away: 0.1 * 0.9^2 = 0.081; back today two of ten: 0.2.
    explanation = explain(aggregates(*active_ago(3)), FULL, MODEL)
    assert explanation.score == 0.081
    assert explanation.improvements[-1].action is Action.BE_ACTIVE
    assert explanation.improvements[-1].gain == 0.119


def test_of_equal_gains_the_weaker_topic_comes_first() -> None:
    sums = aggregates(
        piece(0, QUIZ, 0.9), piece(0, QUIZ, 0.2, topic="strings"), piece(0, QUIZ, 0.5, topic=None), *active_ago(0)
    )
    quizzes = [(topic, gain) for component, topic, gain in gains(explain(sums, FULL, MODEL)) if component is QUIZ]
    # 1.6/3 to 2.6/4 with a weight of three quarters: 0.425 to 0.5125
    assert quizzes == [("strings", 0.0875), ("loops", 0.0875)]


def test_nothing_raises_what_is_perfect() -> None:
    sums = aggregates(*(piece(0, component, 1.0) for component in (COMPLETION, QUIZ, QUALITY)), *active_ago(*range(10)))
    explanation = explain(sums, FULL, MODEL)
    assert explanation.score == 1.0
    assert explanation.improvements == ()


def test_an_explanation_is_as_of_a_day_and_within_what_is_kept() -> None:
    sums = aggregates(piece(0, QUIZ, 1.0), piece(30, QUIZ, 0.5), piece(90, QUIZ, 0.0), *active_ago(0, 30, 90))
    explanation = explain(sums, window(TODAY - 30, KEPT_FROM), MODEL)
    assert explanation.score == 0.4  # (0.3 * 0.5 + 0.1 * 0.1) / 0.4
    assert explanation.contributions == (
        Contribution(QUIZ, "loops", day(30), 0.375),
        Contribution(CONSISTENCY, None, day(30), 0.025),
    )


def test_explaining_does_not_change_what_is_stored() -> None:
    before = STUDENT.rows()
    explain(STUDENT, FULL, MODEL)
    explain(STUDENT, FULL, MODEL, "loops")
    assert STUDENT.rows() == before
