from decimal import Decimal

import pytest

from src.domain.aggregates import Aggregates
from src.domain.evidence import Component, Evidence
from src.domain.levels import Level, Status
from src.domain.mastery import ComponentValue, standings, topic_standing, whole_standing
from src.domain.model import MasteryModel, Method

from .building import FULL, active_ago, aggregates, piece

COMPLETION, QUIZ, QUALITY, CONSISTENCY = Component
MODEL = MasteryModel()

# Today 0.4, thirty days ago 1.0, sixty days ago 0.1 with twice the weight: the decays are 1, 1/2 and 1/4.
SPREAD = [piece(0, COMPLETION, 0.4), piece(30, COMPLETION, 1.0), piece(60, COMPLETION, 0.1, 2)]


def value(sums: Aggregates, component: Component, model: MasteryModel = MODEL) -> tuple[float, float] | None:
    shown = whole_standing(sums, FULL, model).components[component]
    return None if shown is None else (shown.score, shown.confidence)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (Method.DECAYING_AVERAGE, 0.475),  # (0.4 + 1.0 / 2 + 0.2 / 4) / (1 + 1/2 + 2/4) = 0.95 / 2
        (Method.AVERAGE, 0.4),  # (0.4 + 1.0 + 0.2) / 4
        (Method.LATEST, 0.4),
        (Method.HIGHEST, 1.0),
    ],
)
def test_each_method_makes_one_value_of_several_days(method: Method, expected: float) -> None:
    # n = 1 + 1/2 + 2/4 = 2 whatever the method; confidence 2 / (2 + 3)
    assert value(aggregates(*SPREAD), COMPLETION, MasteryModel(method)) == (expected, 0.4)


def test_the_best_day_is_the_one_with_the_best_value_not_the_one_with_the_most_evidence() -> None:
    sums = aggregates(piece(9, QUIZ, 0.6, 50), piece(5, QUIZ, 0.9), piece(5, QUIZ, 0.8), piece(1, QUIZ, 0.7, 50))
    # n does not look at the best day only: 50 * 2^(-9/30) + 2 * 2^(-5/30) + 50 * 2^(-1/30) = 91.2524; 91.2524 / 94.2524
    assert value(sums, QUIZ, MasteryModel(Method.HIGHEST)) == (0.85, 0.968171)


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (0, (0.5, 0.4)),  # (0 + 1) / 2; n = 2
        (30, (0.333333, 0.333333)),  # 0.5 / 1.5; n = 1.5, 1.5 / 4.5
        (60, (0.2, 0.294118)),  # 0.25 / 1.25; n = 1.25, 1.25 / 4.25
        (89, (0.113414, 0.273242)),  # 2^(-89/30) = 0.12792174; 0.12792174 / 1.12792174; 1.12792174 / 4.12792174
        (90, (0.0, 0.25)),  # outside: n = 1
    ],
)
def test_a_success_fades_with_its_age(ago: int, expected: tuple[float, float]) -> None:
    assert value(aggregates(piece(0, COMPLETION, 0), piece(ago, COMPLETION, 1)), COMPLETION) == expected


def test_the_oldest_evidence_is_exact_with_the_shortest_half_life() -> None:
    # 88 and 89 days ago, alone: the factors differ by 2^(1/5) = 1.1486984, so (1.1486984 * 1 + 1 * 0.5) / 2.1486984;
    # n = 2^(-88/5) + 2^(-89/5) = 0.0000094157, 0.0000094157 / 3.0000094157
    model = MasteryModel(half_life_days=Decimal(5))
    sums = aggregates(piece(88, COMPLETION, 1.0), piece(89, COMPLETION, 0.5))
    assert value(sums, COMPLETION, model) == (0.767301, 0.000003)


def test_evidence_of_a_later_day_does_not_count_yet() -> None:
    assert value(aggregates(piece(0, QUIZ, 0.5), piece(-1, QUIZ, 1.0)), QUIZ) == (0.5, 0.25)


def test_weights_count_within_a_day() -> None:
    # (0.8 * 0.5 + 1.2 * 1.0) / 2 = 0.8; n = 2
    sums = aggregates(piece(0, COMPLETION, 0.5, 0.8), piece(0, COMPLETION, 1, 1.2))
    assert value(sums, COMPLETION) == (0.8, 0.4)


def test_missing_components_are_left_out_and_the_rest_renormalised() -> None:
    sums = aggregates(*SPREAD, piece(0, QUIZ, 0.8, 5), *active_ago(0, 30, 60))
    whole, topics = standings(sums, FULL, MODEL)
    # completion 0.475 (confidence 2/5), quiz 0.8 (5/8), consistency 1/10 (one active day of the 14: 1/4);
    # (0.4 * 0.475 + 0.3 * 0.8 + 0.1 * 0.1) / 0.8 = 0.44 / 0.8
    assert whole.score == 0.55
    # 0.4 * 0.4 + 0.3 * 0.625 + 0.2 * 0 + 0.1 * 0.25
    assert whole.confidence == 0.3725
    assert (whole.level, whole.status) == (Level.DEVELOPING, Status.OK)
    assert whole.components == {
        COMPLETION: ComponentValue(0.475, 0.4, 0.4, 0.5),
        QUIZ: ComponentValue(0.8, 0.625, 0.3, 0.375),
        QUALITY: None,
        CONSISTENCY: ComponentValue(0.1, 0.25, 0.1, 0.125),
    }
    (loops,) = topics
    # (0.4 * 0.475 + 0.3 * 0.8) / 0.7 = 0.43 / 0.7; confidence (0.4 * 0.4 + 0.3 * 0.625) / 0.9 = 0.3475 / 0.9
    assert (loops.topic, loops.score, loops.confidence) == ("loops", 0.614286, 0.386111)
    assert (loops.level, loops.status) == (Level.COMPETENT, Status.OK)
    assert loops.components == {
        COMPLETION: ComponentValue(0.475, 0.4, 0.444444, 0.571429),
        QUIZ: ComponentValue(0.8, 0.625, 0.333333, 0.428571),
        QUALITY: None,
    }


def test_all_four_components_make_the_weighted_mean() -> None:
    sums = aggregates(
        piece(0, COMPLETION, 0.9), piece(0, QUIZ, 0.6, 2), piece(0, QUALITY, 0.35), *active_ago(*range(10))
    )
    whole = whole_standing(sums, FULL, MODEL)
    # 0.36 + 0.18 + 0.07 + 0.1; confidence 0.4 / 4 + 0.3 * 2/5 + 0.2 / 4 + 0.1 * 10/13 = 0.27 + 0.0769231
    assert (whole.score, whole.confidence, whole.level) == (0.71, 0.346923, Level.COMPETENT)


def test_without_evidence_there_is_no_score() -> None:
    whole, topics = standings(Aggregates(), FULL, MODEL)
    assert (whole.score, whole.level, whole.status, whole.confidence) == (None, None, Status.NO_EVIDENCE, 0.0)
    assert whole.components == dict.fromkeys(Component)
    assert topics == ()
    loops = topic_standing(Aggregates(), "loops", FULL, MODEL)
    assert (loops.score, loops.status, loops.confidence) == (None, Status.NO_EVIDENCE, 0.0)
    assert loops.components == {COMPLETION: None, QUIZ: None, QUALITY: None}


def test_a_component_of_no_weight_makes_no_score() -> None:
    model = MasteryModel(weights={COMPLETION: 0, QUIZ: 1_000_000, QUALITY: 0, CONSISTENCY: 0})
    whole = whole_standing(aggregates(*SPREAD), FULL, model)
    assert (whole.score, whole.status) == (None, Status.NO_EVIDENCE)
    assert whole.components[COMPLETION] == ComponentValue(0.475, 0.4, 0.0, 0.0)


@pytest.mark.parametrize(
    ("weight", "confidence", "status", "level"),
    [
        (3.0, 0.2, Status.OK, Level.EXPERT),  # 0.4 * 3/6
        (2.9999, 0.199997, Status.INSUFFICIENT_EVIDENCE, None),  # 0.4 * 2.9999 / 5.9999 = 0.1999967
        (2.99999, 0.2, Status.OK, Level.EXPERT),  # 0.19999967 rounds to 0.2, and the rounded value decides
    ],
)
def test_no_level_is_claimed_on_little_evidence(
    weight: float, confidence: float, status: Status, level: Level | None
) -> None:
    whole = whole_standing(aggregates(piece(0, COMPLETION, 1.0, weight)), FULL, MODEL)
    assert (whole.score, whole.confidence, whole.status, whole.level) == (1.0, confidence, status, level)


@pytest.mark.parametrize(
    ("score", "level"), [(0.3999994, Level.BEGINNER), (0.3999996, Level.DEVELOPING), (0.8999996, Level.EXPERT)]
)
def test_the_level_is_that_of_the_rounded_score(score: float, level: Level) -> None:
    # A thousand units of weight, so that the value has more than six decimals.
    whole = whole_standing(aggregates(piece(0, COMPLETION, score, 1000)), FULL, MODEL)
    assert whole.level is level


def test_a_value_is_rounded_half_to_even() -> None:
    # 1/128 = 0.0078125: to the even neighbour
    sums = aggregates(Evidence(FULL.last, QUIZ, None, 1_000_000, 128_000_000))
    assert value(sums, QUIZ) == (0.007812, 0.977099)  # 128 / 131


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (range(10), (1.0, 0.769231)),  # ten of the fourteen days suffice; 10 / 13
        (range(14), (1.0, 0.823529)),  # 14 / 17
        (range(9), (0.9, 0.75)),
        ([0], (0.1, 0.25)),
        ([1], (0.1, 0.25)),  # yesterday costs nothing yet
        ([2], (0.09, 0.25)),  # 0.1 * 0.9
        ([3, 4, 5], (0.243, 0.5)),  # 0.3 * 0.9^2
        ([13], (0.02824295, 0.25)),  # 0.1 * 0.9^12 = 0.0282430
        ([13, 14], (0.02824295, 0.25)),  # the fifteenth day back no longer counts
        ([0, 89], (0.1, 0.25)),
        ([14], (0.0, 0.0)),  # there is evidence, and it says that the student is away
        ([89], (0.0, 0.0)),
        ([90], None),
        ([-1], None),
        ([], None),
    ],
)
def test_consistency_is_active_days_less_the_gap_since(days: list[int], expected: tuple[float, float] | None) -> None:
    found = value(aggregates(*active_ago(*days)), CONSISTENCY)
    assert found == (None if expected is None else (round(expected[0], 6), expected[1]))


def test_a_day_is_active_once_however_much_happened() -> None:
    assert value(aggregates(*active_ago(0, 0, 0, 1)), CONSISTENCY) == (0.2, 0.4)


@pytest.mark.parametrize("method", Method)
def test_consistency_is_the_same_whatever_the_method(method: Method) -> None:
    assert value(aggregates(*active_ago(3, 4, 5)), CONSISTENCY, MasteryModel(method)) == (0.243, 0.5)
