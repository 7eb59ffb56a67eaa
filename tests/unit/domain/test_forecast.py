import pytest

from src.domain.aggregates import Aggregates
from src.domain.evidence import Component
from src.domain.forecast import RISK_BELOW, USUAL_SPREAD, Forecast, Trend, forecast
from src.domain.levels import Status
from src.domain.mastery import whole_standing
from src.domain.model import MasteryModel
from tests.making import TODAY

from .building import FULL, KEPT_FROM, active_ago, aggregates, piece

MODEL = MasteryModel()


def past(scores: dict[int, float]) -> Aggregates:
    """Return plenty of evidence: how long ago, and how good."""
    pieces = [
        piece(ago, component, score, 8)
        for ago, score in scores.items()
        for component in (Component.COMPLETION, Component.QUIZ)
    ]
    return aggregates(*pieces, *active_ago(*scores))


def of(sums: Aggregates, days: int = 7) -> Forecast:
    return forecast(sums, TODAY, KEPT_FROM, MODEL, horizon_days=days)


STEADY = past(dict.fromkeys(range(0, 80, 2), 0.7))


def test_without_evidence_it_abstains() -> None:
    one = of(Aggregates())
    assert (one.status, one.expected, one.interval, one.risk, one.trend) == (Status.NO_EVIDENCE, None, None, None, None)


def test_with_too_little_evidence_it_abstains() -> None:
    one = of(aggregates(piece(0, Component.QUALITY, 1.0, 0.5)))
    assert (one.status, one.expected) == (Status.INSUFFICIENT_EVIDENCE, None)


def test_as_today_is_expected() -> None:
    assert of(STEADY).expected == whole_standing(STEADY, FULL, MODEL).score


def test_who_moved_more_gets_a_wider_interval() -> None:
    wild = past({ago: float(ago // 14 % 2) for ago in range(0, 80, 2)})
    assert _width(of(wild)) > 1.5 * _width(of(STEADY))


def test_further_ahead_the_interval_is_wider() -> None:
    assert _width(of(STEADY, 28)) > _width(of(STEADY, 7)) > _width(of(STEADY, 1))


def test_without_a_past_the_usual_spread_is_assumed() -> None:
    one = of(past({0: 0.5}))
    assert _width(one) == pytest.approx(2 * 1.281552 * USUAL_SPREAD, abs=1e-5)


def test_the_interval_stays_within_what_is_possible() -> None:
    one = of(past(dict.fromkeys(range(10), 1.0)))
    assert one.interval is not None
    assert one.interval.high == 1.0


@pytest.mark.parametrize(("score", "low", "high"), [(0.2, 0.9, 1.0), (0.95, 0.0, 0.1)])
def test_the_risk_is_to_end_below_competent(score: float, low: float, high: float) -> None:
    risk = of(past(dict.fromkeys(range(20), score))).risk
    assert risk is not None
    assert risk.threshold == RISK_BELOW
    assert low <= risk.probability <= high


@pytest.mark.parametrize(
    ("before", "now", "trend"), [(0.2, 0.9, Trend.IMPROVING), (0.9, 0.2, Trend.DECLINING), (0.6, 0.6, Trend.STEADY)]
)
def test_the_trend_is_the_change_of_two_weeks(before: float, now: float, trend: Trend) -> None:
    scores = {ago: now if ago < 14 else before for ago in range(0, 30, 2)}
    assert of(past(scores)).trend is trend


def _width(one: Forecast) -> float:
    assert one.interval is not None
    return one.interval.high - one.interval.low
