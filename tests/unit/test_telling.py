"""Telling of what was counted here: nothing is missing after a crash between any two steps."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from src.domain.events import Event
from src.domain.model import MasteryModel
from src.errors import BrokerUnavailable
from src.ports import Message, Retention, Snapshot
from src.state_manager import StateManager, Ttl
from src.telling import Teller
from tests.fakes import MemoryStore
from tests.making import NOW_US, event

RETENTION = Retention()
LEVEL, STRUGGLE, UPDATED = (
    f"com.learnflow.mastery.{kind}.v1" for kind in ("level.changed", "struggle.detected", "updated")
)


def clock() -> int:
    return NOW_US


class Heard:
    """Keeps what is published, and can be away."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.away = False

    async def publish(self, messages: Sequence[Message]) -> None:
        if self.away:
            detail = "away"
            raise BrokerUnavailable(detail)
        self.messages += [msgspec.json.decode(message.value or b"") for message in messages]

    def kinds(self) -> set[str]:
        return {one["type"] for one in self.messages}


class World:
    def __init__(self) -> None:
        self.store = MemoryStore(RETENTION)
        self.heard = Heard()
        self.teller = Teller(self.store, self.heard, model=MasteryModel(), retention=RETENTION, clock=clock)

    async def count(self, *events: Event) -> dict[str, dict[str, int]]:
        await self.store.apply(events, NOW_US)
        causes: dict[str, dict[str, int]] = {}
        for one in events:
            causes.setdefault(one.student_id, {})[one.event_id] = one.occurred_us
        return causes

    async def sweep(self) -> None:
        await self.teller.sweep(StateManager(self.store, maintenance=self.store, ttl=Ttl(), clock=clock))


BAD_QUIZ = event("bad", topic="lists", data={"total_questions": 10, "correct_answers": 1})
MANY = [event(f"q-{number}", data={"total_questions": 50, "correct_answers": 50}) for number in range(4)]


async def test_what_changes_is_told_once() -> None:
    world = World()
    causes = await world.count(BAD_QUIZ, *MANY)
    await world.teller.tell(causes)
    assert world.heard.kinds() == {LEVEL, STRUGGLE, UPDATED}
    world.heard.messages.clear()
    await world.teller.tell(causes)
    assert world.heard.kinds() == {UPDATED}


async def test_many_students_are_told_of() -> None:
    world = World()
    causes = await world.count(*(event(f"e-{n}", student_id=f"student-{n}") for n in range(250)))
    await world.teller.tell(causes)
    assert {one["subject"] for one in world.heard.messages} == set(causes)


async def test_what_could_not_be_published_is_told_when_the_events_come_again() -> None:
    world = World()
    causes = await world.count(BAD_QUIZ)
    world.heard.away = True
    with pytest.raises(BrokerUnavailable):
        await world.teller.tell(causes)
    world.heard.away = False
    await world.teller.tell(causes)
    assert STRUGGLE in world.heard.kinds()


async def test_what_a_process_that_died_has_counted_is_told_by_the_next_one() -> None:
    world = World()
    for number in range(25):
        await world.count(event("bad", student_id=f"student-{number:02}", data=BAD_DATA))
    await world.sweep()
    told = [one["subject"] for one in world.heard.messages if one["type"] == STRUGGLE]
    assert sorted(told) == [f"student-{number:02}" for number in range(25)]
    world.heard.messages.clear()
    await world.sweep()
    assert world.heard.kinds() == {UPDATED}


BAD_DATA = {"total_questions": 10, "correct_answers": 1}


async def test_a_state_that_changed_meanwhile_is_told_as_it_is_now() -> None:
    world = World()
    causes = await world.count(*MANY)
    remember = world.store.remember
    changes = [BAD_QUIZ]

    async def remember_late(snapshots: Sequence[Snapshot], now_us: int) -> list[bool]:
        if changes:
            await world.store.apply([changes.pop()], now_us)
        return await remember(snapshots, now_us)

    world.teller = Teller(
        _Changed(world.store, remember_late), world.heard, model=MasteryModel(), retention=RETENTION, clock=clock
    )
    await world.teller.tell(causes)
    assert STRUGGLE in world.heard.kinds()


async def test_who_is_gone_is_not_told_of() -> None:
    world = World()
    await world.teller.tell({"student-1": {"e-1": NOW_US}})
    assert world.heard.messages == []


class _Changed:
    """A store that others change between two steps."""

    def __init__(self, store: MemoryStore, remember: Any) -> None:
        self.derivable = store.derivable
        self.remember = remember


async def test_where_nobody_reads_results_notices_are_all_that_is_told() -> None:
    world = World()
    causes = await world.count(BAD_QUIZ, *MANY)
    world.teller = Teller(
        world.store, world.heard, model=MasteryModel(), retention=RETENTION, clock=clock, only_notices=True
    )
    await world.teller.tell(causes)
    assert world.heard.kinds() == {LEVEL, STRUGGLE}
    assert {one["time"] for one in world.heard.messages} == {"2026-01-15T10:30:00Z"}


async def test_what_is_told_after_a_crash_has_the_id_that_it_had_before() -> None:
    world = World()
    world.teller = Teller(
        world.store, world.heard, model=MasteryModel(), retention=RETENTION, clock=clock, only_notices=True
    )
    causes = await world.count(BAD_QUIZ)
    world.store.snapshots = _Lost()
    await world.teller.tell(causes)
    before = {one["id"] for one in world.heard.messages}
    world.heard.messages.clear()
    await world.sweep()
    assert {one["id"] for one in world.heard.messages} == before != set()


async def test_a_sweep_leaves_alone_who_is_being_told_of() -> None:
    world = World()
    causes = await world.count(BAD_QUIZ)
    heard = world.heard

    class Slow:
        async def publish(self, messages: Sequence[Message]) -> None:
            await heard.publish(messages)
            if len(heard.messages) <= len(messages):
                await world.sweep()

    world.teller = Teller(
        world.store, Slow(), model=MasteryModel(), retention=RETENTION, clock=clock, only_notices=True
    )
    with world.teller.expecting(causes):
        await world.teller.tell(causes)
    assert {STRUGGLE, LEVEL} == heard.kinds()
    assert len({one["id"] for one in heard.messages}) == len(heard.messages)


class _Lost(dict[str, Any]):
    """Snapshots that a crash keeps from being written."""

    def __setitem__(self, key: str, value: Any) -> None:
        del key, value
