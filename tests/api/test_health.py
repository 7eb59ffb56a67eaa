"""What probes, Prometheus and readers of the documentation are answered, without a token."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from src import __version__
from src.config import Settings
from src.errors import StoreUnavailable
from src.main import create_app
from src.resources import Resources, open_resources

from .serving import client_of, fixed_clock
from .student import ADMIN
from .tokens import SECRET

REPORT = {"status", "version", "checks"}


async def test_live_tells_of_the_process_only(app_client: httpx.AsyncClient) -> None:
    answer = await app_client.get("/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": __version__, "checks": {}})


@pytest.mark.parametrize(("path", "spared"), [("/health", {"model"}), ("/ready", set[str]())])
async def test_health_and_readiness_tell_of_each_check(
    app_client: httpx.AsyncClient, path: str, spared: set[str]
) -> None:
    answer = await app_client.get(path)
    assert (answer.status_code, set(answer.json()), answer.json()["status"]) == (200, REPORT, "ok")
    assert set(answer.json()["checks"]) == {"store", "sanitisation", "process"} | spared
    for check in answer.json()["checks"].values():
        assert set(check) == {"status", "detail", "latency_ms"}
        assert (check["status"], check["latency_ms"] >= 0) == ("ok", True)
    assert answer.headers["Cache-Control"] == "no-store"


async def away() -> None:
    detail = "The store is away."
    raise StoreUnavailable(detail)


@asynccontextmanager
async def with_a_store_that_is_away(data_dir: Path) -> AsyncIterator[Resources]:
    settings = Settings(jwt_secret=SecretStr(SECRET), data_dir=data_dir)
    async with open_resources(settings, clock=fixed_clock) as resources:
        checks = {**resources.health.checks, "store": away}
        yield replace(resources, health=replace(resources.health, checks=checks))


async def test_a_dependency_that_is_away_is_503_while_the_process_lives(tmp_path: Path) -> None:
    app = create_app(lambda: with_a_store_that_is_away(tmp_path))
    async with app.router.lifespan_context(app), client_of(app) as client:
        for path in ("/health", "/ready"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
            assert answer.headers["Retry-After"] == "5"
            assert answer.json()["checks"]["store"]["detail"].startswith("The store is away")
            assert answer.json()["checks"]["sanitisation"]["status"] == "ok"
        assert (await client.get("/live")).status_code == 200
        assert 'mastery_engine_dependency_up{check="store"} 0.0' in (await client.get("/metrics")).text


async def test_the_metrics_are_in_the_text_format_of_prometheus(app_client: httpx.AsyncClient) -> None:
    await app_client.get("/live")
    answer = await app_client.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"http_requests", "http_request_duration_seconds", "mastery_engine_build_info"} <= families
    assert "mastery_engine" in answer.text


async def test_who_takes_openmetrics_gets_exemplars_that_name_a_request(app_client: httpx.AsyncClient) -> None:
    await app_client.get("/live", headers={"X-Request-ID": "asked-for-1"})
    answer = await app_client.get(
        "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0,*/*;q=0.1"}
    )
    assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert '# {correlation_id="asked-for-1"}' in answer.text
    assert answer.text.endswith("# EOF\n")


async def test_calls_to_the_store_and_the_sizes_of_batches_are_measured(client: httpx.AsyncClient) -> None:
    text = (await client.get("/metrics")).text
    labels = '{call="apply",outcome="done",port="evidence"}'
    assert f"mastery_engine_call_seconds_count{labels} 1.0" in text
    assert re.search(r"^mastery_engine_ingest_batch_events_sum [1-9]", text, re.MULTILINE)


async def test_retention_tells_when_it_was_through(app_client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while "timestamp_seconds 0.0" in (text := (await app_client.get("/metrics")).text):  # noqa: ASYNC110  # as a user asks
            await asyncio.sleep(0.01)
    assert 'mastery_engine_retention_swept_total{kind="students"}' in text


async def test_requests_are_counted_by_route_and_never_by_path(app_client: httpx.AsyncClient) -> None:
    for student in ("CANARY-1", "CANARY-2"):
        await app_client.get(f"/api/v1/students/{student}/mastery", headers=ADMIN)
    for path in ("/CANARY", "/api/v1/students/CANARY:/mastery", "/%43ANARY/../x"):
        await app_client.get(path)
    await app_client.request("CANARY", "/live")
    text = (await app_client.get("/metrics")).text
    route = "/api/v1/students/{student_id}/mastery"
    assert f'http_requests_total{{method="GET",route="{route}",status="200"}} 2.0' in text
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 2.0' in text
    assert 'method="other"' in text
    assert "CANARY" not in text


async def test_the_page_of_the_documentation_loads_nothing_from_elsewhere(app_client: httpx.AsyncClient) -> None:
    page = await app_client.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert linked
    for link in linked:
        assert not re.match(r"(?:[a-z]+:)?//", link)
        assert (await app_client.get(f"/{link}")).status_code == 200
    scripts = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert len(scripts) == 1
    assert f"'sha256-{base64.b64encode(sha256(scripts[0].encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]


@pytest.mark.parametrize("name", ["..%2f..%2fmain.py", "%2e%2e", "favicon.ico", "swagger-ui.css%00"])
async def test_the_documentation_serves_no_other_file(app_client: httpx.AsyncClient, name: str) -> None:
    answer = await app_client.get(f"/docs/assets/{name}")
    assert answer.status_code in (400, 404)


async def test_the_document_of_the_interface_describes_every_problem(app_client: httpx.AsyncClient) -> None:
    document = (await app_client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], f"{method} {path}"
            assert "422" not in operation["responses"]
            for status, response in operation["responses"].items():
                if status.startswith("4"):
                    assert list(response["content"]) == ["application/problem+json"], f"{method} {path} {status}"
            if path.startswith(("/api", "/process")):
                assert operation["security"] == [{"Token": []}], f"{method} {path}"
                assert {"400", "401", "503"} <= set(operation["responses"])
            if "requestBody" in operation and not path.startswith("/dapr"):
                assert {"403", "408", "413", "415"} <= set(operation["responses"])
    assert document["components"]["securitySchemes"]["Token"]["scheme"] == "bearer"


async def test_the_document_of_the_interface_tells_no_secret(app_client: httpx.AsyncClient) -> None:
    for path in ("/openapi.json", "/docs", "/metrics", "/health", "/ready", "/live"):
        assert SECRET not in (await app_client.get(path)).text
