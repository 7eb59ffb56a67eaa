import base64
from typing import Any

import msgspec
import pytest

from src.dapr_events import ROUTE, DaprStatus, answer_to_many, entries, status_of, subscriptions, unwrapped
from src.domain.events import EventStatus
from src.errors import InvalidJSON, Reason
from tests.making import wire


def in_base64(content: object) -> str:
    return base64.b64encode(msgspec.json.encode(content)).decode()


@pytest.mark.parametrize("status", EventStatus)
def test_only_what_can_never_be_counted_is_dropped(status: EventStatus) -> None:
    never = {EventStatus.INVALID, EventStatus.CONFLICT}
    assert status_of(status) is (DaprStatus.DROP if status in never else DaprStatus.SUCCESS)


def test_without_a_component_nothing_is_subscribed_to() -> None:
    assert subscriptions(None, bulk=True) == []


def test_events_are_subscribed_to_with_dead_letters() -> None:
    [one] = subscriptions("kafka-pubsub", bulk=False)
    assert one == {
        "pubsubname": "kafka-pubsub",
        "topic": "mastery.events",
        "route": ROUTE,
        "deadLetterTopic": "mastery.dlq",
    }


def test_many_at_once_are_asked_for_where_they_are_wanted() -> None:
    [one] = subscriptions("kafka-pubsub", bulk=True)
    assert one["bulkSubscribe"]["enabled"] is True


@pytest.mark.parametrize("content", [wire(), {"specversion": "1.0", "data": wire()}, [], None, 1, "text"])
def test_what_dapr_did_not_wrap_is_left_as_it_is(content: object) -> None:
    assert unwrapped(content) == content


@pytest.mark.parametrize("content", [wire(), {"specversion": "1.0", "id": "e-1", "data": wire()}])
def test_a_raw_payload_is_what_was_published(content: object) -> None:
    envelope = {"specversion": "1.0", "id": "made by dapr", "type": "com.dapr.event.sent"}
    assert unwrapped(envelope | {"data_base64": in_base64(content)}) == content


@pytest.mark.parametrize("text", ["%", "bm90IGpzb24="])
def test_a_raw_payload_that_cannot_be_read_says_why(text: str) -> None:
    with pytest.raises(InvalidJSON):
        unwrapped({"data_base64": text})


def test_a_delivery_of_many_is_recognised_with_events_of_both_kinds() -> None:
    body = {
        "id": "x",
        "entries": [
            {"entryId": "1", "event": {"specversion": "1.0", "data": wire()}, "contentType": "application/json"},
            {"entryId": "2", "event": in_base64(wire()), "contentType": "application/octet-stream"},
            {"entryId": "3", "event": "bm90IGpzb24="},
            {"entryId": "4"},
        ],
    }
    found = entries(body)
    assert found is not None
    assert [one.entry_id for one in found] == ["1", "2", "3", "4"]
    assert found[1].content == wire()
    assert found[2].unreadable == Reason("", "not valid JSON")
    assert found[3].content is None


@pytest.mark.parametrize("body", [wire(), {"specversion": "1.0", "entries": []}, {"entries": {}}, [], None])
def test_one_event_is_not_taken_for_many(body: Any) -> None:
    assert entries(body) is None


def test_each_of_many_is_answered_by_its_name() -> None:
    assert answer_to_many([("1", DaprStatus.RETRY)]) == {"statuses": [{"entryId": "1", "status": "RETRY"}]}
