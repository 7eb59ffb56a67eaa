"""Metrics over the wire, and those of two processes as one."""

import pytest

from src.exposition import asks_for_openmetrics, merged, plain
from src.observability import Metrics, correlation_id


async def text_of(*statuses: int, request: str = "-") -> bytes:
    metrics, token = Metrics(), correlation_id.set(request)
    for status in statuses:
        metrics.observe_request("GET", "/live", status, 0.5)
    correlation_id.reset(token)
    return await metrics.exposition()


async def test_what_both_processes_count_is_added_up_and_what_one_counts_is_kept() -> None:
    text = plain(merged(await text_of(200, 200, 503), await text_of(200))).decode()
    assert 'http_requests_total{method="GET",route="/live",status="200"} 3.0' in text
    assert 'http_requests_total{method="GET",route="/live",status="503"} 1.0' in text
    assert 'http_request_duration_seconds_bucket{le="0.5",method="GET",route="/live"} 4.0' in text


async def test_gauges_are_not_added_up() -> None:
    text = plain(merged(await text_of(), await text_of())).decode()
    assert 'mastery_engine_build_info{version="' in text
    assert "mastery_engine_performance_requests 0.0" in text
    assert "} 2.0" not in text


async def test_the_moment_at_which_counting_began_is_no_count() -> None:
    first = await text_of(200)
    for line in plain(merged(first, first)).decode().splitlines():
        if line.startswith("http_requests_created"):
            assert line in plain(first).decode()


@pytest.mark.parametrize("of", [0, 1])
async def test_exemplars_of_either_process_are_kept(of: int) -> None:
    texts = [await text_of(200, request="asked-for-1" if number == of else "-") for number in (0, 1)]
    assert b'# {correlation_id="asked-for-1"} 0.5' in merged(*texts)


async def test_the_plain_format_has_the_same_names_and_no_exemplars() -> None:
    text = plain(await text_of(200, request="asked-for-1")).decode()
    assert 'http_requests_total{method="GET",route="/live",status="200"} 1.0' in text
    assert "asked-for-1" not in text
    assert "# EOF" not in text


@pytest.mark.parametrize(
    ("accept", "asked"), [("", False), ("*/*", False), ("application/openmetrics-text; version=1.0.0", True)]
)
def test_only_who_asks_gets_openmetrics(accept: str, *, asked: bool) -> None:
    assert asks_for_openmetrics(accept) is asked
