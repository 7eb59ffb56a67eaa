"""Notices: kept with the results that they come from, delivered until they are taken or their time is over."""

import logging
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest

from src.domain.erasures import Erasure
from src.errors import BrokerUnavailable
from src.notices import AT_ONCE, LEASE_S, NoticeDelivery, NoticePublisher
from src.observability import Metrics, correlation_id
from src.ports import Message, Notice, Topic
from tests.making import NOW_US
from tests.notices import MemoryChannel, MemoryOutbox

A, B = "dapr:agent/notices", "https://school.example/hooks"
LIFETIME = timedelta(days=3)
SECOND_US = 1_000_000
LEVEL, STRUGGLE = "level.changed", "struggle.detected"


def result(notice_id: str, kind: str = LEVEL, topic: Topic = Topic.RESULTS) -> Message:
    content = {"id": notice_id, "type": f"com.learnflow.mastery.{kind}.v1", "subject": "student-1", "data": {}}
    return Message(topic, b"student-1", msgspec.json.encode(content))


class World:
    """An outbox, two targets, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now_us = NOW_US
        self.outbox = MemoryOutbox(LIFETIME)
        self.channels = {A: MemoryChannel("agent"), B: MemoryChannel("school.example")}
        self.erasures: dict[str, Erasure] = {}
        self.metrics = Metrics()
        self.delivery = NoticeDelivery(
            self.outbox,
            self.channels,
            erased=self,
            lifetime=LIFETIME,
            metrics=self.metrics,
            clock=lambda: self.now_us,
        )

    async def erasure(self, student_id: str) -> Erasure | None:
        return self.erasures.get(student_id)

    async def publish(self, *messages: Message) -> None:
        await NoticePublisher(self.outbox, [A, B], clock=lambda: self.now_us).publish(messages)

    def counted(self, outcome: str, target: str = "agent") -> float:
        found = self.metrics.registry.get_sample_value(
            "mastery_engine_notices_total", {"target": target, "outcome": outcome}
        )
        return found or 0


async def test_level_changes_and_struggles_are_noticed_and_nothing_else() -> None:
    world = World()
    await world.publish(
        result("n-1"),
        result("n-2", STRUGGLE),
        result("n-3", "updated"),
        result("n-4", topic=Topic.DEAD_LETTERS),
        Message(Topic.RESULTS, b"student-1", None),
    )
    assert {notice_id for _, notice_id in world.outbox.waiting} == {"n-1", "n-2"}


async def test_each_target_hears_of_each_notice_once() -> None:
    world = World()
    await world.publish(result("n-1"), result("n-2", STRUGGLE))
    for _ in range(2):
        for target in (A, B):
            await world.delivery.deliver_due(target)
    assert [channel.heard for channel in world.channels.values()] == [["n-1", "n-2"]] * 2
    assert world.counted("delivered") == world.counted("delivered", "school.example") == 2
    assert {name: backlog.pending for name, backlog in (await world.delivery.backlogs()).items()} == {
        "agent": 0,
        "school.example": 0,
    }


async def test_results_are_published_before_notices_are_kept() -> None:
    class Broken:
        async def publish(self, messages: Sequence[Message]) -> None:
            assert messages
            detail = "away"
            raise BrokerUnavailable(detail)

    world = World()
    with pytest.raises(BrokerUnavailable):
        await NoticePublisher(world.outbox, [A], clock=lambda: NOW_US, onward=Broken()).publish([result("n-1")])
    assert not world.outbox.waiting


async def test_a_target_that_is_away_holds_up_no_other_and_hears_of_it_later() -> None:
    world = World()
    world.channels[A].away = True
    await world.publish(result("n-1"))
    await world.delivery.deliver_due(A)
    await world.delivery.deliver_due(B)
    assert (world.channels[A].heard, world.channels[B].heard) == ([], ["n-1"])
    assert world.metrics.registry.get_sample_value("mastery_engine_notices_pending", {"target": "agent"}) == 1
    world.channels[A].away = False
    await world.delivery.deliver_due(A)
    assert world.channels[A].heard == []
    world.now_us += SECOND_US
    await world.delivery.deliver_due(A)
    assert world.channels[A].heard == ["n-1"]


async def test_pauses_grow_and_in_the_end_a_notice_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.channels[A].away = True
    await world.publish(result("n-1"))
    pauses = []
    with caplog.at_level(logging.WARNING, "mastery_engine.notices"):
        while world.outbox.waiting.get((A, "n-1")):
            await world.delivery.deliver_due(A)
            waiting = world.outbox.waiting.get((A, "n-1"))
            if waiting is not None:
                pauses.append((waiting.due_us - world.now_us) // SECOND_US)
                world.now_us = waiting.due_us
    assert pauses[:11] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600]
    assert set(pauses[11:]) == {600}
    assert NOW_US + LIFETIME // timedelta(microseconds=1) - world.now_us < 600 * SECOND_US
    assert (world.counted("failed"), world.counted("given_up")) == (len(pauses), 1)
    assert caplog.messages[-1] == "NOTICE Service invocation failed for the last time"
    assert set(caplog.messages[:-1]) == {"NOTICE Service invocation failed"}


@pytest.mark.parametrize(("cause", "told"), [("request-7", "request-7"), ("-", "n-1")])
async def test_a_failure_is_told_with_the_request_or_else_the_notice(
    caplog: pytest.LogCaptureFixture, cause: str, told: str
) -> None:
    world = World()
    world.channels[A].away = True
    token = correlation_id.set(cause)
    await world.publish(result("n-1"))
    correlation_id.reset(token)
    with caplog.at_level(logging.WARNING, "mastery_engine.notices"):
        await world.delivery.deliver_due(A)
    fields = vars(caplog.records[0])
    assert (fields["correlation_id"], fields["target"], fields["reason"]) == (told, "agent", "It answers 500.")
    assert "student-1" not in str(fields)


async def test_what_somebody_took_and_did_not_settle_is_delivered_by_whoever_comes_next() -> None:
    world = World()
    await world.publish(result("n-1"))
    await world.outbox.take(A, NOW_US, NOW_US + LEASE_S * SECOND_US, AT_ONCE)
    await world.delivery.deliver_due(A)
    assert world.channels[A].heard == []
    world.now_us += LEASE_S * SECOND_US
    await world.delivery.deliver_due(A)
    assert world.channels[A].heard == ["n-1"]


@pytest.mark.parametrize(
    ("erasure", "heard"),
    [
        (Erasure(1, NOW_US), []),
        (Erasure(1, NOW_US, NOW_US + 1), []),
        (Erasure(1, NOW_US - 2, NOW_US - 1), ["n-1"]),
        (None, ["n-1"]),
    ],
)
async def test_nobody_hears_of_who_was_erased_after_it_happened(erasure: Erasure | None, heard: list[str]) -> None:
    world = World()
    await world.publish(result("n-1"))
    if erasure is not None:
        world.erasures["student-1"] = erasure
    await world.delivery.deliver_due(A)
    assert world.channels[A].heard == heard
    assert (A, "n-1") not in world.outbox.waiting


async def test_old_notices_go_also_those_of_targets_that_are_no_more() -> None:
    world = World()
    await world.outbox.put([Notice("n-1", "student-1", b"{}", "-", NOW_US)], ["https://gone.example"])
    world.now_us += LIFETIME // timedelta(microseconds=1) + 1
    assert await world.delivery.trim() == 1
