import pytest
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score

from src.fitting.measures import measure
from tests.simulated_answers import simulate

TRUTH = [round(chance, 2) for chance in simulate(range(20)).truth]
RIGHT = [int(row.split(",")[3]) for row in simulate(range(20)).rows]


def test_measures_are_those_of_another_library() -> None:
    found = measure(TRUTH, RIGHT)
    assert found.auc == pytest.approx(roc_auc_score(RIGHT, TRUTH))
    assert found.log_loss == pytest.approx(log_loss(RIGHT, TRUTH))
    assert found.rmse == pytest.approx(mean_squared_error(RIGHT, TRUTH) ** 0.5)


def test_probabilities_that_mean_what_they_say_are_calibrated() -> None:
    found = measure(TRUTH, RIGHT)
    assert found.calibration_error < 0.04
    assert sum(one.answers for one in found.bins) == len(RIGHT)
    assert max(one.answers for one in found.bins) - min(one.answers for one in found.bins) <= 1
    shifted = measure([min(0.99, chance + 0.2) for chance in TRUTH], RIGHT)
    assert shifted.calibration_error > 0.1


def test_without_both_kinds_of_answers_there_is_no_auc() -> None:
    assert measure([0.5, 0.6], [1, 1]).auc is None
    assert measure([0.0], [1]).log_loss == pytest.approx(13.8155, abs=1e-3)
