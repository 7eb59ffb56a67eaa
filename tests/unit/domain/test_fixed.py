from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domain.fixed import MICRO, apportion, divide, fraction, ratio, scale, share, weighted_mean

INTEGERS = st.integers(-(10**30), 10**30)
POSITIVE = st.integers(1, 10**30)


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (7, 2, 4),  # 3.5: to the even neighbour above
        (5, 2, 2),  # 2.5: to the even neighbour below
        (1, 2, 0),
        (3, 2, 2),
        (-1, 2, 0),
        (-3, 2, -2),
        (-5, 2, -2),
        (5, 3, 2),  # 1.67
        (4, 3, 1),  # 1.33
        (-4, 3, -1),
        (25, 10, 2),
        (26, 10, 3),
        (6, 3, 2),
        (0, 7, 0),
    ],
)
def test_division_rounds_half_to_even(numerator: int, denominator: int, expected: int) -> None:
    assert divide(numerator, denominator) == expected


@given(INTEGERS, POSITIVE)
def test_division_is_that_of_exact_fractions(numerator: int, denominator: int) -> None:
    assert divide(numerator, denominator) == round(Fraction(numerator, denominator))


@pytest.mark.parametrize(
    ("value", "units", "expected"),
    [
        (0.5, 1, 0),
        (1.5, 1, 2),
        (0.0078125, MICRO, 7812),  # 1/128 is a double, and exactly 7812.5 micro-units
        (0.0234375, MICRO, 23438),  # 3/128: 23437.5
        (0.1, MICRO, 100_000),
        (1.0, 1_200_000, 1_200_000),
        (0.0, MICRO, 0),
        (-0.0, MICRO, 0),
        (1, MICRO, MICRO),
    ],
)
def test_scaling_rounds_the_exact_value_of_the_double(value: float, units: int, expected: int) -> None:
    assert scale(value, units) == expected


@given(st.floats(0, 1), st.integers(0, 2_000_000))
def test_scaling_loses_nothing_before_it_rounds(value: float, units: int) -> None:
    assert scale(value, units) == round(Fraction(value) * units)


def test_ratios_and_shares_have_six_decimals() -> None:
    assert ratio(1, 3) == 333_333
    assert ratio(2, 3) == 666_667
    assert ratio(1, 2_000_000) == 0  # 0.5 micro-units
    assert ratio(3, 2_000_000) == 2  # 1.5 micro-units
    assert share(2, 3) == 0.666667
    assert fraction(666_667) == 0.666667


@given(st.integers(0, MICRO))
def test_a_fraction_prints_with_at_most_six_decimals(micro: int) -> None:
    assert Decimal(repr(fraction(micro))) == Decimal(micro) / MICRO


def test_a_weighted_mean_is_exact() -> None:
    # (1 * 1/2 + 3 * 1/4) / 4 = 1.25 / 4 = 0.3125
    assert Fraction(*weighted_mean([(1, 1, 2), (3, 1, 4)], 4)) == Fraction(5, 16)
    # (2 * 1/3 + 1 * 1/3) / 3 = 1/3: thirds survive
    assert Fraction(*weighted_mean([(2, 1, 3), (1, 1, 3)], 3)) == Fraction(1, 3)


def test_the_mean_of_nothing_is_nothing() -> None:
    assert Fraction(*weighted_mean([], 5)) == 0


def test_what_is_missing_goes_to_the_largest_remainders() -> None:
    # Sevenths of one: 1/7 = 142857.14, 2/7 = 285714.28, 4/7 = 571428.57. Rounded down they make 999999; the
    # missing micro-unit goes to the remainder of .57.
    assert apportion(MICRO, [1, 2, 4], 7) == [142_857, 285_714, 571_429]


def test_among_equal_remainders_the_earlier_comes_first() -> None:
    # Thirds: three times 333333.33, one micro-unit missing.
    assert apportion(MICRO, [1, 1, 1], 3) == [333_334, 333_333, 333_333]
    # Sixths and a half of 0.000001: all remainders, no whole part.
    assert apportion(1, [1, 3, 2], 6 * MICRO) == [0, 1, 0]


def test_exact_shares_stay_as_they_are() -> None:
    assert apportion(750_000, [1, 2], 4) == [250_000, 500_000]
    assert apportion(0, [], 1) == []


@given(st.lists(st.integers(0, 10**15), max_size=30), st.integers(10**3, 10**16))
def test_parts_add_up_and_no_part_moves_by_a_whole_micro_unit(shares: list[int], denominator: int) -> None:
    total = ratio(sum(shares), denominator)
    parts = apportion(total, shares, denominator)
    assert sum(parts) == total
    for part, exact in zip(parts, shares, strict=True):
        assert abs(part - Fraction(exact * MICRO, denominator)) < 1


@given(st.integers(0, 10**30), st.integers(1, 10**30))
def test_a_share_is_rounded_from_the_exact_ratio(numerator: int, denominator: int) -> None:
    small, large = sorted((numerator, denominator))
    assert share(small, max(large, 1)) == ratio(small, max(large, 1)) / MICRO


@given(st.integers(0, 499_999), st.integers(-3, 3))
def test_a_share_in_the_middle_between_two_is_rounded_half_to_even(half: int, more: int) -> None:
    numerator, denominator = (2 * half + 1) * 10**30 + more, 2 * MICRO * 10**30
    assert share(numerator, denominator) == ratio(numerator, denominator) / MICRO
