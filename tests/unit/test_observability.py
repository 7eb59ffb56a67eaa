"""Logs that machines read line by line, text that people read, and the names of the metrics."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from src import __version__
from src.observability import LOGGER, JsonFormatter, Metrics, TextFormatter, configure_logging, correlation_id

HOSTILE = {
    "a line break": 'first\nlevel=ERROR "message":"forged"',
    "a carriage return": "first\r\nsecond",
    "ANSI": "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "quotes": '","level":"ERROR","x":"\\',
    "NUL": "a\0b",
    "a tab, a form feed, a vertical tab": "a\tb\fc\vd",
    "separators of lines": "a\u2028b\u2029c\u0085d",
    "separators of records": "a\x1cb\x1dc\x1ed",
    "a letter beyond the first plane": "\U0001f600",
    "format characters": "%s %d {0} {name}",
}


def record(message: str = "EVENT done", *, error: BaseException | None = None, **fields: Any) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error else None
    return logging.getLogger("mastery_engine.test").makeRecord(
        "mastery_engine.test", logging.INFO, __file__, 1, message, (), exc_info, extra=fields
    )


def failed() -> ZeroDivisionError:
    try:
        1 / 0  # noqa: B018  # it fails
    except ZeroDivisionError as error:
        return error
    raise AssertionError


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Put back what ``configure_logging`` changes for the whole process."""
    loggers = [logging.getLogger(name) for name in ("", LOGGER, f"{LOGGER}.audit", "uvicorn", "uvicorn.error")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_a_record_is_one_json_object_with_its_fields() -> None:
    line = json.loads(JsonFormatter().format(record(student_count=3, share=0.5, day=date(2026, 1, 15))))
    assert list(line)[:5] == ["time", "level", "logger", "message", "correlation_id"]
    assert line["time"].endswith("Z")
    assert (line["level"], line["logger"], line["message"]) == ("INFO", "mastery_engine.test", "EVENT done")
    assert (line["student_count"], line["share"], line["day"]) == (3, 0.5, "2026-01-15")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_json_record_is_one_line_whatever_its_fields_hold(name: str) -> None:
    text = JsonFormatter().format(record(HOSTILE[name].replace("%", "%%"), value=HOSTILE[name]))
    assert "\n" not in text
    assert "\r" not in text
    assert not [character for character in text if ord(character) < 0x20]
    line = json.loads(text)
    assert (line["value"], line["level"]) == (HOSTILE[name], "INFO")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_record_is_one_line_whatever_its_fields_hold(name: str) -> None:
    text = TextFormatter().format(record(HOSTILE[name].replace("%", "%%"), value=HOSTILE[name]))
    assert len(text.splitlines()) == 1
    assert not [character for character in text if ord(character) < 0x20]


def test_an_exception_is_a_field_of_a_json_record() -> None:
    text = JsonFormatter().format(record(error=failed()))
    assert len(text.splitlines()) == 1
    assert json.loads(text)["exception"].startswith("Traceback (most recent call last):\n")
    assert json.loads(text)["exception"].endswith("ZeroDivisionError: division by zero\n")
    assert "exception" not in json.loads(JsonFormatter().format(record()))


def test_an_exception_stands_below_a_text_record() -> None:
    first, *rest = TextFormatter().format(record(error=failed(), status=500)).splitlines()
    assert first.endswith("mastery_engine.test EVENT done status=500 correlation_id=-")
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-1] == "ZeroDivisionError: division by zero"


def test_records_carry_the_id_of_the_request_that_is_served() -> None:
    token = correlation_id.set("request-1")
    try:
        assert json.loads(JsonFormatter().format(record()))["correlation_id"] == "request-1"
        assert TextFormatter().format(record()).endswith("correlation_id=request-1")
    finally:
        correlation_id.reset(token)
    assert json.loads(JsonFormatter().format(record()))["correlation_id"] == "-"


@pytest.mark.parametrize(
    "value", [float("nan"), {"a": [1, None, True]}, b"\xff", object, ValueError("x"), {1, 2}, 10**30]
)
def test_a_field_of_any_type_is_written(value: object) -> None:
    assert "value" in json.loads(JsonFormatter().format(record(value=value)))


def test_only_records_of_the_level_and_above_are_written(logging_as_before: None) -> None:
    del logging_as_before
    stream = io.StringIO()
    configure_logging("WARNING", as_json=True, stream=stream)
    logging.getLogger("mastery_engine.test").info("too low")
    logging.getLogger("mastery_engine.test").warning("WRITTEN %d", 1, extra={"a": "b\nc"})
    logging.getLogger("another.library").info("not ours")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["message"], line["a"]) for line in lines] == [("WRITTEN 1", "b\nc")]


@pytest.mark.parametrize(("audits", "written"), [(True, ["AUDIT recorded"]), (False, [])])
def test_what_is_audited_is_written_whatever_the_level(
    logging_as_before: None, *, audits: bool, written: list[str]
) -> None:
    del logging_as_before
    stream = io.StringIO()
    configure_logging("ERROR", as_json=True, audits=audits, stream=stream)
    logging.getLogger("mastery_engine.audit").info("AUDIT recorded")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == written


@pytest.mark.parametrize(("as_json", "start"), [(True, '{"time":"'), (False, "20")])
def test_the_server_writes_in_the_format_of_the_service(logging_as_before: None, *, as_json: bool, start: str) -> None:
    del logging_as_before
    stream = io.StringIO()
    configure_logging("INFO", as_json=as_json, stream=stream)
    logging.getLogger("uvicorn.error").info("Started")
    logging.getLogger("mastery_engine.test").info("SERVICE started")
    assert [line[: len(start)] for line in stream.getvalue().splitlines()] == [start, start]


def test_records_go_to_standard_error(logging_as_before: None, capsys: pytest.CaptureFixture[str]) -> None:
    del logging_as_before
    configure_logging("INFO", as_json=True)
    logging.getLogger("mastery_engine.test").info("SERVICE started")
    captured = capsys.readouterr()
    assert (captured.out, json.loads(captured.err)["message"]) == ("", "SERVICE started")


METRICS = {
    "http_requests": "counter",
    "http_request_duration_seconds": "histogram",
    "mastery_engine_events": "counter",
    "mastery_engine_ingest_seconds": "histogram",
    "mastery_engine_answers": "counter",
    "mastery_engine_kafka_lost_records": "counter",
    "kafka_consumer_group_lag": "gauge",
    "mastery_engine_dependency_up": "gauge",
    "mastery_engine_build_info": "gauge",
    "mastery_engine_performance_requests": "gauge",
    "mastery_engine_performance_errors": "gauge",
    "mastery_engine_performance_seconds_total": "gauge",
    "mastery_engine_performance_seconds_max": "gauge",
}


async def test_the_exposition_has_every_metric_by_its_name() -> None:
    metrics = Metrics()
    metrics.observe_request("GET", "/live", 200, 0.5)
    metrics.events.labels("applied").inc()
    metrics.answers.labels("cache").inc()
    metrics.up.labels("store").set(1)
    text = (await metrics.exposition()).decode()
    families = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]  # it has no types there
    assert METRICS.items() <= {family.name: family.type for family in families}.items()
    assert all(family.documentation for family in families)
    assert 'http_requests_total{method="GET",route="/live",status="200"} 1.0' in text
    assert 'mastery_engine_events_total{status="applied"} 1.0' in text
    assert f'mastery_engine_build_info{{version="{__version__}"}} 1.0' in text


@pytest.mark.parametrize(
    ("request_id", "shown"), [("asked-for-1", True), ("-", False), ("x" * 101, False)], ids=["short", "none", "long"]
)
async def test_a_request_is_the_exemplar_of_its_time_where_there_is_room_for_its_id(
    request_id: str, *, shown: bool
) -> None:
    metrics, token = Metrics(), correlation_id.set(request_id)
    metrics.observe_request("GET", "/live", 200, 0.5)
    correlation_id.reset(token)
    assert (f'# {{correlation_id="{request_id}"}} 0.5' in (await metrics.exposition()).decode()) is shown


async def test_the_running_figures_follow_the_requests() -> None:
    metrics = Metrics()
    for status, seconds in ((200, 0.25), (404, 0.5), (503, 0.125)):
        metrics.observe_request("GET", "/live", status, seconds)
    figures = {"requests": 3, "errors": 1, "seconds_total": 0.875, "seconds_max": 0.5}
    assert metrics.performance_metrics == figures
    text = (await metrics.exposition()).decode()
    for name, value in figures.items():
        assert f"mastery_engine_performance_{name} {float(value)}" in text


async def test_two_sets_of_metrics_do_not_know_each_other() -> None:
    first, second = Metrics(), Metrics()
    first.observe_request("GET", "/live", 200, 1)
    assert second.performance_metrics["requests"] == 0
    assert b"/live" not in await second.exposition()
