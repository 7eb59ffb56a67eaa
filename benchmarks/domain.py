"""The domain alone: reading and adding an event and deriving mastery, as multiples of decoding that event's JSON."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date

import jiter
import msgspec

from src.domain.days import DAY_US, from_date
from src.domain.events import Event, digest64
from src.domain.mastery import standings, window
from src.domain.model import MasteryModel
from src.domain.state import StudentState
from src.event_validator import decode, validate

from .figures import Amount, Bound, Figure
from .measure import compare, per_call
from .standard import Wire, checked, small_quiz, standard_quiz, standard_state, usual_events

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
        *(_reading(wire) for wire in usual_events(STUDENT, LAST_DAY)),
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


def _reading(wire: Wire) -> Figure:
    body, received_us = msgspec.json.encode(wire), (from_date(LAST_DAY) + 1) * DAY_US
    compared = compare(
        lambda: per_call(lambda: validate(decode(body), received_us), DECODED),
        lambda: per_call(lambda: jiter.from_json(body), DECODED),
        rounds=ROUNDS,
    )
    return Figure(
        f"from bytes to an event: {wire['event_type']}, {len(body)} bytes",
        Amount(compared.measured * 1e6, "µs"),
        "decoding it with jiter into plain values",
        Amount(compared.floor * 1e6, "µs"),
        compared.ratio,
        Bound(16, at_least=False, of_ratio=True),
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
        digest = digest64(event_id.encode())
        yield event._replace(event_id=event_id, occurred_us=occurred_us, digest=digest, outcomes=outcomes)
