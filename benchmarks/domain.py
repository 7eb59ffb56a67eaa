"""The domain alone: adding an event and deriving mastery, as multiples of decoding that event's JSON."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import date

import msgspec

from src.domain.days import from_date
from src.domain.events import Event
from src.domain.mastery import standings, window
from src.domain.model import MasteryModel
from src.domain.state import StudentState

from .figures import Amount, Bound, Figure
from .measure import compare, per_call
from .standard import Wire, checked, small_quiz, standard_quiz, standard_state

ROUNDS = 31
ADDED, DERIVED, DECODED = 200, 50, 2000
STUDENT, LAST_DAY = "standard-0001", date(2026, 5, 1)

Measurement = Callable[[], float]
"""Returns the seconds that one call took."""


def run() -> list[Figure]:
    """Measure beside a quiz with its five responses, and for information beside one without."""
    state = standard_state(STUDENT, LAST_DAY)
    quiz, small = standard_quiz(STUDENT, LAST_DAY), small_quiz(STUDENT, LAST_DAY)
    return [
        _figure("adding a quiz with five responses", _adding(state, quiz), quiz, at_most=10),
        _figure("deriving mastery with all topics", _deriving(state), quiz, at_most=200),
        _figure("adding a quiz without responses", _adding(state, small), small),
        _figure("deriving mastery with all topics", _deriving(state), small),
    ]


def _figure(what: str, measure: Measurement, event: Wire, at_most: float | None = None) -> Figure:
    body = msgspec.json.encode(event)
    compared = compare(measure, lambda: per_call(lambda: msgspec.json.decode(body), DECODED), rounds=ROUNDS)
    return Figure(
        what,
        Amount(compared.measured * 1e6, "µs"),
        f"decoding the quiz {'with' if 'responses' in event['data'] else 'without'} responses, {len(body)} bytes",
        Amount(compared.floor * 1e6, "µs"),
        compared.ratio,
        None if at_most is None else Bound(at_most, at_least=False, of_ratio=True),
    )


def _adding(state: StudentState, wire: Wire) -> Measurement:
    events = list(_later(checked(wire, LAST_DAY)))

    def measure() -> float:
        grown, waiting = deepcopy(state), iter(events)
        return per_call(lambda: grown.add(next(waiting)), ADDED)

    return measure


def _deriving(state: StudentState) -> Measurement:
    span, model = window(from_date(LAST_DAY), 0), MasteryModel()
    return lambda: per_call(lambda: standings(state.aggregates, span, model), DERIVED)


def _later(event: Event) -> Iterator[Event]:
    """Yield copies of an event, each with an id of its own and a microsecond later than the one before."""
    for number in range(1, ADDED + 1):
        event_id, occurred_us = f"{event.event_id}-{number}", event.occurred_us + number
        outcomes = tuple(o._replace(event_id=event_id, occurred_us=occurred_us) for o in event.outcomes)
        yield replace(event, event_id=event_id, occurred_us=occurred_us, outcomes=outcomes)
