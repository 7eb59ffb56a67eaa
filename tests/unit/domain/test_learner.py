import random
from math import isfinite

import pytest

from src.domain.learner import HIGHEST, LOWEST, RATE, Asked, answered, predict, probability, smoothed_rate
from src.domain.learner_history import FEATURES, History, question
from src.domain.outcomes import WINDOW_SIZE
from src.model_artefact import read_artefact
from tests.learner import MINUTE_US, answers, artefact

MODEL = read_artefact(artefact())
QUESTIONS = [
    Asked("easy", ("add",)),
    Asked("hard", ("add", "carry")),
    Asked("new", ("add",)),
    Asked(None, ("carry",)),
    Asked(None, ("never-seen",)),
    Asked("new", ()),
    Asked(None, ()),
]


def test_a_history_taken_on_gives_bit_for_bit_what_the_window_taken_anew_gives() -> None:
    window = answers(60)
    taken_on = History(MODEL.tables)
    for place, outcome in enumerate(window):
        now_us = outcome.occurred_us
        served = predict(MODEL, window[:place], QUESTIONS, now_us=now_us)
        assert served == tuple(probability(MODEL, taken_on, asked, now_us) for asked in QUESTIONS)
        taken_on.take(answered(MODEL, outcome))


def test_predictions_do_not_depend_on_the_order_in_which_answers_arrived() -> None:
    window = answers(80)
    shuffled = random.Random(2).sample(window, len(window))
    now_us = window[-1].occurred_us + MINUTE_US
    assert predict(MODEL, shuffled, QUESTIONS, now_us=now_us) == predict(MODEL, window, QUESTIONS, now_us=now_us)


def test_only_the_newest_answers_count() -> None:
    window = answers(WINDOW_SIZE + 50)
    now_us = window[-1].occurred_us
    assert predict(MODEL, window, QUESTIONS, now_us=now_us) == predict(MODEL, window[50:], QUESTIONS, now_us=now_us)


def test_a_prediction_is_a_probability_for_any_history_and_any_question() -> None:
    for number in (0, 1, 2, WINDOW_SIZE):
        for probability_ in predict(MODEL, answers(number), QUESTIONS, now_us=0):
            assert LOWEST <= probability_ <= HIGHEST


def test_the_order_of_skills_and_their_repetition_are_of_no_account() -> None:
    forms = [Asked("hard", ("add", "carry")), Asked("hard", ("carry", "add")), Asked("hard", ("carry", "add", "add"))]
    assert len(set(predict(MODEL, answers(30), forms, now_us=0))) == 1


def test_a_question_is_judged_level_by_level() -> None:
    about = question(MODEL.tables, "easy", ("add",)).known
    assert about.item > about.skill > about.everything
    assert question(MODEL.tables, "new", ("add",)).known.item == about.skill
    unknown = question(MODEL.tables, "new", ("never-seen",)).known
    assert unknown.item == unknown.skill == unknown.everything


def test_every_feature_has_a_value_whatever_is_known() -> None:
    history = History(MODEL.tables)
    for outcome in [None, *answers(5)]:
        if outcome is not None:
            history.take(answered(MODEL, outcome))
        for asked in QUESTIONS:
            row = history.features(question(MODEL.tables, *asked), 0)
            assert len(row) == len(FEATURES)
            assert all(isfinite(value) for value in row)


def test_a_rate_stands_in_where_there_is_no_model() -> None:
    right, wrong = [answers(1)[0]._replace(score=score, skills=("add",)) for score in (1_000_000, 0)]
    [of_nobody] = smoothed_rate([], QUESTIONS[:1])
    assert of_nobody == pytest.approx(RATE)
    [after_right, elsewhere] = smoothed_rate([right] * 4, [Asked(None, ("add",)), Asked(None, ("carry",))])
    assert after_right > elsewhere > smoothed_rate([wrong] * 4, [Asked(None, ("carry",))])[0]
