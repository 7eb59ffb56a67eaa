from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domain.evidence import Component, Difficulty, Evidence, active, counted, rated, scored

BEGINNER, INTERMEDIATE, ADVANCED = Difficulty
# Thousandths and 128ths: their means lie exactly between two micro-units now and then, floats hardly ever do.
RATINGS = st.lists(
    st.floats(0, 1) | st.integers(0, 1000).map(lambda n: n / 1000) | st.integers(0, 128).map(lambda n: n / 128),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize(
    ("score", "difficulty", "expected"),
    [
        (1.0, BEGINNER, (800_000, 800_000)),
        (1.0, INTERMEDIATE, (1_000_000, 1_000_000)),
        (1.0, ADVANCED, (1_200_000, 1_200_000)),
        (0.0, ADVANCED, (0, 1_200_000)),
        (0.5, BEGINNER, (400_000, 800_000)),
        (0.7, ADVANCED, (840_000, 1_200_000)),
        (0.0000003, BEGINNER, (0, 800_000)),  # 0.24 micro-units
        (0.0000003, ADVANCED, (0, 1_200_000)),  # 0.36
        (0.0000005, ADVANCED, (1, 1_200_000)),  # 0.6
        (0.0078125, INTERMEDIATE, (7_812, 1_000_000)),  # 7812.5 exactly: to the even neighbour
    ],
)
def test_an_exercise_weighs_as_much_as_it_is_hard(
    score: float, difficulty: Difficulty, expected: tuple[int, int]
) -> None:
    assert scored(score, difficulty) == expected


@pytest.mark.parametrize(
    ("correct", "total", "difficulty", "expected"),
    [
        (4, 5, INTERMEDIATE, (4_000_000, 5_000_000)),
        (4, 5, BEGINNER, (3_200_000, 4_000_000)),
        (4, 5, ADVANCED, (4_800_000, 6_000_000)),
        (0, 1, INTERMEDIATE, (0, 1_000_000)),
        (50, 50, INTERMEDIATE, (50_000_000, 50_000_000)),
        (51, 51, INTERMEDIATE, (50_000_000, 50_000_000)),  # no more than fifty questions count
        (25, 100, INTERMEDIATE, (12_500_000, 50_000_000)),
        (100, 100, ADVANCED, (60_000_000, 60_000_000)),
        (1, 3, INTERMEDIATE, (1_000_000, 3_000_000)),
        (20, 60, INTERMEDIATE, (16_666_667, 50_000_000)),  # a third of fifty
        (1, 1_000_000, BEGINNER, (40, 40_000_000)),
    ],
)
def test_counts_weigh_by_their_number_up_to_fifty(
    correct: int, total: int, difficulty: Difficulty, expected: tuple[int, int]
) -> None:
    assert counted(correct, total, difficulty) == expected


@pytest.mark.parametrize(
    ("ratings", "score"),
    [
        ([0.8], 800_000),
        ([0.8, 0.9], 850_000),
        ([1, 0, 0], 333_333),
        ([1, 1, 0], 666_667),
        ([0.25, 0.5, 0.75, 1.0], 625_000),
        ([0.0], 0),
        ([0.015625, 0.0], 7_812),  # a mean of 1/128: 7812.5 exactly, to the even neighbour
        # The four doubles add up to a hair less than 2.79525, so their mean lies below 698812.5.
        ([0.705, 0.472, 0.962, 0.65625], 698_812),
    ],
)
def test_ratings_count_as_their_mean_with_a_weight_of_one(ratings: list[float], score: int) -> None:
    assert rated(ratings) == (score, 1_000_000)


@given(RATINGS)
def test_a_mean_of_ratings_is_rounded_once_on_every_interpreter(ratings: list[float]) -> None:
    # How sum() rounds floats on the way changed with Python 3.12; what is stored must not.
    assert rated(ratings)[0] == round(sum(map(Fraction, ratings), Fraction(0)) / len(ratings) * 1_000_000)


@given(st.integers(1, 1_000_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_a_score_never_exceeds_its_weight(counts: tuple[int, int]) -> None:
    for difficulty in Difficulty:
        score, weight = counted(*counts, difficulty)
        assert 0 <= score <= weight


def test_an_active_day_belongs_to_no_topic() -> None:
    assert active(20_468) == Evidence(20_468, Component.CONSISTENCY, None, 1_000_000, 1_000_000)


def test_components_are_keys_equal_to_their_names() -> None:
    assert dict.fromkeys(Component, True) == dict.fromkeys(["completion", "quiz", "quality", "consistency"], True)
