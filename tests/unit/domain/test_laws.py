"""The one law: state and answers are a function of the set of events, whatever their order, number and grouping."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any, TypeAlias

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from src.domain.aggregates import Aggregates
from src.domain.events import Event
from src.domain.evidence import Component, Evidence, active
from src.domain.explanation import explain
from src.domain.history import history
from src.domain.levels import level_of, status_of
from src.domain.mastery import ComponentValue, Standing, Window, standings, whole_standing, window
from src.domain.model import MasteryModel, Method
from src.domain.state import StudentState
from src.domain.struggles import struggles
from tests.making import NOW, TODAY
from tests.strategies import HALF_LIVES, METHODS, event_sets, micro_weights

from .building import FULL, KEPT_FROM, answer, day, fold, valid

Batches: TypeAlias = Sequence[Sequence[Event]]

# All of one student, since a state is that of one.
EVENTS = event_sets(NOW).map(lambda wires: [valid(wire | {"student_id": "ada"}) for wire in _distinct(wires)])
AGO = st.integers(0, 119)
RANDOMS = st.integers(0, 2**32).map(Random)
MODELS = st.builds(
    MasteryModel,
    st.sampled_from([Method(name) for name in METHODS]),
    micro_weights().map(lambda weights: {Component(name): weight for name, weight in weights.items()}),
    st.sampled_from([Decimal(days) for days in HALF_LIVES]),
)
LAW = settings(max_examples=100, deadline=None)


def _distinct(wires: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({wire["event_id"]: wire for wire in wires}.values())


def canonical(state: StudentState) -> bytes:
    return msgspec.json.encode(state.canonical())


def answers(state: StudentState, model: MasteryModel, ago: int) -> list[bytes]:
    """Return every answer that the domain gives about a state, as bytes."""
    span, sums = window(TODAY - ago, KEPT_FROM), state.aggregates
    topics = [None, "never", *sums.topics()]
    return [
        msgspec.json.encode(said)
        for said in (
            standings(sums, span, model),
            *(answer("ada", sums, span, model, topic=topic) for topic in topics),
            *(explain(sums, span, model, topic) for topic in topics),
            *(list(history(sums, iter([day(60), day(ago)]), KEPT_FROM, model, topic)) for topic in topics),
            struggles(state.recent.others),
        )
    ]


def shuffled(random: Random, events: Sequence[Event]) -> list[Event]:
    return random.sample(events, len(events))


def split(random: Random, events: Sequence[Event], parts: int) -> Batches:
    batches: list[list[Event]] = [[] for _ in range(parts)]
    for event in events:
        random.choice(batches).append(event)
    return batches


@LAW
@given(EVENTS, RANDOMS, MODELS, AGO)
def test_order_and_repetition_make_no_difference(
    events: list[Event], random: Random, model: MasteryModel, ago: int
) -> None:
    once = fold(events)
    repeated = random.choices(events, k=len(events)) if events else []
    again = fold(shuffled(random, [*events, *repeated]))
    assert canonical(again) == canonical(once)
    assert answers(again, model, ago) == answers(once, model, ago)
    assert again.events == once.events


@LAW
@given(EVENTS, RANDOMS, MODELS, AGO, st.integers(1, 5))
def test_how_events_are_grouped_makes_no_difference(
    events: list[Event], random: Random, model: MasteryModel, ago: int, parts: int
) -> None:
    once, merged = fold(events), StudentState()
    for batch in split(random, events, parts):
        merged.merge(fold(shuffled(random, batch)))
    assert canonical(merged) == canonical(once)
    assert answers(merged, model, ago) == answers(once, model, ago)
    assert merged.events == once.events


@LAW
@given(EVENTS, RANDOMS)
def test_merging_is_commutative_and_associative(events: list[Event], random: Random) -> None:
    one, two, three = split(random, events, 3)
    left, right, inner = fold(one), fold(three), fold(two)
    left.merge(fold(two))
    left.merge(fold(three))
    inner.merge(fold(one))
    right.merge(inner)
    assert canonical(left) == canonical(right) == canonical(fold(events))


@LAW
@given(EVENTS, RANDOMS, st.integers(0, 100))
def test_trimming_at_any_moment_keeps_the_same_of_the_window(events: list[Event], random: Random, ago: int) -> None:
    first, state = TODAY - ago, StudentState()
    for event in shuffled(random, [event for event in events if not event.expired]):
        if event.day >= first or random.random() < 0.5:  # what is too old may come before a trim or never
            state.add(event)
        if random.random() < 0.5:
            state.trim(first)
    state.trim(first)
    late = fold(events)
    late.trim(first)
    assert canonical(state) == canonical(late)


@LAW
@given(EVENTS, RANDOMS, st.integers(0, 40))
def test_a_later_trim_includes_an_earlier_one(events: list[Event], random: Random, ago: int) -> None:
    both, later = fold(events), fold(shuffled(random, events))
    both.trim(TODAY - ago - 20)
    both.trim(TODAY - ago)
    later.trim(TODAY - ago)
    assert canonical(both) == canonical(later)


@LAW
@given(EVENTS, MODELS, AGO)
def test_values_stay_in_bounds_and_words_follow_from_them(events: list[Event], model: MasteryModel, ago: int) -> None:
    whole, topics = standings(fold(events).aggregates, window(TODAY - ago, KEPT_FROM), model)
    for standing in (whole, *topics):
        score = None if standing.score is None else round(standing.score * 1_000_000)
        status = status_of(score, round(standing.confidence * 1_000_000))
        assert standing.status is status
        assert standing.level is (level_of(score) if score is not None and status == "ok" else None)
        assert 0 <= (standing.score or 0) <= 1
        assert 0 <= standing.confidence < 1
        for component in filter(None, standing.components.values()):
            assert 0 <= component.score <= 1
            assert 0 <= component.confidence < 1
            assert 0 <= component.effective_weight <= 1
        assert_weights(standing)


def assert_weights(standing: Standing) -> None:
    there: list[ComponentValue] = [one for one in standing.components.values() if one is not None]
    if standing.score is None:
        assert all(one.weight == 0 for one in there)
    else:
        assert abs(sum(one.effective_weight for one in there) - 1) < 3e-6


@LAW
@given(EVENTS, MODELS, st.integers(0, 89), st.sampled_from(Component), st.sampled_from([None, "loops"]))
def test_more_perfect_evidence_never_lowers_anything(
    events: list[Event], model: MasteryModel, ago: int, component: Component, topic: str | None
) -> None:
    sums = fold(events).aggregates
    before = whole_standing(sums, FULL, model)
    sums.add(perfect(TODAY - ago, component, topic))
    after = whole_standing(sums, FULL, model)
    assert (after.score or 0) >= (before.score or 0)
    assert after.confidence >= before.confidence
    for name, value in before.components.items():
        now = after.components[name]
        assert value is None or (now is not None and now.score >= value.score and now.confidence >= value.confidence)


def perfect(on: int, component: Component, topic: str | None) -> list[Evidence]:
    """Return a perfect piece of evidence, as an event would give it: its day is active too."""
    evidence = [] if component is Component.CONSISTENCY else [Evidence(on, component, topic, 1_000_000, 1_000_000)]
    return [*evidence, active(on)]


@LAW
@given(EVENTS, AGO)
def test_what_lies_outside_the_window_makes_no_difference(events: list[Event], ago: int) -> None:
    sums, span = fold(events).aggregates, window(TODAY - ago, KEPT_FROM)
    inside = Aggregates()
    inside.add(row for row in sums.rows() if span.first <= row.day <= span.last)
    model = MasteryModel()
    assert standings(sums, span, model) == standings(inside, span, model)
    assert explain(sums, span, model) == explain(inside, span, model)


@LAW
@given(EVENTS, MODELS, AGO)
def test_a_cut_window_differs_only_in_saying_so(events: list[Event], model: MasteryModel, ago: int) -> None:
    state, span = fold(events), window(TODAY - ago, KEPT_FROM)
    state.trim(KEPT_FROM)
    whole = Window(TODAY - ago - 89, TODAY - ago, None)
    assert standings(state.aggregates, whole, model) == standings(state.aggregates, span, model)
    assert replace(span, first=whole.first, evidence_from=None) == whole
