import random
from itertools import product

import pytest

from src.domain.scoring import Scored, auc, calibration_error


def test_the_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    dice = random.Random(3)
    scored = [Scored(dice.randrange(8) / 8, dice.random() < 0.6) for _ in range(80)]
    rights = [one.probability for one in scored if one.right]
    wrongs = [one.probability for one in scored if not one.right]
    pairs = [(right > wrong) + (right == wrong) / 2 for right, wrong in product(rights, wrongs)]
    assert auc(scored) == pytest.approx(sum(pairs) / len(pairs))


@pytest.mark.parametrize("scored", [[], [Scored(0.5, right=True)], [Scored(0.5, right=False)] * 3])
def test_without_answers_of_both_kinds_there_is_no_auc(scored: list[Scored]) -> None:
    assert auc(scored) is None


def test_the_calibration_error_is_how_far_bins_of_equal_count_are_off() -> None:
    low = [Scored(0.2, place < 3) for place in range(10)]
    high = [Scored(0.8, place < 6) for place in range(10)]
    assert calibration_error(low + high, 2) == pytest.approx((0.1 + 0.2) / 2)


def test_of_fewer_answers_than_bins_there_is_no_calibration_error() -> None:
    assert calibration_error([Scored(0.5, right=True)] * 9) is None
