import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domain.days import DAY_US
from src.domain.outcomes import Outcome, OutcomeKind, Recent

ANSWER, EXERCISE, QUIZ, RUN, HELP = OutcomeKind
SHUFFLES = st.permutations(range(8))


def outcome(at: int, event_id: str = "e", position: int = 0, kind: OutcomeKind = RUN) -> Outcome:
    return Outcome(at, event_id, position, kind)


def recent(outcomes: list[Outcome]) -> Recent:
    windows = Recent()
    windows.add(outcomes)
    return windows


@pytest.mark.parametrize("seed", range(5))
def test_each_window_keeps_the_newest_200_whatever_the_order(seed: int) -> None:
    answers = [outcome(at, kind=ANSWER) for at in range(350)]
    others = [outcome(at, kind=kind) for at in range(60) for kind in (EXERCISE, QUIZ, RUN, HELP)]
    others = [other._replace(position=at) for at, other in enumerate(others)]
    shuffled = [*answers, *others]
    random.Random(seed).shuffle(shuffled)  # reproducible, and no secret
    windows = recent(shuffled)
    assert windows.answers == answers[150:]
    assert windows.others == others[40:]


def test_answers_do_not_push_out_other_outcomes() -> None:
    windows = recent([outcome(0, kind=QUIZ), *(outcome(at, kind=ANSWER) for at in range(1, 300))])
    assert windows.others == [outcome(0, kind=QUIZ)]
    assert len(windows.answers) == 200


@given(SHUFFLES)
def test_outcomes_are_ordered_by_time_then_event_then_position(order: list[int]) -> None:
    sorted_ones = [
        outcome(-1, "z", 9),
        outcome(0, "a", 0),
        outcome(0, "a", 1),
        outcome(0, "a", 10),
        outcome(0, "a.", 0),
        outcome(0, "b", 0),
        outcome(1, "A", 0),
        outcome(1, "a", 0),
    ]
    assert recent([sorted_ones[index] for index in order]).others == sorted_ones


def test_an_old_outcome_does_not_enter_a_full_window() -> None:
    full = [outcome(at) for at in range(1, 201)]
    assert recent([*full, outcome(0)]).others == full
    assert recent([*full, outcome(201)]).others == [*full[1:], outcome(201)]


def test_merged_windows_keep_the_newest_of_both() -> None:
    even, odd = recent([outcome(at) for at in range(0, 400, 2)]), recent([outcome(at) for at in range(1, 400, 2)])
    even.merge(odd)
    assert even.others == [outcome(at) for at in range(200, 400)]


def test_since_a_day_means_from_its_midnight_on() -> None:
    before, midnight, after = outcome(DAY_US - 1), outcome(DAY_US), outcome(DAY_US + 1, kind=ANSWER)
    windows = recent([after, midnight, before])
    assert windows.since(1).newest_first() == [after, midnight]
    assert windows.since(0).newest_first() == [after, midnight, before]
    assert windows.since(2).newest_first() == []


def test_newest_first_mixes_both_windows() -> None:
    one, two, three = outcome(1, kind=ANSWER), outcome(2, kind=HELP), outcome(3, kind=ANSWER)
    assert recent([two, three, one]).newest_first() == [three, two, one]


@pytest.mark.parametrize(
    ("score", "success"), [(None, False), (0, False), (499_999, False), (500_000, True), (1_000_000, True)]
)
def test_half_is_a_success(score: int | None, *, success: bool) -> None:
    assert Outcome(0, "e", 0, QUIZ, score=score).success is success
