"""What a batch makes of one student, as the script writes it."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.adapters.packing import join_outcomes, pack_counted, split_outcomes, unpack_aggregates, unpack_counted
from src.adapters.redis_change import OUTCOMES_SLACK, Bytes, Change, Held, Part, change, must_rewrite
from src.domain.days import DAY_US, day_of, from_date
from src.domain.events import Event, EventStatus
from src.domain.outcomes import WINDOW_SIZE, Recent
from src.domain.state import StudentState
from src.event_validator import validate
from src.ports import Retention
from tests.making import NOW, NOW_US, TODAY, event
from tests.strategies import Wire, event_sets

RETENTION = Retention()
KEPT_FROM = RETENTION.kept_from(TODAY)
FULL = WINDOW_SIZE + OUTCOMES_SLACK


@dataclass
class Keys:
    """A student's keys, changed as the script changes them."""

    version: str = ""
    events: int = 0
    body: bytes | None = None
    numbers: tuple[int, int] = (0, 0)
    strings: list[bytes] = field(default_factory=lambda: [b"", b"", b""])
    lifetime_s: int = 0

    def held(self) -> Held:
        if self.body is None:
            return Held()
        return Held(self.version, self.events, unpack_aggregates(self.body), self.strings[2], *self.numbers)

    def recent(self) -> Recent:
        recent = Recent()
        for number, body in zip(self.numbers, self.strings[:2], strict=True):
            recent.add(split_outcomes(body, number))
        return recent

    def state(self) -> StudentState:
        held = self.held()
        counted = {digest: day for day, digest in unpack_counted(held.counted)}
        return StudentState(held.aggregates, self.recent(), counted, held.events)

    def apply(self, events: list[Event], now_us: int = NOW_US) -> list[EventStatus]:
        """Do what the store does with a student's part of a batch."""
        held, part = self.held(), Part(list(range(len(events))), events)
        part.judge(held.counted)
        rewritten = must_rewrite(held, part, RETENTION.kept_from(day_of(now_us)))
        if part.fresh or rewritten:
            windows = self.recent() if rewritten else None
            self.write(change(held, part, now_us=now_us, retention=RETENTION, version=7, windows=windows))
        return part.statuses

    def write(self, changed: Change) -> None:
        """Take the arguments apart as the script does."""
        _, version, events, body, _, lifetime_s, _, *rest = changed.arguments("", 1, [])
        assert isinstance(body, bytes)
        assert isinstance(lifetime_s, int)
        for place, (how, more) in enumerate(zip(rest[:6:2], rest[1:6:2], strict=True)):
            assert isinstance(more, bytes)
            self.strings[place] = more if how == "SET" else self.strings[place] + more
        self.version, self.events, self.body = str(version), int(events), body
        self.numbers, self.lifetime_s = (int(rest[6]), int(rest[7])), lifetime_s
        if lifetime_s <= 0:
            self.__init__()  # type: ignore[misc]  # all keys are gone


def runs(number: int, *, first: int = 0) -> list[Event]:
    at_ms = NOW_US // 1000 - 100_000
    return [event(f"e-{n}", "code.executed", timestamp=at_ms + n) for n in range(first, first + number)]


def on(day: int, event_id: str = "e-1", event_type: str = "code.executed") -> Event:
    moment_us = day * DAY_US + 1_000_000
    return event(event_id, event_type, timestamp=moment_us // 1000, received_us=moment_us)


# -- what is new


def test_events_are_judged_against_those_counted_and_those_before_in_the_batch() -> None:
    counted = pack_counted([(TODAY, event("e-1").digest)])
    part = Part(events=[event("e-1"), event("e-2"), event("e-2"), event("e-2", topic="lists"), event("e-3")])
    part.judge(counted)
    assert part.statuses == ["duplicate", "applied", "duplicate", "conflict", "applied"]
    assert [one.event_id for one in part.fresh.values()] == ["e-2", "e-3"]


def test_a_part_can_be_judged_again_when_the_student_has_changed() -> None:
    part = Part(events=[event("e-1"), event("e-2")])
    part.judge(b"")
    part.judge(pack_counted([(TODAY, event("e-2").digest)]))
    assert part.statuses == ["applied", "duplicate"]
    assert [one.event_id for one in part.fresh.values()] == ["e-1"]


# -- what is written


def test_what_is_new_is_appended() -> None:
    keys = Keys()
    keys.apply(runs(2))
    held, part = keys.held(), Part(events=runs(1, first=2))
    part.judge(held.counted)
    changed = change(held, part, now_us=NOW_US, retention=RETENTION, version=8, windows=None)
    (added,) = part.fresh.values()
    assert changed.answers == Bytes("APPEND", b"")
    assert changed.others == Bytes("APPEND", join_outcomes(list(added.outcomes)))
    assert changed.counted == Bytes("APPEND", pack_counted([(added.day, added.digest)]))
    assert (changed.after.version, changed.after.events, changed.after.others) == ("8", 3, 3)


def test_the_state_lives_for_as_long_as_its_last_evidence_counts() -> None:
    keys = Keys()
    keys.apply([on(TODAY - 3)])
    until_us = (TODAY - 3 + 90) * DAY_US
    assert keys.lifetime_s == (until_us - NOW_US) // 1_000_000


def test_the_arguments_of_the_script_come_in_its_order() -> None:
    after = Held("8", 3, StudentState().aggregates, b"", 1, 2, b"", "1:2:3")
    changed = Change(after, Bytes("APPEND", b"a"), Bytes("SET", b"o"), Bytes("APPEND", b"c"), 60)
    arguments = changed.arguments("7", 600, [11, 12])
    assert arguments[:3] == ["7", "8", 3]
    assert arguments[4:] == [
        0,
        60,
        600,
        "APPEND",
        b"a",
        "SET",
        b"o",
        "APPEND",
        b"c",
        1,
        2,
        "1:2:3",
        600 + 2 * 86_400,
        11,
        12,
    ]


# -- what is written anew


@pytest.mark.parametrize(
    ("stored", "added", "rewritten"),
    [(0, 1, False), (FULL - 1, 1, False), (FULL, 0, False), (FULL, 1, True), (0, FULL + 1, True)],
)
def test_a_window_is_rewritten_when_it_has_grown_by_its_slack(stored: int, added: int, *, rewritten: bool) -> None:
    for held in (Held("7", others=stored), Held("7", others=stored, answers=3)):
        part = Part(events=runs(added))
        part.judge(b"")
        assert must_rewrite(held, part, KEPT_FROM) is rewritten


@pytest.mark.parametrize(("stored", "rewritten"), [(48, False), (49, True), (50, False), (99, True), (199, True)])
def test_a_window_that_is_not_full_is_compressed_now_and_then(stored: int, *, rewritten: bool) -> None:
    part = Part(events=runs(1))
    part.judge(b"")
    assert must_rewrite(Held("7", others=stored), part, KEPT_FROM) is rewritten


def test_a_full_window_of_answers_is_rewritten_too() -> None:
    responses = [{"item": f"q-{n}", "skills": [], "correct": True} for n in range(2)]
    quiz = event(data={"total_questions": 2, "correct_answers": 2, "responses": responses})
    part = Part(events=[quiz])
    part.judge(b"")
    assert must_rewrite(Held("7", answers=FULL - 1), part, KEPT_FROM)
    assert not must_rewrite(Held("7", answers=FULL - 2), part, KEPT_FROM)


def test_a_rewritten_window_holds_the_newest_however_they_came() -> None:
    events = runs(FULL + 5)
    random.Random(0).shuffle(events)
    keys = Keys()
    for start in range(0, len(events), 7):
        keys.apply(events[start : start + 7])
    assert keys.numbers[1] < FULL
    newest = [outcome.event_id for outcome in keys.recent().others]
    assert newest == [f"e-{n}" for n in range(FULL + 5 - WINDOW_SIZE, FULL + 5)]


def test_days_that_are_kept_no_longer_are_trimmed_with_their_ids_and_outcomes() -> None:
    keys = Keys()
    keys.apply([on(KEPT_FROM - 1, "old"), on(KEPT_FROM, "kept")], KEPT_FROM * DAY_US - 1)
    assert keys.state().events == 2
    keys.apply([on(TODAY, "new")])
    state = keys.state()
    assert sorted(outcome.event_id for outcome in state.recent.others) == ["kept", "new"]
    assert sorted(state.counted.values()) == [KEPT_FROM, TODAY]
    assert min(row.day for row in state.aggregates.rows()) == KEPT_FROM
    assert state.events == 3


def test_a_student_with_something_to_trim_is_written_even_without_a_new_event() -> None:
    keys = Keys()
    keys.apply([on(KEPT_FROM - 1, "old"), on(KEPT_FROM, "kept")], KEPT_FROM * DAY_US - 1)
    assert keys.apply([on(KEPT_FROM, "kept")]) == ["duplicate"]
    assert list(keys.state().counted.values()) == [KEPT_FROM]


def test_a_state_of_which_nothing_is_kept_is_gone() -> None:
    keys = Keys()
    keys.apply([on(KEPT_FROM - 1)], KEPT_FROM * DAY_US - 1)
    assert keys.apply([]) == []
    assert keys == Keys()


# -- the law


def valid(wire: Wire) -> Event:
    checked = validate(wire | {"student_id": "ada"}, NOW_US)
    assert isinstance(checked, Event)
    return checked


@given(event_sets(NOW), st.lists(st.integers(1, 5)), st.sampled_from([0, 0, 1, 40]))
def test_batches_make_the_state_that_the_events_make(wires: list[Wire], sizes: list[int], days_later: int) -> None:
    events = [one for one in {one.event_id: one for one in map(valid, wires)}.values() if not one.expired]
    expected, keys, now_us = StudentState(), Keys(), NOW_US
    for one in events:
        expected.add(one)
    left = events
    for size in [*sizes, len(events)]:
        batch, left = left[:size], left[size:]
        keys.apply(batch + batch[:1], now_us)
        now_us += days_later * DAY_US // 10
    kept_from = RETENTION.kept_from(day_of(now_us))
    expected.trim(kept_from)
    found = keys.state()
    found.trim(kept_from)
    assert found.canonical() == expected.canonical()


def test_today_is_what_the_other_tests_take_it_for() -> None:
    assert from_date(datetime(2026, 1, 15, tzinfo=UTC).date()) == TODAY
