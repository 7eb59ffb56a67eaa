"""Why a score is what it is, split to the micro-unit, and what would raise it most."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .aggregates import Aggregates
from .days import to_date
from .evidence import TOPICAL, Component, Evidence, active
from .fixed import MICRO, apportion, fraction, ratio
from .mastery import Values, Window, active_days, decisive_day, score_of, topic_values, whole_values
from .model import MasteryModel, Method, Weights


class Action(StrEnum):
    """What a student can do to add evidence to a component."""

    COMPLETE_EXERCISE = "complete_exercise"
    TAKE_QUIZ = "take_quiz"
    HAVE_CODE_ASSESSED = "have_code_assessed"
    BE_ACTIVE = "be_active"


ACTIONS = {
    Component.COMPLETION: Action.COMPLETE_EXERCISE,
    Component.QUIZ: Action.TAKE_QUIZ,
    Component.QUALITY: Action.HAVE_CODE_ASSESSED,
    Component.CONSISTENCY: Action.BE_ACTIVE,
}


@dataclass(frozen=True, slots=True)
class Contribution:
    """The part of the score that the evidence of one day, component and topic makes up, 0..1."""

    component: Component
    topic: str | None
    day: date
    value: float


@dataclass(frozen=True, slots=True)
class Improvement:
    """How much the score would gain from one more perfect piece of evidence today, 0..1."""

    component: Component
    topic: str | None
    action: Action
    gain: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A score, the contributions that add up to it exactly, and the improvements, the largest gain first."""

    score: float | None
    contributions: tuple[Contribution, ...]
    improvements: tuple[Improvement, ...]


def explain(aggregates: Aggregates, span: Window, model: MasteryModel, topic: str | None = None) -> Explanation:
    """Explain the score of the whole, or of one topic."""
    seen = aggregates.between(span.first, span.last)
    if topic is not None:
        seen = Aggregates({key: part for key, part in seen.series.items() if key[1] == topic})
    weights = model.whole if topic is None else model.topic
    values = _values(seen, span, model, topic)
    exact = score_of(values, weights)
    return Explanation(
        score=None if exact is None else fraction(ratio(*exact)),
        contributions=() if exact is None else _contributions(seen, values, weights, span, model),
        improvements=_improvements(seen, span, model, topic),
    )


def _values(aggregates: Aggregates, span: Window, model: MasteryModel, topic: str | None) -> Values:
    if topic is None:
        return whole_values(aggregates, span, model)
    return topic_values(aggregates, topic, span, model)


def _contributions(
    aggregates: Aggregates, values: Values, weights: Weights, span: Window, model: MasteryModel
) -> tuple[Contribution, ...]:
    score, denominator = score_of(values, weights) or (0, 1)
    total = sum(weights.micro[component] for component in values)
    places, shares = [], []
    for component, value in values.items():
        # Exact: the denominator of the score is the product of the components' denominators and the total weight.
        unit = weights.micro[component] * (denominator // (value.weight * total))
        for topic, day, amount in _amounts(aggregates, component, value.score, span, model):
            places.append((component, topic, to_date(day)))
            shares.append(amount * unit)
    parts = apportion(ratio(score, denominator), shares, denominator)
    contributions = (Contribution(*place, fraction(part)) for place, part in zip(places, parts, strict=True))
    return tuple(sorted(contributions, key=lambda c: (-c.value, c.day, c.component, c.topic or "")))


def _amounts(
    aggregates: Aggregates, component: Component, total: int, span: Window, model: MasteryModel
) -> Iterator[tuple[str | None, int, int]]:
    """Yield (topic, day, amount); the amounts add up to the component's total."""
    if component is Component.CONSISTENCY:
        yield None, active_days(aggregates, span)[-1], total
        return
    rows = [row for row in aggregates.rows() if row.component is component]
    if model.method in (Method.LATEST, Method.HIGHEST):
        parts = [part for (c, _), part in aggregates.series.items() if c is component]
        day = decisive_day(parts, model.method)[0]
        rows = [row for row in rows if row.day == day]
    decaying = model.method is Method.DECAYING_AVERAGE
    for row in rows:
        yield row.topic, row.day, row.score * (model.decay[span.last - row.day] if decaying else 1)


def _improvements(
    aggregates: Aggregates, span: Window, model: MasteryModel, topic: str | None
) -> tuple[Improvement, ...]:
    weights = model.whole if topic is None else model.topic
    before = _micro(_values(aggregates, span, model, topic), weights)
    topics: list[str | None] = [topic] if topic is not None else [*aggregates.topics()] or [None]
    standing = {t: _micro(topic_values(aggregates, t, span, model), model.topic) if t else 0 for t in topics}
    candidates = []
    for component in weights.micro:
        # In which topic the evidence is makes no difference to the whole: the weaker topics come first.
        gain = _micro(_with_perfect(aggregates, component, topics[0], span, model, topic), weights) - before
        places = topics if component in TOPICAL else [None]
        candidates += [(-gain, standing.get(about, 0), component, about or "") for about in places]
    return tuple(
        Improvement(component, about or None, ACTIONS[component], fraction(-negative))
        for negative, _, component, about in sorted(candidates)
        if negative < 0
    )


def _micro(values: Values, weights: Weights) -> int:
    exact = score_of(values, weights)
    return 0 if exact is None else ratio(*exact)


def _with_perfect(
    aggregates: Aggregates,
    component: Component,
    about: str | None,
    span: Window,
    model: MasteryModel,
    topic: str | None,
) -> Values:
    """Return the values after one more perfect piece of evidence on the last day, which makes that day active."""
    changed = Aggregates()
    changed.merge(aggregates)
    if component is not Component.CONSISTENCY:
        changed.add([Evidence(span.last, component, about, MICRO, MICRO)])
    if topic is None:
        changed.add([active(span.last)])
    return _values(changed, span, model, topic)
