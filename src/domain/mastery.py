"""Mastery model version 1: from aggregates to scores, confidence and levels, as of the end of a day.

Everything is integer arithmetic up to the one division that makes a number shown; scores and confidences leave
as fractions with six decimals. The formulas are in ``docs/mastery-model.md``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import partial
from typing import NamedTuple, TypeAlias

from .aggregates import Aggregates, Key, Series
from .days import to_date
from .events import first_day
from .evidence import TOPICAL, Component
from .fixed import MICRO, clear, fraction, ratio, rounded, weighted_mean
from .levels import Level, Status, level_of, status_of
from .model import ONE, MasteryModel, Method, Weights

CONFIDENCE_PRIOR = 3
"""Evidence of this weight stands against what there is: confidence = n / (n + 3)."""

ACTIVE_SPAN, ACTIVE_ENOUGH = 14, 10
"""Consistency looks at 14 days; 10 active ones among them are perfect."""

_PRIOR = CONFIDENCE_PRIOR * ONE * MICRO
_DECAYING_AVERAGE, _AVERAGE, _LATEST = Method.DECAYING_AVERAGE, Method.AVERAGE, Method.LATEST
_ADDITIVE = (_DECAYING_AVERAGE, _AVERAGE)
# With these methods the value of the whole is the sum of its topics' scores over the sum of their weights.


@dataclass(slots=True)  # not frozen, which would triple the time that it takes to make one: an answer has dozens
class ComponentValue:
    """One component: its value, how sure it is, its configured and its renormalised weight; all 0..1."""

    score: float
    confidence: float
    weight: float
    effective_weight: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a student stands; a component without evidence is null and left out of the score."""

    score: float | None
    level: Level | None
    status: Status
    confidence: float
    components: dict[Component, ComponentValue | None]


@dataclass(frozen=True, slots=True)
class TopicStanding(Standing):
    """Where a student stands in one topic."""

    topic: str


@dataclass(frozen=True, slots=True)
class Window:
    """The days that an answer looks at; ``evidence_from`` where retention kept less than the whole."""

    first: int
    last: int
    evidence_from: date | None

    @property
    def complete(self) -> bool:
        """Tell whether retention kept the whole window."""
        return self.evidence_from is None


class Weighed(NamedTuple):
    """A component value as the exact ratio score / weight, and n, its decayed weight of evidence (times 2^40)."""

    score: int
    weight: int
    n: int


_WEIGHED: Callable[[tuple[int, int, int]], Weighed] = partial(tuple.__new__, Weighed)
# Half of the time that the constructor takes.
_NOTHING = Weighed(0, 0, 0)
_CONSISTENCY, _OK = Component.CONSISTENCY, Status.OK
# Members of an enum are looked up in Python code.

Values: TypeAlias = dict[Component, Weighed]
"""The components that there is evidence of."""


def window(as_of: int, kept_from: int) -> Window:
    """Return the window that ends with a day, cut at the first day that retention kept."""
    first = first_day(as_of)
    if first >= kept_from:
        return Window(first, as_of, None)
    return Window(kept_from, as_of, to_date(kept_from))


def standings(aggregates: Aggregates, span: Window, model: MasteryModel) -> tuple[Standing, tuple[TopicStanding, ...]]:
    """Return where the student stands as a whole and in every topic with evidence, topics sorted by name."""
    series = _series_within(aggregates, span)
    weighed = {key: weigh((part,), span.last, model) for key, part in series.items()}
    whole = _whole(series, weighed, span, model)
    _add_consistency(whole, aggregates, span)
    topics: dict[str, Values] = {}
    for (component, topic), value in weighed.items():
        if topic is not None:
            topics.setdefault(topic, {})[component] = value
    return (
        Standing(*_standing(whole, model.whole)),
        tuple(TopicStanding(*_standing(topics[topic], model.topic), topic) for topic in sorted(topics)),
    )


def whole_standing(aggregates: Aggregates, span: Window, model: MasteryModel) -> Standing:
    """Return where the student stands as a whole, without the topics."""
    return Standing(*_standing(whole_values(aggregates, span, model), model.whole))


def topic_standing(aggregates: Aggregates, topic: str, span: Window, model: MasteryModel) -> TopicStanding:
    """Return where the student stands in one topic."""
    return TopicStanding(*_standing(topic_values(aggregates, topic, span, model), model.topic), topic)


def whole_values(aggregates: Aggregates, span: Window, model: MasteryModel) -> Values:
    """Return the components of the whole, over all topics and none."""
    series = _series_within(aggregates, span)
    values = {
        component: weigh(parts, span.last, model)
        for component in TOPICAL
        if (parts := [part for (c, _), part in series.items() if c is component])
    }
    _add_consistency(values, aggregates, span)
    return values


def topic_values(aggregates: Aggregates, topic: str, span: Window, model: MasteryModel) -> Values:
    """Return the components of one topic."""
    series = _series_within(aggregates, span)
    # In one order, whatever order the evidence came in: an explanation gives what rounding leaves over to the first.
    return {c: weigh((series[c, topic],), span.last, model) for c in TOPICAL if (c, topic) in series}


def active_days(aggregates: Aggregates, span: Window) -> list[int]:
    """Return the active days of the window, in order."""
    series = aggregates.series.get((_CONSISTENCY, None))
    return series.between(span.first, span.last).days if series else []


def weigh(parts: Sequence[Series], last: int, model: MasteryModel) -> Weighed:
    """Return the value of one component from the series of one or all topics, by the model's method."""
    decay, method = model.decay, model.method
    score = n = 0
    for part in parts:
        for day, one, weight in zip(part.days, part.scores, part.weights, strict=True):
            factor = decay[last - day]
            score += factor * one
            n += factor * weight
    if method is _DECAYING_AVERAGE:
        return _WEIGHED((score, n, n))
    if method is _AVERAGE:
        return Weighed(sum(sum(part.scores) for part in parts), sum(sum(part.weights) for part in parts), n)
    _, score, weight = decisive_day(parts, method)
    return Weighed(score, weight, n)


def decisive_day(parts: Sequence[Series], method: Method) -> tuple[int, int, int]:
    """Return (day, score, weight) of the last day, or of the best: the later of two equally good ones."""
    days: dict[int, tuple[int, int]] = {}
    for part in parts:
        for day, score, weight in part.rows():
            before = days.get(day, (0, 0))
            days[day] = before[0] + score, before[1] + weight
    day = max(days) if method is _LATEST else max(days, key=lambda d: (Fraction(*days[d]), d))
    return day, *days[day]


def score_of(values: Values, weights: Weights) -> tuple[int, int] | None:
    """Return the weighted mean of what is there as an exact ratio; None where nothing has a weight."""
    total = sum([weights.micro[component] for component in values])
    if not total:
        return None
    return weighted_mean([(weights.micro[c], v.score, v.weight) for c, v in values.items()], total)


def _series_within(aggregates: Aggregates, span: Window) -> dict[Key, Series]:
    within, first, last = {}, span.first, span.last
    for key, series in aggregates.series.items():
        if key[0] is not _CONSISTENCY:
            part = series.between(first, last)
            if part.days:
                within[key] = part
    return within


def _whole(series: dict[Key, Series], weighed: dict[Key, Weighed], span: Window, model: MasteryModel) -> Values:
    values: Values = {}
    if model.method in _ADDITIVE:
        for (component, _), (score, weight, n) in weighed.items():
            known = values.get(component, _NOTHING)
            values[component] = _WEIGHED((known[0] + score, known[1] + weight, known[2] + n))
        return values
    for component in TOPICAL:
        parts = [part for key, part in series.items() if key[0] is component]
        if parts:
            values[component] = weigh(parts, span.last, model)
    return values


def _add_consistency(values: Values, aggregates: Aggregates, span: Window) -> None:
    days = active_days(aggregates, span)
    if days:
        active = sum(1 for day in days if day > span.last - ACTIVE_SPAN)
        idle = max(0, span.last - days[-1] - 1)
        values[_CONSISTENCY] = Weighed(
            min(active, ACTIVE_ENOUGH) * 9**idle, ACTIVE_ENOUGH * 10**idle, active * ONE * MICRO
        )


def _standing(
    values: Values, weights: Weights
) -> tuple[float | None, Level | None, Status, float, dict[Component, ComponentValue | None]]:
    micro, configured, effective = weights.micro, weights.shown, weights.effective[frozenset(values)]
    shown: dict[Component, ComponentValue | None] = dict.fromkeys(micro)
    total, score_sum, confidence_sum = 0, 0.0, 0.0
    for component, (score, weight, n) in values.items():
        part = micro[component]
        value, sure = score / weight, n / (n + _PRIOR)
        total += part
        score_sum += part * value
        confidence_sum += part * sure
        shown[component] = ComponentValue(
            rounded(value, score, weight),
            rounded(sure, n, n + _PRIOR),
            configured[component],
            effective[component],
        )
    mean = _mean(score_sum / total, values, weights) if total else None
    confidence = _confidence(confidence_sum / weights.total, values, weights) if weights.total else 0
    status = status_of(mean, confidence)
    return (
        None if mean is None else fraction(mean),
        level_of(mean) if mean is not None and status is _OK else None,
        status,
        fraction(confidence),
        shown,
    )


def _mean(about: float, values: Values, weights: Weights) -> int | None:
    """Return the score in micro-units, exact where it is only known about."""
    whole = clear(about)
    if whole is None and (exact := score_of(values, weights)):
        return ratio(*exact)
    return whole


def _confidence(about: float, values: Values, weights: Weights) -> int:
    """Return the confidence in micro-units, likewise."""
    whole = clear(about)
    if whole is None:
        terms = [(weights.micro[c], v.n, v.n + _PRIOR) for c, v in values.items()]
        return ratio(*weighted_mean(terms, weights.total))
    return whole
