"""What a record becomes when it is buried, and what can be read back from it."""

import logging
import struct
from collections import Counter

import pytest

from src.dead_letters import MAX_TEXT, Record, dead_letter, read_back, tell_buried
from src.errors import Reason
from src.observability import JsonFormatter, Metrics, TextFormatter
from src.ports import Message, Origin
from tests.dead_letters import GROUP, INVALID, READ_MS, message

PLACE = {"partition": 0, "offset": 17, "timestamp_ms": 5}


def test_a_dead_letter_keeps_key_and_value_byte_for_byte_and_the_headers_of_the_record() -> None:
    sent = message(b"\xff\x00{", key=b"\xfe")
    assert (sent.key, sent.value) == (b"\xfe", b"\xff\x00{")
    assert sent.headers[:2] == (("trace", b"\xff\x00"), ("empty", None))


def test_what_is_read_back_is_what_was_told() -> None:
    told = read_back(message().headers, **PLACE)
    assert (told.letter_id, told.timestamp_ms) == ("0-17", 5)
    assert (told.reason, told.errors) == ("invalid", INVALID)
    assert (told.event_id, told.correlation_id) == ("e-1", "request-7")
    assert told.origin == Origin("mastery.events", 2, 41, READ_MS)


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        (b"record: nested too deeply", [Reason("", "nested too deeply")]),
        (
            b"data: must be an object; data_base64 is not understood; topic: must be text",
            [Reason("data", "must be an object; data_base64 is not understood"), Reason("topic", "must be text")],
        ),
        (b"event_type: must be one of a, b; or c: d", [Reason("event_type", "must be one of a, b; or c: d")]),
        (b"somebody else's words", [Reason("", "somebody else's words")]),
        (b"", []),
    ],
)
def test_reasons_are_told_apart_by_field(text: bytes, reasons: list[Reason]) -> None:
    assert list(read_back([("dlq-errors", text)], **PLACE).errors) == reasons


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("dlq-reason", None), ("dlq-errors", None), ("dlq-event-id", b"")],
        [("kafka_dlt-original-topic", b"t"), ("kafka_dlt-original-partition", b"1")],
        [("kafka_dlt-original-topic", b"t"), ("kafka_dlt-original-partition", struct.pack(">i", 1))],
    ],
)
def test_a_record_of_somebody_else_tells_nothing_and_is_no_failure(headers: list[tuple[str, bytes | None]]) -> None:
    told = read_back(headers, **PLACE)
    assert (told.reason, told.errors, told.event_id, told.correlation_id, told.origin) == (None, (), None, None, None)


def test_what_is_not_utf_8_is_read_all_the_same() -> None:
    assert read_back([("dlq-reason", b"\xff")], **PLACE).reason == "\N{REPLACEMENT CHARACTER}"


def test_the_message_of_another_tool_is_a_reason_for_the_whole() -> None:
    told = read_back([("__connect.errors.exception.message", b"boom")], **PLACE)
    assert told.errors == (Reason("", "boom"),)


def buried(caplog: pytest.LogCaptureFixture, *messages: Message) -> tuple[Metrics, list[logging.LogRecord]]:
    metrics = Metrics()
    with caplog.at_level(logging.WARNING, "mastery_engine.dead_letters"):
        tell_buried(messages, metrics)
    return metrics, caplog.records


def test_what_is_buried_is_counted_by_reason(caplog: pytest.LogCaptureFixture) -> None:
    metrics, _ = buried(caplog, message(), message(), message(code="conflict"))
    counted = {
        reason: metrics.registry.get_sample_value("mastery_engine_dead_letters_total", {"reason": reason})
        for reason in ("invalid", "conflict")
    }
    assert counted == {"invalid": 2, "conflict": 1}


def test_what_is_buried_is_logged_with_the_correlation_id_of_the_event_and_without_its_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, [line] = buried(caplog, message())
    assert (line.levelname, line.getMessage()) == ("WARNING", "DLQ record buried")
    fields = vars(line)
    assert (fields["reason"], fields["partition"], fields["offset"]) == ("invalid", 2, 41)
    assert fields["records"] == 1
    for formatter in (JsonFormatter(), TextFormatter()):
        text = formatter.format(line)
        assert text.count("correlation_id") == 1
        assert "request-7" in text
        assert "student-1" not in text


@pytest.mark.parametrize("given", ["ada.canary@school.example", "Ada Canary", "a\nb", "x" * 129, "é", "\ufffd"])
def test_a_correlation_id_that_may_hold_anything_is_not_told_of(given: str) -> None:
    record = Record(0, 1, None, b"", (("x-request-id", given.encode()),), 0)
    sent = dead_letter(record, "invalid", INVALID, group=GROUP, event_id=None, correlation_id=given)
    assert dict(sent.headers)["dlq-correlation-id"] == b""
    assert dict(sent.headers)["x-request-id"] == given.encode()


def test_a_correlation_id_cannot_forge_a_line_or_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    forged = Message("mastery.dlq", None, None, (("dlq-reason", b"invalid"), ("dlq-correlation-id", b"a\nb" * 9999)))
    _, [line] = buried(caplog, forged)
    text = TextFormatter().format(line)
    assert "\n" not in text
    assert len(text) < 1000


def test_the_group_is_named_for_the_tools_that_look_for_it() -> None:
    assert dict(message().headers)["kafka_dlt-original-consumer-group"] == GROUP.encode()


def test_the_tools_of_kafka_connect_read_text() -> None:
    headers = {name: value for name, value in message().headers if name.startswith("__connect.errors.")}
    assert {name.removeprefix("__connect.errors."): (value or b"").decode() for name, value in headers.items()} == {
        "topic": "mastery.events",
        "partition": "2",
        "offset": "41",
        "connector.name": GROUP,
        "task.id": "0",
        "stage": "VALUE_CONVERTER",
        "class.name": "mastery_engine.errors.InvalidEvent",
        "exception.class.name": "mastery_engine.errors.InvalidEvent",
        "exception.message": "data.correct_answers: must not be more than total_questions; topic: must be text",
    }


def test_the_tools_of_spring_read_numbers_as_big_endian_bytes() -> None:
    headers = dict(message().headers)
    partition, offset, timestamp = (
        headers[f"kafka_dlt-original-{name}"] or b"" for name in ("partition", "offset", "timestamp")
    )
    assert (len(partition), int.from_bytes(partition, "big")) == (4, 2)
    assert (len(offset), int.from_bytes(offset, "big")) == (8, 41)
    assert (len(timestamp), int.from_bytes(timestamp, "big")) == (8, READ_MS)
    assert headers["kafka_dlt-original-topic"] == b"mastery.events"
    assert headers["kafka_dlt-original-timestamp-type"] == b"CreateTime"
    assert headers["kafka_dlt-exception-fqcn"] == b"mastery_engine.errors.InvalidEvent"
    assert headers["kafka_dlt-exception-message"] == headers["dlq-errors"]


def test_a_second_round_as_a_dead_letter_replaces_what_the_first_has_left() -> None:
    first = message()
    again = Record(0, 7, first.key, first.value, first.headers, READ_MS)
    second = dead_letter(again, "conflict", INVALID[1:], group=GROUP, event_id=None, correlation_id="request-8")
    assert set(Counter(name for name, _ in second.headers).values()) == {1}
    assert second.headers[:2] == first.headers[:2]
    told = read_back(second.headers, **PLACE)
    assert (told.reason, told.errors, told.event_id, told.correlation_id) == (
        "conflict",
        INVALID[1:],
        None,
        "request-8",
    )
    assert told.origin == Origin("mastery.events", 0, 7, READ_MS)


def test_reasons_without_end_are_cut() -> None:
    reasons = [Reason(f"data.field_{number}", "must be text") for number in range(1000)]
    record = Record(0, 0, None, None, (), READ_MS)
    sent = dead_letter(record, "invalid", reasons, group=GROUP, event_id=None, correlation_id="")
    headers = dict(sent.headers)
    assert len(headers["dlq-errors"] or b"") == MAX_TEXT
    assert (sent.key, sent.value) == (None, None)


def test_a_storm_is_one_line_for_each_reason_with_the_first_of_them(caplog: pytest.LogCaptureFixture) -> None:
    _, lines = buried(caplog, *[message(offset=offset) for offset in range(40, 1040)], message(code="conflict"))
    told = [(vars(line)["reason"], vars(line)["records"], vars(line)["offset"]) for line in lines]
    assert told == [("invalid", 1000, 40), ("conflict", 1, 41)]
