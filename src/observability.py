"""Logs, correlation and metrics."""

import json
import logging
import re
import sys
import traceback
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from . import __version__

correlation_id: Final[ContextVar[str]] = ContextVar("correlation_id", default="-")
"""The id of the request that is being served."""

trace_parent: Final[ContextVar[str | None]] = ContextVar("trace_parent", default=None)
"""The W3C trace context that the request came with."""

_TRACE_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)

LOGGER = "mastery_engine"
MAX_EXEMPLAR = 100
SIZES = (1, 10, 100, 1000, 10_000, 100_000)
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SERVER_LOGGERS = ("uvicorn", "uvicorn.error")
_log = logging.getLogger("mastery_engine.main")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127, 0x85, 0x2028, 0x2029)}


def is_correlation_id(text: str) -> bool:
    """Tell whether the id that a sender gives to a request may stand in logs: it cannot hold just anything."""
    return _CORRELATION_ID.fullmatch(text) is not None


def is_trace_parent(text: str) -> bool:
    """Tell whether a text is a trace context as W3C has it."""
    return _TRACE_PARENT.fullmatch(text) is not None


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, correlation_id, and the fields given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "correlation_id": correlation_id.get(),
            **_trace(),
            **_fields(record),
        }
        if record.exc_info and record.exc_info[0]:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(
            line, default=str, separators=(",", ":")
        )  # in ASCII: whatever a field holds, the line stays one and can be written


class TextFormatter(logging.Formatter):
    """The same for people: one line a record, control characters made visible."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, and the traceback of an error below it."""
        # The id of the request, unless the record tells another: that of the event that it speaks of.
        given = _fields(record)
        given["correlation_id"] = given.pop("correlation_id", correlation_id.get())
        fields = "".join(f" {name}={value}" for name, value in (given | _trace()).items())
        line = f"{_time(record)} {record.levelname:<7} {record.name} "
        line += f"{record.getMessage()}{fields}".translate(_CONTROL)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure_logging(level: str, *, as_json: bool, audits: bool = True, stream: TextIO | None = None) -> None:
    """Send the records of the service and of its server to standard error, in one format.

    Where it ``audits``, what is recorded in the audit trail is always written, whatever the level.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in _SERVER_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    set_level(level, audits=audits)


def set_level(level: str, *, audits: bool = True) -> None:
    """Write records from a level on, from now on."""
    logging.getLogger(LOGGER).setLevel(level)
    logging.getLogger(f"{LOGGER}.audit").setLevel(logging.INFO if audits and level != "DEBUG" else level)
    for name in _SERVER_LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO if level != "DEBUG" else logging.DEBUG)


def switch_debug(level: str) -> None:
    """Write DEBUG records too, or, where that is so already, those from the level on."""
    debug = logging.getLogger(LOGGER).getEffectiveLevel() == logging.DEBUG
    set_level(level if debug else "DEBUG")
    _log.warning("SERVICE log level changed", extra={"log_level": level if debug else "DEBUG"})


class ToldCounter(Collector):
    """A counter that somebody else keeps: shown as it was last told, and not at all before that."""

    def __init__(self, name: str, text: str, *, registry: CollectorRegistry) -> None:
        self._name = name
        self._text = text
        self.told: int | None = None
        registry.register(self)

    def collect(self) -> list[CounterMetricFamily]:
        """Return the counter."""
        return [CounterMetricFamily(self._name, self._text, value=self.told)]


class Metrics:
    """The metrics of one process, on a registry of their own.

    ``performance_metrics`` holds the running figures of the requests, as the request middleware updates them.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("http_requests", "Requests answered.", "method", "route", "status")
        self.request_seconds = self._histogram(
            "http_request_duration_seconds",
            "Time from request to the beginning of the answer.",
            "method",
            "route",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self.events = self._counter("mastery_engine_events", "Events by what became of them.", "status")
        self.ingest_seconds = self._histogram(
            "mastery_engine_ingest_seconds", "Time to validate, apply and remember one batch of events."
        )
        self.gap = self._counter(
            "mastery_engine_kafka_lost_records", "Records that were gone from the log before they were read."
        )
        self.refused = self._gauge(
            "mastery_engine_kafka_refused",
            "1 for a partition that is not read, since its state is lost and the log cannot fill it again.",
            "partition",
        )
        self.dead_letters = self._counter("mastery_engine_dead_letters", "Records buried in mastery.dlq.", "reason")
        self.limited = self._counter("mastery_engine_rate_limited", "Requests beyond a limit.", "route_class")
        self.dapr_events = self._counter(
            "mastery_engine_dapr_events", "Events that Dapr delivered, by the answer.", "status"
        )
        self.notices = self._counter(
            "mastery_engine_notices", "Deliveries that were tried, by their end.", "target", "outcome"
        )
        self.notices_pending = self._gauge(
            "mastery_engine_notices_pending", "Notices that a target is still to hear.", "target"
        )
        self.lag = self._gauge(
            "kafka_consumer_group_lag", "Records that the group has not committed.", "group", "topic", "partition"
        )
        self.redis_commands = ToldCounter(
            "redis_commands_processed", "Commands that Redis has processed, as it says itself.", registry=self.registry
        )
        self.redis_memory = self._gauge("redis_memory_used_bytes", "Memory that Redis uses, as it says itself.")
        self.redis_max_memory = self._gauge("redis_memory_max_bytes", "Memory that Redis may use; 0 is no limit.")
        self.answers = self._counter(
            "mastery_engine_answers", "Answers about mastery, by where they came from.", "source"
        )
        self.batches = self._counter("mastery_engine_batches", "Batch jobs by what became of them.", "kind", "status")
        self.batch_items = self._counter("mastery_engine_batch_items", "Students done in batch jobs.", "kind", "status")
        self.batch_seconds = self._histogram(
            "mastery_engine_batch_seconds",
            "Time from taking a batch job to its end.",
            "kind",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
        )
        self.streams = self._gauge("mastery_engine_streams", "Streams that are open.")
        self.stream_events = self._counter("mastery_engine_stream_events", "Events sent on streams.", "event")
        self.ingest_events = self._histogram(
            "mastery_engine_ingest_batch_events", "Events that came together by HTTP, Dapr or a file.", buckets=SIZES
        )
        self.pipeline_records = self._histogram(
            "mastery_engine_pipeline_batch_records", "Records of a batch of the consumer.", buckets=SIZES
        )
        self.pipeline_seconds = self._histogram(
            "mastery_engine_pipeline_seconds",
            "Time that a batch of the consumer took up to the end of a stage, from the end of the one before.",
            "stage",
            buckets=SECONDS,
        )
        self.end_to_end_seconds = self._histogram(
            "mastery_engine_end_to_end_seconds",
            "Time from when Kafka received a record to when what follows from it was published.",
            buckets=SECONDS,
        )
        self.calls = self._histogram(
            "mastery_engine_call_seconds",
            "Time of calls to the store and to the broker.",
            "port",
            "call",
            "outcome",
            buckets=SECONDS,
        )
        self.swept = self._counter("mastery_engine_retention_swept", "What retention has forgotten.", "kind")
        self.swept_at = self._gauge(
            "mastery_engine_retention_last_success_timestamp_seconds",
            "When retention was last through with everything.",
        )
        self.predictions_scored = self._counter(
            "mastery_engine_predictions_scored", "Answers that were predicted before they were added.", "model"
        )
        self.prediction_auc = self._gauge(
            "mastery_engine_prediction_auc",
            "How well the newest of them were put in order: 0.5 is chance, 1 without fault.",
            "model",
        )
        self.prediction_calibration = self._gauge(
            "mastery_engine_prediction_calibration_error",
            "By how much the newest of them were off, as a fraction, over ten bins of equal count.",
            "model",
        )
        self.prediction_window = self._gauge(
            "mastery_engine_prediction_window", "How many of the newest of them the two figures are of.", "model"
        )
        self.up = self._gauge("mastery_engine_dependency_up", "1 where a dependency answered its last check.", "check")
        build = self._gauge("mastery_engine_build_info", "The version that runs.", "version")
        build.labels(version=__version__).set(1)
        self.performance_metrics: dict[str, float] = dict.fromkeys(
            ("requests", "errors", "seconds_total", "seconds_max"), 0
        )
        for name, text in _PERFORMANCE.items():
            gauge = Gauge(f"mastery_engine_performance_{name}", text, registry=self.registry)
            gauge.set_function(lambda name=name: self.performance_metrics[name])  # type: ignore[misc]  # bound per name

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, *labels: str, buckets: Sequence[float] = Histogram.DEFAULT_BUCKETS
    ) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Record one answered request; route is the template, never the path."""
        self.requests.labels(method, route, str(status)).inc()
        self.request_seconds.labels(method, route).observe(seconds, _exemplar())
        figures = self.performance_metrics
        figures["requests"] += 1
        figures["errors"] += status >= 500  # noqa: PLR2004  # server errors
        figures["seconds_total"] += seconds
        figures["seconds_max"] = max(figures["seconds_max"], seconds)

    async def exposition(self) -> bytes:
        """Return all metrics as OpenMetrics."""
        return bytes(generate_latest(self.registry))  # type: ignore[no-untyped-call]  # it has no types there


def _exemplar() -> dict[str, str] | None:
    """Return the request that is served, as an exemplar of what is observed; OpenMetrics has no room for long ids."""
    request = correlation_id.get()
    return None if request == "-" or len(request) > MAX_EXEMPLAR else {"correlation_id": request}


_PERFORMANCE = {
    "requests": "Requests answered since the start.",
    "errors": "Requests answered with a server error since the start.",
    "seconds_total": "Time spent on requests since the start.",
    "seconds_max": "The slowest request since the start.",
}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _trace() -> dict[str, str]:
    """Return the id of the trace that is being served, where there is one."""
    parent = trace_parent.get()
    return {} if parent is None else {"trace_id": parent.split("-")[1]}
