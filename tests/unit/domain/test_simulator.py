import json
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from itertools import groupby, pairwise
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.domain.curriculum import DEFAULT
from src.domain.days import DAY_US, from_date, to_date
from src.domain.events import ALIASES, Event, EventType
from src.domain.history import Interval, history, points
from src.domain.levels import Level, Status
from src.domain.mastery import Standing, whole_standing, window
from src.domain.model import MasteryModel
from src.domain.simulation.ability import Ability, success
from src.domain.simulation.attendance import days_of_work
from src.domain.simulation.curriculum import CURRICULUM
from src.domain.simulation.dice import Dice
from src.domain.simulation.profiles import CRAMMER, DROP_OUT, NEWCOMER, ROSTER, STEADY, Profile, profile_of
from src.domain.simulator import simulate
from src.domain.state import StudentState
from src.domain.struggles import Signal, struggles
from src.event_validator import validate

LAST_DAY = date(2026, 1, 15)
CLASS_SIZE, DAYS = 30, 90
Wire = dict[str, Any]


def events_of(
    *, students: int = 3, days: int = 20, seed: int = 1, last_day: date = LAST_DAY, only: str | None = None
) -> list[Wire]:
    events = simulate(students=students, days=days, seed=seed, last_day=last_day)
    return [event for event in events if only in (None, event["student_id"])]


def validated(wire: Wire, last_day: date = LAST_DAY) -> Event:
    event = validate(wire, (from_date(last_day) + 1) * DAY_US - 1)
    assert isinstance(event, Event), event
    return event


@cache
def a_class() -> list[Wire]:
    return events_of(students=CLASS_SIZE, days=DAYS)


@cache
def states() -> dict[str, StudentState]:
    students: dict[str, StudentState] = {}
    for wire in a_class():
        assert students.setdefault(wire["student_id"], StudentState()).add(validated(wire))
    return students


def states_of(profile: Profile) -> list[StudentState]:
    return [state for number, state in enumerate(states().values(), 1) if profile_of(number) is profile]


def standing(state: StudentState) -> Standing:
    return whole_standing(state.aggregates, window(from_date(LAST_DAY), 0), MasteryModel())


def data_of(event_type: EventType) -> list[Wire]:
    names = {event_type.value, *(alias for alias, name in ALIASES.items() if name is event_type)}
    return [event["data"] for event in a_class() if event["event_type"] in names]


def leaves(value: object) -> Iterator[object]:
    if type(value) is dict:
        for key, part in value.items():
            yield key
            yield from leaves(part)
    elif type(value) is list:
        for part in value:
            yield from leaves(part)
    else:
        yield value


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert json.dumps(events_of(students=12)) == json.dumps(events_of(students=12))


def test_another_seed_gives_other_events() -> None:
    assert events_of(seed=1) != events_of(seed=2)


def test_students_of_the_same_kind_differ() -> None:
    first, fourth = (events_of(students=4, only=f"student-00{number}") for number in (1, 4))
    assert profile_of(1) is profile_of(4)
    assert [event["timestamp"] for event in first] != [event["timestamp"] for event in fourth]


@pytest.mark.parametrize("student_id", ["student-001", "student-002", "student-003"])
def test_the_events_of_a_student_do_not_depend_on_how_many_others_there_are(student_id: str) -> None:
    few = events_of(students=3, only=student_id)
    assert few
    assert few == events_of(students=15, only=student_id)


def test_moved_in_time_by_weeks_the_same_happens() -> None:
    weeks = timedelta(weeks=5)
    now, later = events_of(), events_of(last_day=LAST_DAY + weeks)
    assert [event["event_type"] for event in now] == [event["event_type"] for event in later]
    assert [validated(event).day + weeks.days for event in now] == [
        validated(event, LAST_DAY + weeks).day for event in later
    ]


@settings(deadline=None, max_examples=50)
@given(
    students=st.integers(1, 12),
    days=st.integers(1, 30),
    seed=st.integers(),
    last_day=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
)
def test_whatever_the_arguments_every_event_is_valid_in_range_and_in_order(
    students: int, days: int, seed: int, last_day: date
) -> None:
    wires = events_of(students=students, days=days, seed=seed, last_day=last_day)
    by_student = {name: list(own) for name, own in groupby(wires, key=lambda wire: wire["student_id"])}
    assert list(by_student) == [f"student-{number:03}" for number in range(1, students + 1)]
    for own in by_student.values():
        events = [validated(wire, last_day) for wire in own]
        assert all(last_day - timedelta(days=days) < to_date(event.day) <= last_day for event in events)
        assert all(before.occurred_us < after.occurred_us for before, after in pairwise(events))
        assert len({event.event_id for event in events}) == len(events)


def test_no_event_of_a_class_is_expired_at_the_end_of_ninety_days() -> None:
    assert not any(validated(wire).expired for wire in a_class())


def test_every_type_of_event_occurs_and_every_alias_now_and_then() -> None:
    names = [event["event_type"] for event in a_class()]
    assert set(names) == {*EventType, *ALIASES}
    assert 0 < sum(name in ALIASES for name in names) < len(names) / 20


def test_even_one_student_shows_every_type() -> None:
    assert {validated(wire).type for wire in events_of(students=1, days=60)} == set(EventType)


def test_events_are_made_of_json_with_at_most_four_decimals() -> None:
    values = list(leaves(a_class()))
    assert {type(value) for value in values} == {str, int, float, bool}
    assert all(round(value, 4) == value for value in values if isinstance(value, float))


def test_work_is_done_at_plausible_hours() -> None:
    hours = [int(event["timestamp"][11:13]) for event in a_class()]
    assert min(hours) >= 5
    assert max(hours) <= 23


def test_all_topics_are_taken_in_the_order_of_the_curriculum() -> None:
    met = list(dict.fromkeys(event["topic"] for event in a_class() if "topic" in event))
    assert met == [topic.name for topic in CURRICULUM]
    assert len(met) == 8


def test_activity_lists_past_days_of_the_simulation_only() -> None:
    first_day = (LAST_DAY - timedelta(days=DAYS - 1)).isoformat()
    lists = [data["activity_dates"] for data in data_of(EventType.ACTIVITY_RECORDED) if data]
    assert lists
    assert all(first_day <= dates[0] and dates == sorted(set(dates)) for dates in lists)


def test_a_quiz_has_three_to_ten_different_questions_and_counts_the_right_answers() -> None:
    quizzes = data_of(EventType.QUIZ_COMPLETED)
    assert {quiz["total_questions"] for quiz in quizzes} == set(range(3, 11))
    answered = [quiz for quiz in quizzes if "responses" in quiz]
    assert len(quizzes) > len(answered) > len(quizzes) / 2
    for quiz in answered:
        assert len({answer["item"] for answer in quiz["responses"]}) == quiz["total_questions"]
        assert sum(answer["correct"] for answer in quiz["responses"]) == quiz["correct_answers"]


def test_a_question_always_exercises_the_same_skills() -> None:
    skills: dict[str, list[str]] = {}
    for quiz in data_of(EventType.QUIZ_COMPLETED):
        for answer in quiz.get("responses", ()):
            assert skills.setdefault(answer["item"], answer["skills"]) == answer["skills"]
    assert len(skills) > 100


def test_harder_questions_are_answered_right_less_often() -> None:
    hardness = {item.id: item.hardness for topic in CURRICULUM for quiz in topic.quizzes for item in quiz.items}
    answers = [answer for quiz in data_of(EventType.QUIZ_COMPLETED) for answer in quiz.get("responses", ())]
    easy = fmean(answer["correct"] for answer in answers if hardness[answer["item"]] < 0)
    hard = fmean(answer["correct"] for answer in answers if hardness[answer["item"]] > 0.3)
    assert easy > hard + 0.05


def average(state: StudentState, first: int, last: int) -> float:
    days = points(to_date(first), to_date(last), Interval.DAY)
    scores = [point.score for point in history(state.aggregates, days, 0, MasteryModel())]
    return fmean(score for score in scores if score is not None)


def test_steady_students_learn() -> None:
    first, last, third = from_date(LAST_DAY) - DAYS + 1, from_date(LAST_DAY), DAYS // 3
    rises = [
        average(state, last - third + 1, last) - average(state, first, first + third - 1) for state in states_of(STEADY)
    ]
    assert fmean(rises) > 0.03


def test_every_struggle_signal_occurs_and_some_are_resolved() -> None:
    found = [struggle for state in states().values() for struggle in struggles(state.recent.others)]
    assert {struggle.signal for struggle in found} == set(Signal)
    assert {struggle.open for struggle in found} == {True, False}


def test_levels_spread_from_beginner_to_expert() -> None:
    levels = {standing(state).level for state in states().values()}
    assert len(levels - {None}) >= 3
    assert {Level.BEGINNER, Level.EXPERT} <= levels


def test_newcomers_have_hardly_any_evidence() -> None:
    assert {standing(state).status for state in states_of(NEWCOMER)} == {Status.INSUFFICIENT_EVIDENCE}


@pytest.mark.parametrize("seed", range(20))
def test_drop_outs_leave_in_the_first_half(seed: int) -> None:
    assert list(days_of_work(DROP_OUT, DAYS, 0, Dice(f"{seed}")))[-1] < DAYS / 2


def test_who_prepares_for_exams_works_in_bursts() -> None:
    attended = [list(days_of_work(CRAMMER, 360, 0, Dice(f"{seed}"))) for seed in range(20)]
    gaps = [after - before for days in attended for before, after in pairwise(days)]
    share_of_days = sum(map(len, attended)) / (360 * len(attended))
    assert gaps.count(1) / len(gaps) > 1.5 * share_of_days
    assert sum(gap >= 7 for gap in gaps) > len(gaps) / 20


def test_weekends_are_quieter_than_weekdays() -> None:
    days = [day for seed in range(20) for day in days_of_work(STEADY, 140, 0, Dice(f"{seed}"))]
    weekend = [day for day in days if day % 7 >= 5]
    assert 0 < len(weekend) / 2 < (len(days) - len(weekend)) / 5


def test_practice_raises_ability_and_time_away_lowers_it_again() -> None:
    ability, topic = Ability(STEADY, Dice("1")), CURRICULUM[3]
    before = ability.on(topic, 10)
    for _ in range(5):
        ability.practise(topic, 10)
    learned, next_day, month_later = (ability.on(topic, day) for day in (10, 11, 40))
    assert before < month_later < next_day == learned


def test_what_is_learned_in_one_topic_helps_a_little_in_another() -> None:
    ability = Ability(STEADY, Dice("1"))
    practised, other = CURRICULUM[0], CURRICULUM[1]
    start = ability.on(practised, 0), ability.on(other, 0)
    ability.practise(practised, 0)
    assert 0 < ability.on(other, 0) - start[1] < ability.on(practised, 0) - start[0]


@settings(deadline=None)
@given(low=st.floats(-50, 50), high=st.floats(-50, 50))
def test_more_ability_makes_success_no_less_probable(low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert 0 < success(low) <= success(high) < 1


def test_every_ten_students_are_of_every_kind() -> None:
    assert {profile_of(number).name for number in range(101, 111)} == {profile.name for profile in ROSTER}


def test_made_up_students_learn_what_the_curriculum_begins_with() -> None:
    taken: set[str] = set()
    for topic in CURRICULUM:
        assert set(DEFAULT.by_name[topic.name].prerequisites) <= taken
        assert {skill for quiz in topic.quizzes for item in quiz.items for skill in item.skills} <= set(
            DEFAULT.by_name[topic.name].skills
        )
        taken.add(topic.name)
