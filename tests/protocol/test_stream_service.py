"""The service of a stream step by step, where the order of things is told by the test."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from src.dead_letters import Record, read_back
from src.domain.days import DAY_US
from src.domain.erasures import Erasure
from src.errors import StoreUnavailable, Superseded
from src.ports import Message, Offsets, Partition, Snapshot, Topic, Written
from src.results import Told, told
from src.stream_service import ERASING_S, SETTLED, Assignment, Step, StreamService
from tests.fakes import MemoryLedger
from tests.making import NOW_US, PSEUDONYM, wire

from .instance import Instance
from .schedule import Chance
from .service.memory import MemoryStream, erase_in, straight
from .service.surroundings import GROUP, METRICS, MODEL, RETENTION

HERE, ELSEWHERE = Partition("cluster", "topic", 0), Partition("cluster", "topic", 1)
Act = Callable[[], Awaitable[object]]


async def nothing() -> None:
    """Do not disturb."""


@dataclass
class Broker:
    """Takes what is published; before that something may happen."""

    messages: list[Message] = field(default_factory=list)
    before: Act = nothing

    async def publish(self, messages: Sequence[Message]) -> None:
        before, self.before = self.before, nothing
        await before()
        self.messages += messages

    def results(self, kind: str) -> list[dict[str, Any]]:
        events = [json.loads(message.value or b"") for message in self.messages if message.topic == Topic.RESULTS]
        return [event["data"] for event in events if event["type"] == f"com.learnflow.mastery.{kind}.v1"]


class Interrupted(MemoryStream):
    """A state of which the next finish does not come through, and before which something may happen."""

    def __init__(self, instance: Instance) -> None:
        super().__init__([instance], Chance(), straight)
        self.before_finish: Act = nothing
        self.fails = False

    async def finish(self, snapshots: Sequence[Snapshot]) -> list[Written]:
        before, self.before_finish = self.before_finish, nothing
        await before()
        if self.fails:
            self.fails = False
            raise StoreUnavailable("lost")  # noqa: EM101  # says all there is
        return await super().finish(snapshots)


@dataclass
class Clock:
    now_us: int = NOW_US

    def __call__(self) -> int:
        return self.now_us


@dataclass
class Consumer:
    """A consumer over a store that it may share."""

    instance: Instance
    broker: Broker
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.state = Interrupted(self.instance)
        self.ledger = MemoryLedger()
        self.service = StreamService(
            self.state,
            self.broker,
            ledger=self.ledger,
            model=MODEL,
            retention=RETENTION,
            metrics=METRICS,
            clock=self.clock,
            group=GROUP,
        )

    async def take(self, *wires: dict[str, Any], at: Partition = HERE) -> list[Step]:
        """Begin, resume and do one batch, which is all that there is in the partition."""
        await self.service.begin()
        return await self.process(await self.service.resume(at, None), *wires)

    async def process(self, held: Assignment, *wires: dict[str, Any]) -> list[Step]:
        values = [json.dumps(one).encode() for one in wires]
        records = [record(held.partition.number, offset, value) for offset, value in enumerate(values, held.position)]
        return [step async for step in self.service.process(held, records)]

    def told(self) -> Told:
        return told(self.instance.values["student:student-1:told"])


def record(partition: int, offset: int, value: bytes) -> Record:
    return Record(partition, offset, b"student-1", value, (), NOW_US // 1000)


def quiz(event_id: str, correct: int, **fields: Any) -> dict[str, Any]:
    return wire(event_id, data={"total_questions": 20, "correct_answers": correct}, **fields)


@pytest.fixture
def one() -> Consumer:
    return Consumer(Instance(), Broker())


@pytest.fixture
def other(one: Consumer) -> Consumer:
    return Consumer(one.instance, one.broker)


async def test_the_steps_of_a_batch_come_in_their_order(one: Consumer) -> None:
    assert await one.take(wire()) == list(Step)
    assert await one.state.offsets(HERE) == Offsets(1, 1)


async def test_a_batch_for_nobody_moves_the_offsets_only(one: Consumer) -> None:
    assert await one.take(wire(timestamp="2025-01-01T00:00:00Z")) == [
        Step.APPLIED,
        Step.APPLIED_OFFSET,
        Step.PUBLISHED_OFFSET,
    ]
    assert one.broker.messages == []


async def test_who_finds_the_offset_moved_publishes_nothing(one: Consumer, other: Consumer) -> None:
    await one.service.begin()
    held = await one.service.resume(HERE, None)
    await other.take(wire())
    published = len(one.broker.messages)
    with pytest.raises(Superseded):
        await one.process(held, wire())
    assert len(one.broker.messages) == published
    assert (await one.service.resume(HERE, None)).position == 0


async def test_events_of_a_student_in_a_batch_become_one_update(one: Consumer) -> None:
    await one.take(wire("e-2"), wire("e-1"), wire("e-1"))
    (update,) = one.broker.results("updated")
    assert (update["revision"], update["causes"]) == (2, ["e-1", "e-2"])


async def test_many_students_are_published_and_finished_in_parts(one: Consumer) -> None:
    number = SETTLED + 1
    steps = await one.take(*(wire(student_id=f"s-{student}") for student in range(number)))
    part = [Step.PUBLISHED, Step.FINISHED]
    assert steps == [Step.APPLIED, Step.APPLIED_OFFSET, *part, *part, Step.PUBLISHED_OFFSET]
    assert len(one.broker.results("updated")) == number
    await one.service.begin()
    assert len(one.broker.results("updated")) == number


async def test_a_student_changed_before_the_end_is_told_again(one: Consumer, other: Consumer) -> None:
    one.state.before_finish = lambda: other.take(quiz("e-2", 0), at=ELSEWHERE)
    await one.take(quiz("e-1", 20))
    assert [(update["revision"], update["causes"]) for update in one.broker.results("updated")] == [
        (1, ["e-1"]),
        (2, ["e-2"]),
        (2, ["e-1"]),
    ]


async def test_a_student_published_and_not_finished_is_told_again(one: Consumer) -> None:
    one.state.fails = True
    with pytest.raises(StoreUnavailable):
        await one.take(wire())
    assert "student:student-1:told" not in one.instance.values
    await one.service.begin()
    assert [update["causes"] for update in one.broker.results("updated")] == [["e-1"], []]
    assert one.told().levels
    await one.service.begin()
    assert len(one.broker.results("updated")) == 2


async def test_who_told_a_level_that_somebody_else_had_changed_says_so(one: Consumer, other: Consumer) -> None:
    one.broker.before = lambda: other.take(quiz("e-2", 0), at=ELSEWHERE)
    one.state.fails = True
    with pytest.raises(StoreUnavailable):
        await one.take(quiz("e-1", 20))
    await one.service.begin()
    levels = [change["to"] for change in one.broker.results("level.changed") if change["topic"] == "loops"]
    assert levels == ["developing", "expert", "developing"]
    assert one.told().levels["loops"] == "developing"


async def test_a_snapshot_is_of_the_day_that_was_derived(one: Consumer) -> None:
    async def midnight() -> None:
        one.clock.now_us += DAY_US

    one.state.before_finish = midnight
    await one.take(wire())
    snapshots = [key for key in one.instance.values if str(key).startswith("student:student-1:mastery:")]
    assert {str(key).split(":")[3] for key in snapshots} == {"2026-01-15"}


async def test_what_is_below_the_published_offset_is_buried_and_published_once(one: Consumer) -> None:
    batch = [wire(), {"event_id": "e-2"}, wire(topic="lists")]
    await one.take(*batch)
    buried = [message for message in one.broker.messages if message.topic == Topic.DEAD_LETTERS]
    told = [read_back(message.headers, partition=0, offset=0, timestamp_ms=0) for message in buried]
    assert [(one_letter.reason, one_letter.event_id) for one_letter in told] == [
        ("invalid", "e-2"),
        ("conflict", "e-1"),
    ]
    before = len(one.broker.messages)
    assert await one.take(*batch) == [Step.APPLIED, Step.APPLIED_OFFSET, Step.PUBLISHED_OFFSET]
    assert len(one.broker.messages) == before


async def test_what_became_of_an_event_that_added_nothing_is_kept_once(one: Consumer) -> None:
    batch = [wire("e-1"), wire("e-1", topic="lists"), wire("e-2", timestamp="2025-01-01T00:00:00Z"), wire("e-1")]
    await one.take(*batch)
    kept = {key: value for key, value in one.instance.values.items() if str(key).endswith(":verdict")}
    assert kept == {
        "student:student-1:event:e-1:verdict": b"conflict",
        "student:student-1:event:e-2:verdict": b"expired",
    }
    for key in kept:
        del one.instance.values[key]
    await one.take(*batch)
    assert not any(str(key).endswith(":verdict") for key in one.instance.values)


async def test_a_replay_moves_no_offset_back(one: Consumer) -> None:
    await one.take(wire("e-1"), wire("e-2"), wire("e-3"))
    held = await one.service.resume(HERE, 0)
    assert (held.position, held.applied, held.published) == (0, 3, 3)
    await one.process(held, wire("e-1"))
    assert (held.position, held.applied, held.published) == (1, 3, 3)
    assert await one.state.offsets(HERE) == Offsets(3, 3)


async def test_a_partition_is_resumed_where_the_least_is_known(one: Consumer) -> None:
    await one.service.begin()
    assert (await one.service.resume(HERE, 7)).position == 0
    await one.state.move_applied(HERE, None, 5)
    assert (await one.service.resume(HERE, 7)).position == 0
    await one.state.move_published(HERE, 4)
    assert (await one.service.resume(HERE, 7)).position == 4
    assert (await one.service.resume(HERE, 3)).position == 3
    assert (await one.service.resume(HERE, None)).position == 0


# -- erased students

ERASED = Erasure(1, NOW_US)
NAME = PSEUDONYM("student-1")


async def test_refused_events_move_the_offsets_and_nothing_is_told(one: Consumer) -> None:
    await one.ledger.write(NAME, ERASED)
    before = METRICS.events.labels("refused")._value.get()  # noqa: SLF001  # the library has no other way
    assert await one.take(wire("e-1"), wire("e-2")) == [Step.APPLIED, Step.APPLIED_OFFSET, Step.PUBLISHED_OFFSET]
    assert one.broker.messages == []
    assert await one.state.offsets(HERE) == Offsets(2, 2)
    assert METRICS.events.labels("refused")._value.get() == before + 2  # noqa: SLF001  # likewise


async def test_who_begins_erases_whom_the_store_does_not_know_to_be_erased(one: Consumer, other: Consumer) -> None:
    await one.take(wire())
    await other.ledger.write(NAME, ERASED)
    await other.service.begin()
    assert {value for key, value in one.instance.values.items() if "student-1" in str(key)} == {None}


async def test_an_erasure_that_nobody_carries_out_is_completed_after_a_while(one: Consumer) -> None:
    await one.take(wire())
    await one.ledger.write(NAME, ERASED)
    await one.service.follow_erasures()
    assert await one.state.read(["student-1"]) != [None]  # who has entered it may be about to do so
    one.clock.now_us += ERASING_S * 1_000_000
    await one.service.follow_erasures()
    assert await one.state.read(["student-1"]) == [None]


async def test_a_student_erased_between_publishing_and_finishing_leaves_nothing(one: Consumer) -> None:
    async def erase() -> None:
        erase_in(one.instance, "student-1", ERASED)

    one.state.before_finish = erase
    await one.take(wire())
    assert [key for key, value in one.instance.values.items() if "student-1" in str(key) and value is not None] == []


async def test_the_revision_counts_the_erasures_before_the_events(one: Consumer) -> None:
    await one.ledger.write(NAME, replace(ERASED, consented_us=NOW_US - 1_000))
    await one.take(wire("e-1"), wire("e-2"))
    (update,) = one.broker.results("updated")
    assert update["revision"] == 1_000_000_002
