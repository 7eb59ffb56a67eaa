"""How the service is at a glance."""

import httpx

from src.dashboard.admin.figures import figures_of
from src.observability import Metrics

from .conftest import read_api, write_trail


async def test_the_overview_tells_what_came_in_how_the_parts_are_and_what_is_left_to_do(
    school: httpx.AsyncClient,
) -> None:
    page = await school.get("/dashboard/admin")
    assert page.status_code == 200
    for text in (
        "Everything that the service needs answers.",
        "store",
        "sanitisation",
        "Counted",
        "Same id, other content",
    ):
        assert text in page.text, text
    assert 'href="/dashboard/admin/dead-letters/0-2"' in page.text


async def test_the_part_that_renews_itself_is_no_page_and_leaves_no_trace_in_the_audit_trail(
    client: httpx.AsyncClient,
) -> None:
    part = await client.get("/dashboard/admin/figures")
    assert part.status_code == 200
    assert "<html" not in part.text
    await client.get("/dashboard/admin")
    await write_trail(client)
    rows = (await read_api(client, "/api/v1/audit")).json()["entries"]
    actions = [row["action"] for row in rows]
    assert "dashboard.service" in actions
    assert "dashboard.service-figures" not in actions


def test_figures_are_what_the_metrics_tell() -> None:
    metrics = Metrics()
    before = figures_of(metrics)
    assert (before.taken, before.waiting, before.batch_ms, before.answer_ms, before.lag) == (0, 0, None, None, {})
    metrics.events.labels("applied").inc(3)
    metrics.events.labels("invalid").inc()
    metrics.ingest_seconds.observe(0.25)
    metrics.ingest_seconds.observe(0.75)
    metrics.lag.labels("g", "t", "1").set(4)
    metrics.lag.labels("g", "t", "0").set(2)
    metrics.refused.labels("1").set(1)
    metrics.refused.labels("0").set(0)
    metrics.gap.inc(7)
    metrics.streams.inc()
    metrics.observe_request("GET", "/x", 500, 0.5)
    found = figures_of(metrics)
    assert found.events == {"applied": 3, "invalid": 1}
    assert (found.taken, found.batches, found.batch_ms) == (4, 2, 500)
    assert (found.lag, found.waiting, found.refused, found.lost) == ({"0": 2, "1": 4}, 6, ("1",), 7)
    assert (found.requests, found.errors, found.answer_ms, found.slowest_ms) == (1, 1, 500, 500)
    assert found.streams == 1
