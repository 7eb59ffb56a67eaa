import random

from src.domain.days import DAY_US
from src.domain.fixed import MICRO
from src.domain.learner import Asked, LearnerModel, predict
from src.domain.outcomes import WINDOW_SIZE
from src.fitting.scoring import KEPT_DAYS, score
from src.model_artefact import read_artefact
from tests.learner import answers, artefact
from tests.simulated_answers import simulate

from .conftest import students_of

MODEL = read_artefact(artefact())


def test_an_answer_is_scored_by_the_very_function_that_serves() -> None:
    own = answers(WINDOW_SIZE + 30)
    for place, (outcome, chance) in enumerate(zip(own, score(MODEL, own), strict=True)):
        first_us = (outcome.occurred_us // DAY_US - KEPT_DAYS + 1) * DAY_US
        window = [before for before in own[:place] if before.occurred_us >= first_us]
        asked = Asked(outcome.item, outcome.skills)
        assert (chance,) == predict(MODEL, window, [asked], now_us=outcome.occurred_us)


def test_what_lies_before_the_days_that_are_kept_is_of_no_account() -> None:
    old, new = answers(20), answers(10, seed=2)
    later = [outcome._replace(occurred_us=outcome.occurred_us + 400 * DAY_US) for outcome in new]
    assert list(score(MODEL, [*old, *later]))[-10:] == list(score(MODEL, later))


def test_later_outcomes_change_no_earlier_prediction(model: LearnerModel) -> None:
    dice = random.Random(4)
    [own] = students_of(simulate(range(1)).text).answers.values()
    untouched = list(score(model, own))
    for place in (0, 1, 17, len(own) - 1):
        changed = [
            outcome if at < place else outcome._replace(score=dice.choice((0, MICRO))) for at, outcome in enumerate(own)
        ]
        assert list(score(model, changed))[: place + 1] == untouched[: place + 1]
