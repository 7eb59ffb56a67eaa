"""Whether the predictions still are what they were: a share of the answers that arrive is predicted before it is added.

It is no part of the state, and its figures are those of one process since its start.
"""

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from heapq import nsmallest
from typing import NamedTuple

from .domain.events import Event, EventStatus
from .domain.learner import Asked, predict, smoothed_rate
from .domain.outcomes import Outcome, OutcomeKind
from .domain.scoring import Scored, auc, calibration_error
from .model_service import ModelService
from .observability import Metrics
from .ports import AnswersOfMany

SHARE = 16
"""One of so many events is predicted, chosen by the digest of its id."""

EVENTS_EACH = 2000
"""Of so many events that arrive together one more is predicted: a backlog is not drained more slowly for it."""

WINDOW = 2000
"""The figures are of so many of the newest answers that were predicted."""

MOST_ANSWERS = 20
"""Of one event no more answers are predicted."""

SMOOTHED_RATE = "smoothed_rate"
_log = logging.getLogger("mastery_engine.drift")


class Foreseen(NamedTuple):
    """What was predicted of the answers of an event, and by which model, before the event was applied."""

    place: int
    model: str
    scored: tuple[Scored, ...]


class Drift:
    """Predicts answers before they are added, and keeps count of how that went."""

    def __init__(self, store: AnswersOfMany, *, models: ModelService, metrics: Metrics) -> None:
        self._store = store
        self._models = models
        self._metrics = metrics
        self._model = ""
        self._window: deque[Scored] = deque(maxlen=WINDOW)

    async def foresee(self, events: Sequence[Event]) -> list[Foreseen]:
        """Predict the answers of some of the events that are about to be applied."""
        chosen = _chosen(events)
        if not chosen:
            return []
        students = sorted({events[place].student_id for place in chosen})
        known = dict(zip(students, await self._store.answers_of(students), strict=True))
        together: dict[str, list[Outcome]] = {student_id: [*recent.answers] for student_id, recent in known.items()}
        for event in events:
            if event.student_id in together:
                together[event.student_id] += _answers(event)
        return [found for place in chosen if (found := self._foresee(place, events[place], together)) is not None]

    def observe(self, foreseen: Sequence[Foreseen], statuses: Sequence[EventStatus]) -> None:
        """Count those whose event was counted now, and for the first time."""
        for place, model, scored in foreseen:
            if statuses[place] is EventStatus.APPLIED:
                self._begin(model)
                self._window.extend(scored)
                self._metrics.predictions_scored.labels(model).inc(len(scored))

    def _foresee(self, place: int, event: Event, together: Mapping[str, Sequence[Outcome]]) -> Foreseen | None:
        answers = _answers(event)[:MOST_ANSWERS]
        first = answers[0].order
        # By their order, since an event may be among those known, or come twice.
        before = {one.order: one for one in together[event.student_id] if one.order < first}
        questions = [Asked(one.item, one.skills) for one in answers]
        model = self._models.active
        try:
            if model is None:
                name, probabilities = SMOOTHED_RATE, smoothed_rate(before.values(), questions)
            else:
                name = model.model_id
                probabilities = predict(model, before.values(), questions, now_us=event.occurred_us)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            # An event must not be kept from being applied by what is only said of it.
            _log.exception("DRIFT an answer cannot be predicted")
            return None
        scored = zip(probabilities, answers, strict=True)
        return Foreseen(place, name, tuple(Scored(probability, one.success) for probability, one in scored))

    def _begin(self, model: str) -> None:
        """Begin anew where another model predicts."""
        if model == self._model:
            return
        gauges = {
            self._metrics.prediction_auc: lambda: auc(list(self._window)),
            self._metrics.prediction_calibration: lambda: calibration_error(list(self._window)),
            self._metrics.prediction_window: lambda: len(self._window),
        }
        for gauge, figure in gauges.items():
            if self._model:
                gauge.remove(self._model)
            gauge.labels(model).set_function(lambda figure=figure: _number(figure()))  # type: ignore[misc]  # bound per gauge
        self._model = model
        self._window.clear()


class NoDrift:
    """Predicts nothing: where events are applied in tests and tools, nobody looks at the figures."""

    async def foresee(self, events: Sequence[Event]) -> list[Foreseen]:
        """Return that nothing was predicted."""
        del events
        return []

    def observe(self, foreseen: Sequence[Foreseen], statuses: Sequence[EventStatus]) -> None:
        """Do nothing."""


def _chosen(events: Sequence[Event]) -> list[int]:
    """Return the places of the events to predict: the same ones of the same events, in whatever order they come."""
    places = [place for place, event in enumerate(events) if not event.digest % SHARE and _answers(event)]
    return sorted(nsmallest(1 + len(events) // EVENTS_EACH, places, key=lambda place: events[place].digest))


def _answers(event: Event) -> list[Outcome]:
    return [outcome for outcome in event.outcomes if outcome.kind is OutcomeKind.ANSWER]


def _number(figure: float | None) -> float:
    return float("nan") if figure is None else figure
