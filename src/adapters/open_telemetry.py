"""Traces by OpenTelemetry, sent by OTLP over HTTP: needs the extra ``traces``, and is imported where they are on."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import __version__
from ..tracing import Headers

CORRELATION = "correlation_id"
SHOWN = frozenset(
    {
        *("http.method", "http.request.method", "http.route", "http.status_code", "http.response.status_code"),
        *("http.scheme", "http.flavor", "db.system", "db.redis.pipeline_length", "error.type"),
        *("messaging.system", "messaging.operation", "messaging.batch.message_count", "messaging.destination.name"),
        CORRELATION,
    }
)
"""What a span may tell: no path, no address, no statement, since these can hold the id of a student."""
MAX_LINKS = 100
_QUIET = "/live,/health,/ready,/metrics"
_REQUEST_ID = b"x-request-id"


class OpenTelemetry:
    """Spans of requests, of commands to Redis and of batches; W3C context over HTTP and in the headers of records."""

    def __init__(self, endpoint: str, *, exporter: SpanExporter | None = None) -> None:
        self._provider = TracerProvider(
            resource=Resource({"service.name": "mastery-engine", "service.version": __version__})
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(_Discreet(exporter or OTLPSpanExporter(endpoint=endpoint)))
        )
        self._tracer = self._provider.get_tracer("mastery_engine")
        self._redis = RedisInstrumentor()
        self._redis.instrument(tracer_provider=self._provider)

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return the application with a span around each request but those of probes."""
        return OpenTelemetryMiddleware(
            _named(app),
            excluded_urls=_QUIET,
            default_span_details=lambda scope: (str(scope.get("method", "")), {}),
            tracer_provider=self._provider,
            exclude_spans=["receive", "send"],
        )

    def headers(self) -> Headers:
        """Return the ``traceparent`` of the span that is under way, where there is one."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return tuple((name, value.encode()) for name, value in carrier.items())

    def batch(self, headers: Iterable[Headers]) -> AbstractContextManager[object]:
        """Return a span around a batch, linked to the traces of its first records."""
        records = list(headers)
        return self._tracer.start_as_current_span(
            "process mastery.events",
            kind=SpanKind.CONSUMER,
            links=list(_links(records))[:MAX_LINKS],
            attributes={
                "messaging.system": "kafka",
                "messaging.operation": "process",
                "messaging.destination.name": "mastery.events",
                "messaging.batch.message_count": len(records),
            },
        )

    def close(self) -> None:
        """Send what was not sent yet, and leave the driver of Redis as it was."""
        self._redis.uninstrument()
        self._provider.shutdown()


def _named(app: ASGIApp) -> ASGIApp:
    """Name the span of a request by its route, as soon as that is known, and by its correlation id."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                span, route = trace.get_current_span(), getattr(scope.get("route"), "path", "unmatched")
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.route", route)
                span.set_attribute(CORRELATION, dict(message["headers"]).get(_REQUEST_ID, b"-").decode())
            await send(message)

        await app(scope, receive, send_named)

    return handle


def _links(records: Sequence[Headers]) -> Iterable[Link]:
    seen = set()
    for headers in records:
        carrier = {name.lower(): value.decode("ascii", "replace") for name, value in headers if value}
        context = trace.get_current_span(propagate.extract(carrier)).get_span_context()
        if context.is_valid and context.span_id not in seen:
            seen.add(context.span_id)
            yield Link(context)


class _Discreet(SpanExporter):
    """Sends of each span only what it may tell."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        return self._exporter.export([_discreet(span) for span in spans])

    def shutdown(self) -> None:
        """Close the connections."""
        self._exporter.shutdown()


def _discreet(span: ReadableSpan) -> ReadableSpan:
    attributes: dict[str, Any] = {name: value for name, value in (span.attributes or {}).items() if name in SHOWN}
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        # No events: those of exceptions hold the text of a traceback.
        links=span.links,
        kind=span.kind,
        status=trace.Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
