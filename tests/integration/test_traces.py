"""Traces: nothing where they are off; where they are on, from a request to the batch, and no personal data."""

import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from src.config import Settings
from src.resources import open_tracing
from src.security import Role, SecurityManager
from tests.guide.asking import NOW, answer, until
from tests.making import wire
from tests.processes import ROOT, SECRET, Service, service
from tests.services import KafkaBroker, RedisServer

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
STUDENT = "somebody-whom-no-span-may-name"
ROUTE = "/api/v1/students/{student_id}/mastery"
LOADED = """
import sys, src.main, src.commands.serve, src.processes, src.kafka_consumer
ours = ("opentelemetry.instrumentation", "opentelemetry.exporter", "src.adapters.open_telemetry")
# The driver of Redis imports of OpenTelemetry what it finds, for metrics of its own.
print([name for name in sys.modules if name.startswith(ours)])
"""


class Collector(NamedTuple):
    """What takes spans, as a collector does."""

    url: str
    bodies: list[bytes]

    @property
    def spans(self) -> list[Span]:
        """Return every span that came."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [s for one in requests for r in one.resource_spans for scope in r.scope_spans for s in scope.spans]

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name."""
        return [span for span in self.spans if span.name == name]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    bodies: list[bytes] = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as it is named there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield Collector(f"http://127.0.0.1:{server.server_port}/v1/traces", bodies)
    server.shutdown()
    server.server_close()
    serving.join()


@pytest.fixture(scope="module")
def spans(
    collector: Collector, kafka: KafkaBroker, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Collector:
    """Run the service while an event is sent in a trace of the sender's, until it counts; then all spans are sent."""
    kafka.clear()
    redis_server.run_cli("FLUSHALL")
    settings = {
        "REDIS_URL": redis_server.url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.url,
    }
    with service(tmp_path_factory.mktemp("traced"), **settings) as one:
        until(lambda: answer(one, "/ready")[0] == 200)
        send(one)
        until(lambda: answer(one, f"/api/v1/students/{STUDENT}/events/e-1")[1].get("status") == "applied")
        answer(one, f"/api/v1/students/{STUDENT}/mastery")
        one.stop()
    return collector


def send(running: Service) -> None:
    token = SecurityManager(SECRET).issue_jwt("producer", [Role.SERVICE], 600)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
        "X-Request-ID": "asked-for-1",
    }
    body = json.dumps(wire("e-1", student_id=STUDENT, timestamp=NOW.isoformat())).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{running.url}/api/v1/events", body, headers), timeout=30):
        pass


def test_where_traces_are_off_nothing_is_imported_for_them() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    tracing = open_tracing(Settings())
    application = object()
    assert tracing.around(application) is application  # type: ignore[arg-type]  # whatever it is
    assert tracing.headers() == ()


def test_a_request_goes_on_with_the_trace_of_who_sent_it(spans: Collector) -> None:
    [span] = spans.named("POST /api/v1/events")
    told = {one.key: one.value.string_value for one in span.attributes}
    assert span.trace_id.hex() == TRACE
    assert (told["http.route"], told["correlation_id"]) == ("/api/v1/events", "asked-for-1")


def test_the_batch_of_the_consumer_is_linked_to_the_request(spans: Collector) -> None:
    [request] = spans.named("POST /api/v1/events")
    batches = spans.named("process mastery.events")
    assert [(link.trace_id.hex(), link.span_id) for batch in batches for link in batch.links] == [
        (TRACE, request.span_id)
    ]


def test_commands_to_redis_belong_to_what_they_are_for(spans: Collector) -> None:
    [reading] = spans.named(f"GET {ROUTE}")
    inside = [span for span in spans.spans if span.parent_span_id == reading.span_id]
    assert inside
    assert all(
        one.value.string_value == "redis" for span in inside for one in span.attributes if one.key == "db.system"
    )


def test_no_span_names_a_student_and_probes_have_none(spans: Collector) -> None:
    assert spans.bodies
    assert not [body for body in spans.bodies if STUDENT.encode() in body]
    assert not [span.name for span in spans.spans if "ready" in span.name]
