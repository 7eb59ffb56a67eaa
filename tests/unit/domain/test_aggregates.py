from src.domain.aggregates import Aggregates
from src.domain.evidence import Component, Evidence

from .building import aggregates, piece

COMPLETION, QUIZ, QUALITY, CONSISTENCY = Component
TODAY = 20_468


def row(day: int, component: Component, topic: str | None, score: int, weight: int) -> Evidence:
    return Evidence(TODAY + day, component, topic, score, weight)


def test_evidence_of_one_day_component_and_topic_is_added() -> None:
    sums = aggregates(row(0, QUIZ, "loops", 3, 5), row(0, QUIZ, "loops", 4, 5), row(0, QUIZ, None, 1, 1))
    assert sums.rows() == [row(0, QUIZ, None, 1, 1), row(0, QUIZ, "loops", 7, 10)]


def test_rows_stand_in_canonical_order() -> None:
    rows = [
        row(-1, QUIZ, "b", 1, 1),
        row(0, COMPLETION, "b", 1, 1),
        row(0, CONSISTENCY, None, 1, 1),
        row(0, QUALITY, None, 1, 1),
        row(0, QUIZ, None, 1, 1),
        row(0, QUIZ, "B", 1, 1),
        row(0, QUIZ, "a", 1, 1),
    ]
    assert aggregates(*rows[::-1]).rows() == rows


def test_merging_adds_and_leaves_the_other_part_alone() -> None:
    one, other = aggregates(row(0, QUIZ, "a", 1, 2)), aggregates(row(0, QUIZ, "a", 2, 2), row(1, QUIZ, "a", 5, 5))
    one.merge(other)
    assert one.rows() == [row(0, QUIZ, "a", 3, 4), row(1, QUIZ, "a", 5, 5)]
    one.add([row(1, QUIZ, "a", 1, 1)])
    assert other.rows() == [row(0, QUIZ, "a", 2, 2), row(1, QUIZ, "a", 5, 5)]


def test_trimming_forgets_earlier_days_and_what_is_empty_then() -> None:
    sums = aggregates(row(-2, QUIZ, "a", 1, 1), row(-1, QUIZ, "a", 2, 2), row(-2, QUIZ, "b", 3, 3))
    sums.trim(TODAY - 1)
    assert sums.rows() == [row(-1, QUIZ, "a", 2, 2)]
    assert sums.topics() == ["a"]
    sums.trim(TODAY)
    assert not sums
    assert sums == Aggregates()


def test_a_part_holds_both_its_ends() -> None:
    sums = aggregates(*(row(day, QUIZ, "a", 1, 1) for day in range(-3, 3)))
    assert [one.day - TODAY for one in sums.between(TODAY - 1, TODAY + 1).rows()] == [-1, 0, 1]
    assert not sums.between(TODAY + 3, TODAY + 9)
    assert not sums.between(TODAY + 1, TODAY - 1)


def test_equal_sums_are_equal_however_they_came_about() -> None:
    assert aggregates(piece(0, QUIZ, 1), piece(1, QUIZ, 0)) == aggregates(piece(1, QUIZ, 0), piece(0, QUIZ, 1))
    assert aggregates(piece(0, QUIZ, 1)) != aggregates(piece(0, QUIZ, 0))
    assert aggregates(piece(0, QUIZ, 1)) != "something else"
