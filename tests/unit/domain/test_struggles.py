from itertools import product
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domain.events import Event
from src.domain.struggles import Signal, Struggle, open_struggles, struggles
from tests.making import event

from .building import fold

REPEATED_ERROR, FAILED_RUNS, LONG_EXERCISE, LOW_QUIZ, STUCK = Signal
Act: TypeAlias = tuple[str, dict[str, Any]]


def act(event_type: str, topic: str | None, data: dict[str, Any]) -> Act:
    return event_type, {"topic": topic, "data": {name: value for name, value in data.items() if value is not None}}


def failed_run(exercise: str = "ex-1", error: str | None = None, *, topic: str | None = "loops") -> Act:
    return act("code.executed", topic, {"exercise_id": exercise, "success": False, "error_type": error})


def run(exercise: str = "ex-1", *, topic: str | None = "loops") -> Act:
    return act("code.executed", topic, {"exercise_id": exercise, "success": True})


def exercise(
    name: str | None = "ex-1", seconds: float | None = None, *, score: float = 1, topic: str | None = "loops"
) -> Act:
    return act("exercise.completed", topic, {"exercise_id": name, "score": score, "time_spent_s": seconds})


def quiz(correct: int, total: int = 10, name: str | None = "quiz-1", *, topic: str | None = "loops") -> Act:
    data = {"quiz_id": name, "total_questions": total, "correct_answers": correct}
    return act("quiz.completed", topic, data)


def help_with(kind: str = "stuck", exercise: str | None = None, *, topic: str | None = "loops") -> Act:
    return act("help.requested", topic, {"message_kind": kind, "exercise_id": exercise})


def happened(*acts: Act) -> list[Event]:
    """Return acts as events a minute apart, with ids e-0, e-1 and so on."""
    return [
        event(f"e-{minute}", event_type, timestamp=f"2026-01-15T10:{minute:02}:00Z", **fields)
        for minute, (event_type, fields) in enumerate(acts)
    ]


def noticed(*acts: Act) -> list[Struggle]:
    """Return the signals after acts."""
    return struggles(fold(happened(*acts)).recent.others)


def signals(*acts: Act) -> list[tuple[Signal, bool]]:
    return [(struggle.signal, struggle.open) for struggle in noticed(*acts)]


NAME_ERROR = failed_run(error="NameError")

# What triggers each signal, on exercise ex-1 or quiz quiz-1 and the topic loops.
TROUBLE = {
    REPEATED_ERROR: [NAME_ERROR] * 3,
    FAILED_RUNS: [failed_run()] * 5,
    LONG_EXERCISE: [exercise(seconds=601, score=0)],
    LOW_QUIZ: [quiz(4)],
    STUCK: [help_with(exercise="ex-1")],
}
EACH = pytest.mark.parametrize("signal", Signal)


@pytest.mark.parametrize(
    ("signal", "trigger", "exercise_id", "facts"),
    [
        (REPEATED_ERROR, "e-2", "ex-1", {"error_type": "NameError", "times": 3}),
        (FAILED_RUNS, "e-4", "ex-1", {"failed_runs": 5}),
        (LONG_EXERCISE, "e-0", "ex-1", {"time_spent_s": 601}),
        (LOW_QUIZ, "e-0", None, {"quiz_id": "quiz-1", "score": 0.4}),
        (STUCK, "e-0", "ex-1", {"message_kind": "stuck"}),
    ],
)
def test_each_signal_tells_its_facts_and_what_triggered_it(
    signal: Signal, trigger: str, exercise_id: str | None, facts: dict[str, Any]
) -> None:
    (struggle,) = noticed(*TROUBLE[signal])
    minute = int(trigger.removeprefix("e-"))
    assert struggle == Struggle(
        id=f"{signal}.{trigger}",
        signal=signal,
        topic="loops",
        exercise_id=exercise_id,
        since=f"2026-01-15T10:{minute:02}:00Z",
        facts=facts,
        open=True,
    )


@pytest.mark.parametrize(
    "acts",
    [
        [],
        [NAME_ERROR] * 2,
        [NAME_ERROR, failed_run(error="TypeError"), NAME_ERROR, failed_run(error="TypeError")],
        [NAME_ERROR, failed_run("ex-2", "NameError"), NAME_ERROR, failed_run("ex-2", "NameError")],
        [failed_run()] * 4,  # no error type: nothing repeats itself
        [failed_run()] * 4 + [run("ex-2")] + [failed_run()] * 4,  # not in a row
        [failed_run()] * 4 + [failed_run(topic="lists")] * 4,  # a row belongs to a topic
        [NAME_ERROR, NAME_ERROR, run(), NAME_ERROR],
        [exercise(seconds=600, score=0)],
        [exercise(seconds=400, score=0), exercise("ex-2", 400, score=0)],
        [exercise(None, 400, score=0)] * 2,
        [exercise(score=0)] * 9,
        [quiz(5)],
        [quiz(1, 2)],
        [help_with("question")] * 3,
        [help_with("Stuck")],
    ],
)
def test_less_than_that_is_no_signal(acts: list[Act]) -> None:
    assert signals(*acts) == []


def test_five_failures_in_a_row_may_be_of_several_exercises() -> None:
    assert signals(*(failed_run(f"ex-{number}") for number in range(5))) == [(FAILED_RUNS, True)]


def test_what_happens_between_failed_runs_does_not_end_the_row() -> None:
    between = [quiz(3), help_with("question"), run(topic="lists")]
    assert (FAILED_RUNS, True) in signals(*[failed_run("ex-9")] * 3, *between, *[failed_run("ex-9")] * 2)


def test_a_quiz_named_like_an_exercise_does_not_clear_its_errors() -> None:
    acts = [NAME_ERROR, NAME_ERROR, quiz(10, name="ex-1", topic="lists"), NAME_ERROR]
    assert signals(*acts) == [(REPEATED_ERROR, True)]


def test_time_on_one_exercise_adds_up() -> None:
    (struggle,) = noticed(exercise(seconds=400, score=0), help_with("question"), exercise(seconds=200.5, score=0))
    assert (struggle.signal, struggle.id) == (LONG_EXERCISE, "long_exercise.e-2")
    assert struggle.facts == {"time_spent_s": 600.5}


def test_more_of_the_same_does_not_open_a_second_signal() -> None:
    assert signals(*[failed_run()] * 9) == [(FAILED_RUNS, True)]
    assert signals(*[exercise(seconds=400, score=0)] * 4) == [(LONG_EXERCISE, True)]
    assert signals(*[NAME_ERROR] * 4) == [(REPEATED_ERROR, True)]


@EACH
@pytest.mark.parametrize(
    "success",
    [quiz(5, name="quiz-2"), exercise("ex-2", score=0.5), exercise(None), run("ex-2")],
    ids=["quiz", "exercise", "unnamed exercise", "run"],
)
def test_a_later_success_on_the_topic_resolves(signal: Signal, success: Act) -> None:
    assert signals(*TROUBLE[signal], success) == [(signal, False)]


@pytest.mark.parametrize("signal", [REPEATED_ERROR, FAILED_RUNS, LONG_EXERCISE, STUCK])
@pytest.mark.parametrize("success", [run(topic=None), exercise(topic=None), exercise(topic="lists")])
def test_a_later_success_on_the_exercise_resolves_whatever_topic_it_names(signal: Signal, success: Act) -> None:
    assert signals(*TROUBLE[signal], success) == [(signal, False)]


def test_a_later_success_on_the_quiz_resolves_whatever_topic_it_names() -> None:
    assert signals(quiz(4), quiz(5, topic=None)) == [(LOW_QUIZ, False)]
    assert signals(quiz(4, topic=None), quiz(5, topic=None)) == [(LOW_QUIZ, False)]


@EACH
@pytest.mark.parametrize(
    "other",
    [
        run("ex-2", topic="lists"),
        exercise("ex-2", topic="lists"),
        exercise(None, topic=None),
        quiz(10, name="quiz-2", topic="lists"),
        exercise("quiz-1", topic="lists"),  # an exercise and a quiz are not the same for having one name
        quiz(10, name="ex-1", topic="lists"),
        help_with("thanks"),
        exercise(score=0.4999, topic="loops"),
        failed_run("ex-2"),
        quiz(49, 100, name=None, topic="lists"),
    ],
)
def test_anything_else_leaves_it_open(signal: Signal, other: Act) -> None:
    assert (signal, True) in signals(*TROUBLE[signal], other)


@EACH
def test_an_earlier_success_does_not_resolve(signal: Signal) -> None:
    assert (signal, True) in signals(run(), exercise(), quiz(10), *TROUBLE[signal])


@pytest.mark.parametrize(
    ("signal", "success"),
    [
        *product(Signal, [run(), exercise(), run("ex-2"), quiz(10), quiz(10, name="quiz-2")]),
        *product([REPEATED_ERROR, FAILED_RUNS, LONG_EXERCISE, STUCK], [run(topic="lists"), exercise(topic=None)]),
        (LOW_QUIZ, quiz(10, topic=None)),
    ],
)
def test_trouble_that_comes_back_after_it_was_resolved_opens_again(signal: Signal, success: Act) -> None:
    found = signals(*TROUBLE[signal], success, *TROUBLE[signal])
    assert [is_open for kind, is_open in found if kind is signal] == [True, False]


def test_a_success_that_took_long_is_a_struggle_that_a_later_one_resolves() -> None:
    assert signals(exercise(seconds=700)) == [(LONG_EXERCISE, True)]
    assert signals(exercise(seconds=700), exercise(seconds=100)) == [(LONG_EXERCISE, False)]


def test_signals_stand_newest_first() -> None:
    found = noticed(quiz(0), help_with(), exercise(seconds=900, score=0))
    assert [struggle.signal for struggle in found] == [LONG_EXERCISE, STUCK, LOW_QUIZ]
    assert [struggle.since for struggle in found] == [f"2026-01-15T10:0{minute}:00Z" for minute in (2, 1, 0)]


def test_ids_of_signals_differ() -> None:
    found = noticed(*[NAME_ERROR] * 5, quiz(0), help_with())
    assert len({struggle.id for struggle in found}) == len(found) == 4


ACTS = st.sampled_from([NAME_ERROR, failed_run(), exercise(seconds=601, score=0), quiz(4), quiz(9), run()])


@given(st.lists(ACTS, max_size=30))
def test_the_open_ones_are_those_that_nothing_has_resolved(acts: list[Act]) -> None:
    outcomes = fold(happened(*acts)).recent.others
    assert open_struggles(outcomes) == [struggle for struggle in struggles(outcomes) if struggle.open]
