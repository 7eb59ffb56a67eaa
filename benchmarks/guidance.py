"""What to do next for one student, beside reading the same state and doing nothing with it."""

from collections.abc import Callable
from datetime import date

from src.adapters.packing import pack_aggregates, unpack_aggregates
from src.domain.aggregates import Aggregates
from src.domain.curriculum import DEFAULT
from src.domain.days import from_date
from src.domain.forecast import forecast
from src.domain.mastery import window
from src.domain.model import MasteryModel
from src.domain.recommendations import learning_path, recommend

from .figures import Amount, Bound, Figure
from .measure import compare, per_call
from .standard import standard_state

ROUNDS, CALLS = 15, 20
STUDENT, LAST_DAY = "standard-0001", date(2026, 5, 1)
TARGET = "raising"
"""A topic with a long way to it."""


def run() -> list[Figure]:
    """Measure recommendations, the way to a topic, and the forecast."""
    today, model = from_date(LAST_DAY), MasteryModel()
    kept_from = today - 89
    span = window(today, kept_from)
    derivations: dict[str, Callable[[Aggregates], object]] = {
        "recommendations": lambda known: recommend(known, DEFAULT, span, model, limit=5),
        "the way to a topic": lambda known: learning_path(known, DEFAULT, span, model, target=TARGET),
        "forecast of a week": lambda known: forecast(known, today, kept_from, model),
    }
    body = pack_aggregates(standard_state(STUDENT, LAST_DAY).aggregates)
    return [_figure(f"{what} of the standard student", derive, body) for what, derive in derivations.items()]


def _figure(what: str, derive: Callable[[Aggregates], object], body: bytes) -> Figure:
    compared = compare(
        lambda: per_call(lambda: derive(unpack_aggregates(body)), CALLS),
        lambda: per_call(lambda: unpack_aggregates(body), CALLS),
        rounds=ROUNDS,
    )
    return Figure(
        what,
        Amount(compared.measured * 1e3, "ms"),
        "reading the same state",
        Amount(compared.floor * 1e3, "ms"),
        compared.ratio,
        Bound(5, at_least=False, of_ratio=False),
    )
