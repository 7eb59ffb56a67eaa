from decimal import Decimal

import pytest

from src.domain.evidence import Component
from src.domain.model import DEFAULT_WEIGHTS, ONE, MasteryModel, Method

COMPLETION, QUIZ, QUALITY, CONSISTENCY = Component


def weights(completion: int, quiz: int, quality: int, consistency: int) -> dict[Component, int]:
    return dict(zip(Component, (completion, quiz, quality, consistency), strict=True))


def test_a_factor_halves_with_every_half_life() -> None:
    decay = MasteryModel().decay
    assert len(decay) == 90
    assert (decay[0], decay[30], decay[60]) == (2**40, 2**39, 2**38)


@pytest.mark.parametrize("half_life", [5, 7, 30, 365])
def test_every_factor_is_the_nearest_integer(half_life: int) -> None:
    # The factor d of an age lies within half of one of 2^40 * 2^(-age/h). Doubled and raised to the power h that is a
    # statement about integers: (2d - 1)^h < 2^(41h - age) < (2d + 1)^h.
    for age, factor in enumerate(MasteryModel(half_life_days=Decimal(half_life)).decay):
        exact = 2 ** (41 * half_life - age)
        assert (2 * factor - 1) ** half_life < exact < (2 * factor + 1) ** half_life


def test_a_half_life_need_not_be_whole() -> None:
    assert MasteryModel(half_life_days=Decimal("7.5")).decay[15] == ONE // 4


def test_the_configuration_is_named_the_same_however_it_is_written() -> None:
    name = MasteryModel().config_id
    assert len(name) == 12
    assert int(name, 16) >= 0
    assert MasteryModel(half_life_days=Decimal("30.00")).config_id == name
    assert MasteryModel(half_life_days=Decimal("3E+1")).config_id == name
    backwards = dict(reversed(DEFAULT_WEIGHTS.items()))
    assert MasteryModel(weights=backwards).config_id == name
    assert MasteryModel(weights=backwards).shown_weights() == MasteryModel().shown_weights()


def test_every_setting_changes_the_name_of_the_configuration() -> None:
    models = [
        *(MasteryModel(method) for method in Method),
        MasteryModel(half_life_days=Decimal(31)),
        MasteryModel(half_life_days=Decimal("30.5")),
        MasteryModel(half_life_days=Decimal(300)),
        MasteryModel(weights=weights(400_001, 299_999, 200_000, 100_000)),
        MasteryModel(weights=weights(400_000, 300_001, 199_999, 100_000)),
        MasteryModel(weights=weights(400_000, 300_000, 200_001, 99_999)),
        MasteryModel(weights=weights(300_000, 400_000, 200_000, 100_000)),
    ]
    assert len({model.config_id for model in models}) == len(models)


@pytest.mark.parametrize(
    "wrong",
    [
        weights(400_000, 300_000, 200_000, 100_001),
        weights(400_000, 300_000, 200_000, 99_999),
        weights(1_100_000, -100_000, 0, 0),
        {},
        {COMPLETION: 1_000_000},
        {COMPLETION: 400_000, QUIZ: 300_000, QUALITY: 300_000},
    ],
)
def test_weights_that_do_not_share_one_among_four_are_refused(wrong: dict[Component, int]) -> None:
    with pytest.raises(ValueError, match="add up to one"):
        MasteryModel(weights=wrong)


@pytest.mark.parametrize("half_life", ["0", "-1", "-30", "1", "4.999"])
def test_a_half_life_too_short_for_the_window_is_refused(half_life: str) -> None:
    with pytest.raises(ValueError, match="half-life is at least 5 days"):
        MasteryModel(half_life_days=Decimal(half_life))


def test_a_topic_shares_its_weight_among_three() -> None:
    model = MasteryModel()
    assert model.shown_weights() == {COMPLETION: 0.4, QUIZ: 0.3, QUALITY: 0.2, CONSISTENCY: 0.1}
    # 4/9, 3/9 and 2/9
    assert model.topic.shown == {COMPLETION: 0.444444, QUIZ: 0.333333, QUALITY: 0.222222}
    assert CONSISTENCY not in model.topic.micro


def test_missing_components_leave_their_weight_to_the_others() -> None:
    effective = MasteryModel().whole.effective
    assert effective[frozenset({COMPLETION, QUIZ})] == {COMPLETION: 0.571429, QUIZ: 0.428571}
    assert effective[frozenset({QUALITY})] == {QUALITY: 1.0}
    assert effective[frozenset()] == {}
