from datetime import timedelta

import pytest

from src.domain.days import to_date
from src.domain.evidence import Component
from src.domain.forgetting import Memory, is_due, memory
from tests.making import TODAY

from .building import FULL, aggregates, piece

QUIZ, COMPLETION = Component.QUIZ, Component.COMPLETION


def remembered(*reviews: tuple[int, float]) -> Memory:
    left = memory(aggregates(*(piece(ago, QUIZ, score) for ago, score in reviews)), "loops", FULL)
    assert left is not None
    return left


def test_without_evidence_there_is_nothing_to_forget() -> None:
    assert memory(aggregates(piece(0, QUIZ, 1.0, topic="lists")), "loops", FULL) is None


def test_evidence_outside_the_window_is_no_review() -> None:
    assert memory(aggregates(piece(90, QUIZ, 1.0)), "loops", FULL) is None


def test_what_was_done_today_is_remembered() -> None:
    assert remembered((0, 1.0)).retrievability == 1.0


@pytest.mark.parametrize(
    ("score", "days"),  # golden: the first intervals of FSRS 6 with its default parameters at 90 %
    [(0.3, 1), (0.5, 1), (0.7, 2), (0.8, 2), (0.95, 8)],
)
def test_the_first_review_is_due_by_how_well_it_went(score: float, days: int) -> None:
    assert remembered((0, score)).due == to_date(TODAY) + timedelta(days=days)


def test_the_mean_of_a_day_is_its_rating() -> None:
    day = aggregates(piece(5, QUIZ, 1.0), piece(5, COMPLETION, 0.4))  # 0.7
    assert memory(day, "loops", FULL) == remembered((5, 0.7))


def test_each_good_review_carries_further() -> None:
    once, twice, thrice = (remembered(*((ago, 0.8) for ago in agos)) for agos in ((0,), (3, 0), (14, 3, 0)))
    assert once.due < twice.due < thrice.due


def test_forgetting_goes_on_until_the_next_review() -> None:
    left = [remembered((ago, 0.8)).retrievability for ago in (1, 5, 20, 60)]
    assert left == sorted(left, reverse=True)
    assert len(set(left)) == len(left)


def test_a_review_is_due_on_its_day() -> None:
    left = remembered((2, 0.8))
    assert (is_due(left, TODAY - 1), is_due(left, TODAY)) == (False, True)


def test_the_same_evidence_gives_the_same_memory_in_any_order() -> None:
    reviews = [(9, 0.8), (4, 0.5), (1, 0.9)]
    assert remembered(*reviews) == remembered(*reversed(reviews))
