"""Calls to an adapter are observed, and are otherwise as they were."""

import pytest
from prometheus_client import CollectorRegistry, Histogram

from src.adapters.timed import timed
from src.errors import StoreUnavailable


class Adapter:
    kept = "what is no call"

    async def read(self, key: str) -> str:
        if not key:
            detail = "away"
            raise StoreUnavailable(detail)
        return key.upper()

    def plain(self) -> str:
        return "not asynchronous"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def adapter(registry: CollectorRegistry) -> Adapter:
    return timed(Adapter(), "store", Histogram("calls", "", ["port", "call", "outcome"], registry=registry))


async def test_a_call_is_observed_by_its_outcome(adapter: Adapter, registry: CollectorRegistry) -> None:
    assert await adapter.read("a") == "A"
    assert await adapter.read(key="b") == "B"
    with pytest.raises(StoreUnavailable):
        await adapter.read("")
    for outcome, number in (("done", 2), ("failed", 1)):
        labels = {"port": "store", "call": "read", "outcome": outcome}
        assert registry.get_sample_value("calls_count", labels) == number


async def test_what_is_no_asynchronous_call_is_handed_through(adapter: Adapter) -> None:
    assert adapter.kept == "what is no call"
    assert adapter.plain() == "not asynchronous"
    with pytest.raises(AttributeError):
        adapter.missing  # type: ignore[attr-defined]  # noqa: B018  # this is what is tried
