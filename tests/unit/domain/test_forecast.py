import pytest

from src.domain.aggregates import Aggregates
from src.domain.evidence import Component
from src.domain.forecast import RISK_BELOW, USUAL_SPREAD, Basis, Forecast, Trend, forecast
from src.domain.levels import Status
from src.domain.mastery import whole_standing
from src.domain.model import MasteryModel, Method
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
    assert (one.status, one.basis) == (Status.NO_EVIDENCE, None)
    assert (one.expected, one.interval, one.risk, one.trend) == (None, None, None, None)


def test_with_too_little_evidence_it_abstains() -> None:
    one = of(aggregates(piece(0, Component.QUALITY, 1.0, 0.5)))
    assert (one.status, one.expected) == (Status.INSUFFICIENT_EVIDENCE, None)


@pytest.mark.parametrize(("days", "horizon"), [(13, 7), (13, 1), (29, 15)])
def test_with_a_past_too_short_to_show_what_follows_it_is_as_today(days: int, horizon: int) -> None:
    short, enough = past(dict.fromkeys(range(days), 0.7)), past(dict.fromkeys(range(days + 1), 0.7))
    one = of(short, horizon)
    assert (one.basis, one.expected) == (Basis.AS_TODAY, whole_standing(short, FULL, MODEL).score)
    spread = USUAL_SPREAD * (horizon / 7) ** 0.5
    assert _width(one) == pytest.approx(2 * 1.281552 * spread, abs=0.02)
    assert of(enough, horizon).basis is Basis.PAST


def test_of_who_goes_on_as_ever_the_same_is_expected() -> None:
    score = whole_standing(STEADY, FULL, MODEL).score
    assert of(STEADY).expected == pytest.approx(score, abs=0.01)


def test_who_was_idle_for_once_is_expected_to_come_back() -> None:
    idle = past(dict.fromkeys(range(5, 80), 0.7))
    today = whole_standing(idle, FULL, MODEL).score
    expected = of(idle).expected
    assert today is not None
    assert expected is not None
    assert expected > today + 0.01


def test_what_the_student_did_in_which_topic_makes_no_difference() -> None:
    pieces = [
        (ago, component, 0.3 + 0.4 * (ago % 3 == 0))
        for ago in range(0, 60, 2)
        for component in (Component.COMPLETION, Component.QUIZ)
    ]
    apart = aggregates(*(piece(*one, 4, topic=f"topic-{one[0] % 5}") for one in pieces), *active_ago(0, 4))
    together = aggregates(*(piece(*one, 4, topic=None) for one in pieces), *active_ago(0, 4))
    assert of(apart) == of(together)


@pytest.mark.parametrize("method", Method)
def test_every_method_can_be_forecast(method: Method) -> None:
    wild = past({ago: float(ago // 14 % 2) for ago in range(0, 80, 2)})
    one = forecast(wild, TODAY, KEPT_FROM, MasteryModel(method))
    assert one.interval is not None
    assert one.expected is not None
    assert 0 <= one.interval.low < one.expected < one.interval.high <= 1


def test_who_moved_more_gets_a_wider_interval() -> None:
    wild = past({ago: float(ago // 14 % 2) for ago in range(0, 80, 2)})
    assert _width(of(wild)) > 1.5 * _width(of(STEADY))


def test_further_ahead_the_interval_is_wider() -> None:
    uneven = past({ago: float(ago * ago % 7 < 3) for ago in range(0, 80, 2)})
    assert _width(of(uneven, 7)) > 1.2 * _width(of(uneven, 1))
    new = past({0: 0.5})
    assert _width(of(new, 28)) == pytest.approx(2 * _width(of(new, 7)), abs=1e-5)


def test_the_interval_stays_within_what_is_possible() -> None:
    one = of(past(dict.fromkeys(range(20), 1.0)))
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
