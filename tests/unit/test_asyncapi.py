"""The document of the topics: a good AsyncAPI 3 document, and true of what really goes over them."""

import json
from datetime import date
from typing import Any

import jsonschema_rs
import pytest

from src.asyncapi import document
from src.dead_letters import Record, dead_letter
from src.domain.simulator import simulate
from src.ports import Topic
from tests.services.fixtures import available
from tests.services.programs import asyncapi_schema

from .test_results import EVENTS, content, derived, stuck

DOCUMENT = document()
RESULTS = {
    "com.learnflow.mastery.updated.v1": "updated",
    "com.learnflow.mastery.level.changed.v1": "levelChanged",
    "com.learnflow.mastery.struggle.detected.v1": "struggleDetected",
}


def schema_of(message: str, part: str = "payload") -> jsonschema_rs.Validator:
    """Return what validates a part of a message."""
    schema: dict[str, Any] = DOCUMENT["components"]["messages"][message][part]
    return jsonschema_rs.validator_for(schema | {"components": DOCUMENT["components"]})


def test_the_document_is_what_asyncapi_wants() -> None:
    with available():
        schema = asyncapi_schema()
    jsonschema_rs.validate(json.loads(schema.read_text(encoding="utf-8")), DOCUMENT)


def test_there_is_a_channel_for_each_topic_that_others_use() -> None:
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    assert addresses == {Topic.EVENTS, Topic.RESULTS, Topic.DEAD_LETTERS}


@pytest.mark.parametrize("kind", RESULTS)
def test_every_result_is_as_the_document_says(kind: str) -> None:
    messages = [content(message) for message in derived([*EVENTS, stuck("e-6")]).messages]
    found = [message for message in messages if message["type"] == kind]
    assert found
    for message in found:
        schema_of(RESULTS[kind]).validate(message)


@pytest.mark.parametrize("missing", ["id", "time", "data"])
def test_a_result_without_a_part_is_none(missing: str) -> None:
    message = content(derived(EVENTS).messages[0])
    del message[missing]
    assert not schema_of("updated").is_valid(message)


def test_every_event_of_made_up_students_is_as_the_document_says() -> None:
    events = list(simulate(students=3, days=30, seed=1, last_day=date(2026, 1, 15)))
    assert {event["event_type"] for event in events} >= {"quiz.completed", "exercise.completed", "code.executed"}
    for event in events:
        schema_of("event").validate(event)


def test_a_dead_letter_has_the_headers_that_the_document_names() -> None:
    record = Record(0, 7, b"student-1", b"not JSON", (), 1)
    message = dead_letter(record, "invalid", [], group="g", event_id=None, correlation_id="asked-for-1")
    headers = {name: value.decode("latin-1") for name, value in message.headers if value is not None}
    schema_of("deadLetter", "headers").validate(headers)
