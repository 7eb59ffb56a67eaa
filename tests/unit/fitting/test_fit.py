import random

import pytest

from src.domain.learner import LearnerModel
from src.domain.learner_history import OF_TIME
from src.errors import CommandFailed
from src.fitting.answers import ordered
from src.fitting.baselines import skill_mean
from src.fitting.measures import measure
from src.fitting.scoring import score
from src.model_artefact import Content, write_artefact
from tests.simulated_answers import HEADER, simulate

from .conftest import fitted, loaded, students_of

OTHERS = simulate(range(1000, 1040), seed=2)


def test_a_model_tells_most_of_what_can_be_told_of_students_it_has_not_seen(model: LearnerModel) -> None:
    students = [ordered(own) for own in students_of(OTHERS.text).answers.values()]
    right = [int(outcome.success) for own in students for outcome in own]
    known = [ordered(own) for own in students_of(simulate(range(60)).text).answers.values()]
    told = measure([chance for own in students for chance in score(model, own)], right)
    best, simple = measure(OTHERS.truth, right), measure(skill_mean(known, students), right)
    assert best.auc is not None
    assert told.auc is not None
    assert simple.auc is not None
    # The truth knows the student's ability and whether a skill was learned; from the answers both have to be guessed.
    assert best.auc - 0.09 < told.auc < best.auc
    assert told.auc > simple.auc + 0.15
    assert told.calibration_error < 0.06


def test_the_same_answers_give_the_same_model_in_whatever_order(content: Content) -> None:
    rows = simulate(range(60)).rows
    shuffled = random.Random(3).sample(rows, len(rows))
    again = fitted("\n".join([HEADER, *shuffled, *rows[:50]]))
    assert write_artefact(again, "later", ("elsewhere",))[0] == write_artefact(content, "")[0]


def test_times_are_learned_from_only_where_answers_have_them(content: Content) -> None:
    assert not set(OF_TIME) & set(content.features)
    assert content.about["first_day"] is None
    timed = fitted(simulate(range(8), timed=True).text)
    assert set(OF_TIME) <= set(timed.features)
    assert timed.about["first_day"] == "1970-01-01"


def test_what_a_model_tells_of_itself(content: Content) -> None:
    wanted = {"answers": 3600, "students": 60, "skills": 4, "items": 40}
    assert {name: content.about[name] for name in wanted} == wanted
    assert content.about["libraries"]["lightgbm"]


@pytest.mark.parametrize("rows", [[], ["ada,i,k,1,,0"], ["ada,i,k,1,,0", "ada,i,k,0,,1"]])
def test_one_student_is_too_few(rows: list[str]) -> None:
    with pytest.raises(CommandFailed, match="at least 2 students"):
        fitted("\n".join([HEADER, *rows]))


@pytest.mark.parametrize("right", [0, 1])
def test_where_all_answers_are_alike_the_model_says_so(right: int) -> None:
    rows = [f"{student},i,k,{right},,{order}" for student in ("ada", "ben") for order in range(9)]
    model = loaded(fitted("\n".join([HEADER, *rows])))
    [chance] = score(model, ordered(students_of("\n".join([HEADER, rows[0]])).answers["ada"]))
    assert chance == pytest.approx(0.95 if right else 0.05, abs=0.03)


@pytest.mark.parametrize(
    "rows",
    [
        ["ada,i,,1,,0", "ben,i,,0,,0", "cy,j,,1,,0"],
        ["ada,,k,1,,0", "ben,,k,0,,0"],
        ["ada,,,1,,0", "ben,,,0,,0"],
        ["a/b c,🐍 : {x},é;\x01,1,,0", "' OR 1=1,\x1f,\x1f;,0,,0", "ben,i,k,1,999999999999,7"],
        ["ada,i,k,1,-5.5,0", "ada,i,k,0,1e3,0", "ben,i,k,0,,3"],
    ],
    ids=["no skills", "no items", "neither", "strange names", "strange times"],
)
def test_few_and_strange_answers_give_a_model_that_predicts(rows: list[str]) -> None:
    text = "\n".join([HEADER, *rows])
    model = loaded(fitted(text))
    for own in students_of(text).answers.values():
        assert all(0 < chance < 1 for chance in score(model, ordered(own)))
