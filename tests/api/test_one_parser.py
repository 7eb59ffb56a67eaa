"""The same bytes over HTTP and over Kafka: taken by both, or refused by both for the same reasons."""

import json
from collections.abc import Iterator

import httpx
import pytest

from src.dead_letters import Record, read_back
from src.ports import Topic
from tests.making import NOW_US, wire
from tests.protocol.instance import Instance
from tests.protocol.test_stream_service import HERE, Broker, Consumer

from .test_bad_events import BAD_CONTENT, BAD_EVENTS, EVENTS, JSON, SERVICE

Reasons = list[tuple[str, str]]
GOOD = {
    "plain": wire(),
    "a CloudEvent": {
        "specversion": "1.0",
        "id": "e-1",
        "type": "com.learnflow.quiz.completed.v1",
        "source": "/agents/quiz",
        "subject": "student-1",
        "time": "2026-01-15T10:30:00Z",
        "data": wire(),
    },
    "fields that nobody knows": wire(name="x", data=wire()["data"] | {"name": "x"}),
    "milliseconds": wire(timestamp=1_768_473_000_000),
}


def corpus() -> Iterator[tuple[str, bytes]]:
    """Yield contents that are taken and contents that are not."""
    yield from ((name, json.dumps(one).encode()) for name, one in GOOD.items())
    yield from ((name, json.dumps(wire() | changes).encode()) for name, (changes, _) in BAD_EVENTS.items())
    yield from BAD_CONTENT.items()
    usual = json.dumps(wire()).encode()
    yield "a field twice", usual[:-1] + b', "event_id": "e-2"}'
    yield "a field twice in the data", usual.replace(b'"correct_answers"', b'"correct_answers": 0, "correct_answers"')
    yield "a field twice in two spellings", usual[:-1] + b', "student\\u005fid": "student-2"}'
    yield "an unknown field twice", usual[:-1] + b', "x": 1, "x": 2}'


CORPUS = dict(corpus())


async def over_http(client: httpx.AsyncClient, content: bytes) -> Reasons | None:
    """Return why content is refused, None where it is taken."""
    answer = await client.post(EVENTS, content=content, headers=SERVICE | JSON)
    assert answer.status_code in (200, 400), answer.text
    return None if answer.is_success else [(error["field"], error["reason"]) for error in answer.json()["errors"]]


async def over_kafka(content: bytes) -> Reasons | None:
    """Return why a record is buried, None where it is applied."""
    broker = Broker()
    consumer = Consumer(Instance(), broker)
    await consumer.service.begin()
    held = await consumer.service.resume(HERE, None)
    record = Record(HERE.number, held.position, b"student-1", content, (), NOW_US // 1000)
    _ = [step async for step in consumer.service.process(held, [record])]
    dead = [message for message in broker.messages if message.topic == Topic.DEAD_LETTERS]
    if not dead:
        assert broker.results("updated")
        return None
    told = read_back(dead[0].headers, partition=0, offset=0, timestamp_ms=0)
    return [(field, reason) for field, reason in told.errors]


@pytest.mark.parametrize("name", CORPUS)
async def test_kafka_takes_and_refuses_what_http_does(app_client: httpx.AsyncClient, name: str) -> None:
    found = await over_http(app_client, CORPUS[name])
    assert (found is None) == (name in GOOD)
    assert await over_kafka(CORPUS[name]) == found
