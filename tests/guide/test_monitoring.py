"""The queries of the guide's dashboard, evaluated by a real Prometheus that scrapes the service."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.processes import Service
from tests.services import Prometheus, RedisServer
from tests.services.fixtures import opened

from .asking import answer, until

QUERIES = "Monitoring Dashboard Queries (Prometheus)"
CONTAINERS = b"""# TYPE container_memory_usage_bytes gauge
container_memory_usage_bytes{pod="mastery-engine-5d9c7b4b7c-x2x4z"} 2.1e8
# TYPE container_spec_memory_limit_bytes gauge
container_spec_memory_limit_bytes{pod="mastery-engine-5d9c7b4b7c-x2x4z"} 5.36870912e8
"""


class Recorded(BaseHTTPRequestHandler):
    """Answers with what a node's own exporter told of the container once: there is no node here."""

    def do_GET(self) -> None:  # the name that the library calls
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(CONTAINERS)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as it is named there
        """Say nothing."""


@pytest.fixture(scope="module")
def containers() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorded)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    serving.join()


@pytest.fixture(scope="module")
def prometheus(beside: Service, redis_server: RedisServer, containers: str) -> Iterator[Prometheus]:
    """Run it beside a service that fails twice: without a failure there is no rate of failures."""

    def fail() -> None:
        redis_server.freeze()
        assert answer(beside, "/ready")[0] == 503
        redis_server.thaw()

    with opened(Prometheus([beside.url.removeprefix("http://"), containers])) as one:
        fail()
        until(lambda: bool(one.query('http_requests_total{status="503"}')))
        fail()
        yield one


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(query, marks=pytest.mark.guide(QUERIES, query))
        for query in (
            "rate(http_requests_total[5m])",
            'rate(http_requests_total{status=~"5.."}[5m]) / rate(http_requests_total[5m])',
            "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[5m]))",
            'kafka_consumer_group_lag{group="mastery-engine-group"}',
            "rate(redis_commands_processed_total[5m])",
            'container_memory_usage_bytes{pod=~"mastery-engine-.*"} / container_spec_memory_limit_bytes',
        )
    ],
)
def test_every_query_of_the_guide_has_data(prometheus: Prometheus, beside: Service, query: str) -> None:
    def has_data() -> bool:
        answer(beside, "/ready")
        answer(beside, "/process", {"intent": "list_intents"})
        return bool(prometheus.query(query))

    until(has_data)
