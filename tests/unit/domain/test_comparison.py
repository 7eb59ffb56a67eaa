"""Differences of means and their intervals, against tables and examples worked out by hand."""

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domain.comparison import Design, independent, paired, t_quantile

# Two tails of 5 %, 1 % and 10 %, as printed in tables of Student's distribution.
TABLE = {
    0.05: {
        1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 5: 2.5706, 6: 2.4469, 7: 2.3646, 8: 2.3060, 9: 2.2622, 10: 2.2281,
        11: 2.2010, 12: 2.1788, 13: 2.1604, 14: 2.1448, 15: 2.1314, 16: 2.1199, 17: 2.1098, 18: 2.1009, 19: 2.0930,
        20: 2.0860, 25: 2.0595, 29: 2.0452, 30: 2.0423, 40: 2.0211, 60: 2.0003, 120: 1.9799,
    },
    0.01: {1: 63.6567, 2: 9.9248, 3: 5.8409, 4: 4.6041, 5: 4.0321, 10: 3.1693, 20: 2.8453, 30: 2.7500, 120: 2.6174},
    0.1: {1: 6.3138, 2: 2.9200, 3: 2.3534, 4: 2.1318, 5: 2.0150, 10: 1.8125, 20: 1.7247, 30: 1.6973, 120: 1.6577},
}  # fmt: skip
NORMAL = 1.959964


def micro(*scores: float) -> list[int]:
    return [round(score * 1_000_000) for score in scores]


def by_student(*scores: float) -> dict[str, int]:
    return {f"s-{place}": score for place, score in enumerate(micro(*scores))}


@pytest.mark.parametrize("two_tails", TABLE)
def test_quantiles_are_those_of_the_printed_tables(two_tails: float) -> None:
    found = {degrees: t_quantile(two_tails, degrees) for degrees in TABLE[two_tails]}
    assert found == pytest.approx(TABLE[two_tails], abs=6e-5)


def test_with_many_degrees_the_quantile_is_that_of_the_normal_distribution() -> None:
    assert t_quantile(0.05, 100_000_000) == pytest.approx(NORMAL, abs=1e-6)


@given(st.integers(1, 20_000))
def test_more_degrees_make_a_narrower_interval(degrees: int) -> None:
    assert t_quantile(0.05, degrees) > t_quantile(0.05, degrees + 1) > NORMAL


def test_two_classes_are_compared_by_welch() -> None:
    # Means 0.7 and 0.5; variances 0.025 and 0.01 by hand; error² = 0.025/5 + 0.01/3; Welch's degrees 5.88, so 5.
    found = independent(micro(0.5, 0.6, 0.7, 0.8, 0.9), micro(0.4, 0.5, 0.6))
    error = sqrt(0.025 / 5 + 0.01 / 3)
    degrees = (0.025 / 5 + 0.01 / 3) ** 2 / ((0.025 / 5) ** 2 / 4 + (0.01 / 3) ** 2 / 2)
    assert int(degrees) == 5
    assert (found.design, found.mean, found.students, found.reason) == (Design.INDEPENDENT, 0.2, (5, 3), None)
    assert found.interval is not None
    assert found.interval.level == 0.95
    assert found.interval.low == pytest.approx(0.2 - 2.5706 * error, abs=1e-5)
    assert found.interval.high == pytest.approx(0.2 + 2.5706 * error, abs=1e-5)


def test_the_same_students_are_compared_with_themselves() -> None:
    # Changes 0.1, 0.2, 0.3: mean 0.2, deviation 0.1, error 0.1/√3, two degrees.
    before, after = by_student(0.3, 0.4, 0.5, 0.9), by_student(0.4, 0.6, 0.8)
    found = paired(after | {"new": 1_000_000}, before)
    assert (found.design, found.mean, found.students) == (Design.PAIRED, 0.2, (3, 3))
    assert found.interval is not None
    margin = 4.3027 * 0.1 / sqrt(3)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.2 - margin, 0.2 + margin), abs=1e-5)


def test_scores_that_do_not_vary_leave_no_doubt() -> None:
    found = independent(micro(0.5, 0.5), micro(0.4, 0.4, 0.4))
    assert found.interval is not None
    assert (found.mean, found.interval.low, found.interval.high) == (0.1, 0.1, 0.1)


def test_of_one_student_no_interval_is_claimed() -> None:
    one = independent(micro(0.5), micro(0.4, 0.6))
    assert (one.mean, one.interval, one.reason) == (0.0, None, "too_few_students")
    other = paired(by_student(0.5), by_student(0.2, 0.4))
    assert (other.mean, other.interval, other.reason) == (0.3, None, "too_few_students")


def test_of_nobody_nothing_is_claimed() -> None:
    for found in (independent([], micro(0.5, 0.6)), paired({}, by_student(0.5, 0.6))):
        assert (found.mean, found.interval, found.reason) == (None, None, "nobody_to_compare")


_scores = st.lists(st.integers(0, 1_000_000), min_size=2, max_size=30)


@given(_scores, _scores, st.randoms())
def test_sides_change_the_sign_and_the_order_of_students_nothing(
    first: list[int], second: list[int], chance: object
) -> None:
    there, back = independent(first, second), independent(second, first)
    assert there.mean is not None
    assert back.mean == pytest.approx(-there.mean, abs=1e-6)
    assert there.interval is not None
    assert back.interval is not None
    assert there.interval.low <= there.mean <= there.interval.high
    assert (back.interval.low, back.interval.high) == pytest.approx(
        (-there.interval.high, -there.interval.low), abs=2e-6
    )
    chance.shuffle(first)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert independent(first, second) == there
